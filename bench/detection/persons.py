"""Made-up personal values with right check digits: numbers, documents, addresses, wallets."""

import base64
import unicodedata

from common import BASE58, FIRST, LAST, R, base58, base58check, bech32, keccak256, luhn

# ---- e-mail ----

MAIL_DOMAINS = ["gmail.com", "outlook.com", "yahoo.co.uk", "gmx.de", "proton.me", "orange.fr", "libero.it",
    "icloud.com",
                "northfold.io", "brightwaterlabs.com", "haldenmoss.co.uk", "quarrymedia.net",
                    "tidelands-energy.com",
                "orchardhealth.org", "lumenfreight.eu", "mail.castellan-ins.com", "stud.uni-marlow.edu",
                    "copperline.bank"]


def ascii_of(text):
    folded = unicodedata.normalize("NFKD", text.replace("ø", "o"))
    return "".join(c for c in folded if c.isascii()).lower()


def email(r: R):
    first, last = ascii_of(r.choice(FIRST)), ascii_of(r.choice(LAST))
    local = r.pick(f"{first}.{last}", f"{first[0]}{last}", f"{first}_{last}{r.dig(2)}", f"{last}{r.num(4)}",
        f"{first}.{last}+{r.word()}", f"{first}-{last}", f"{first}{r.dig(2)}")
    return f"{local.title() if r.random() < 0.05 else local}@{r.choice(MAIL_DOMAINS)}"


# ---- phone: '#' a digit, 'N' 2-9 ----

PHONES_INTERNATIONAL = """+1 (N##) N##-####|+1 N##-N##-####|+1N##N######|+44 20 7### ####|+44 7### ######|+44 (0)161 ### ####
+49 30 N#######|+49 151 N#######|+49 (0)89 N######|+4917N########|+33 6 ## ## ## ##
+33 (0)1 4# ## ## ##|+33 6########|+39 347 ### ####|+39 06 N#######|+34 6## ### ###|+34 91 ### ## ##
+31 6 N#######|+31 20 N## ####|+32 47# ## ## ##|+41 79 ### ## ##|+41 44 N## ## ##|+43 664 N######
+43 1 N######|+46 70 N## ## ##|+47 9## ## ###|+45 N# ## ## ##|+358 40 N######|+48 5## ### ###
+420 60# ### ###|+351 91# ### ###|+353 87 N## ####|+30 69# ### ####|+36 30 N## ####|+40 72# ### ###
+90 53# ### ## ##|+7 916 N##-##-##|+380 67 N## ## ##|+972 54-N##-####|+971 50 N## ####
+966 5# ### ####|+20 10 #### ####|+27 82 N## ####|+234 80# ### ####|+254 72# ######|+91 98### #####
+91-97########|+86 138 #### ####|+81 90-N###-####|+81-3-N###-####|+82 10-N###-####|+61 4## ### ###
+61 2 9### ####|+64 21 N## ####|+55 11 9N###-####|+52 55 N### ####|+54 9 11 N###-####
+57 310 N## ####|+56 9 N### ####|+65 9### ####|+852 9### ####|+60 12-N## ####|+62 812-N###-####
+63 917 N## ####|+84 90# ### ###|+66 81 N## ####""".replace("\n", "|").split("|")
PHONES_NATIONAL = """(N##) N##-####|N##-N##-####|N##.N##.####|1-N##-N##-####|020 7### ####|07### ######|0161 N## ####
030 N#######|0151 N#######|089/N######|0171-N######|06 ## ## ## ##|01.4#.##.##.##|06 N#######
06-N#######|079 N## ## ##|0664 N######|070-N## ## ##|8 (916) N##-##-##|010-N###-####|090-N###-####
03-N###-####|(02) 9### ####|04## ### ###|(11) 9N###-####|011 9N###-####|082 N## ####|600 ### ###
347 ### ####""".replace("\n", "|").split("|")


def fill(r, form):
    digits = {"#": "0123456789", "N": "23456789"}
    return "".join(r.choice(digits[c]) if c in digits else c for c in form)


# ---- cards and accounts ----

CARD_BRANDS = [("visa", "4", 16), ("mastercard", "5#", 16), ("mastercard-2", "2###", 16), ("amex", "37", 15),
    ("discover", "6011", 16), ("jcb", "35##", 16), ("diners", "36", 14), ("unionpay", "62", 16)]


def card(r, brand):
    _, head, size = brand
    if head == "5#":
        head = f"5{r.randint(1, 5)}"
    elif head == "2###":
        head = str(r.randint(2221, 2720))
    elif head == "35##":
        head = str(r.randint(3528, 3589))
    body = head + r.dig(size - 1 - len(head))
    return body + luhn(body)


def grouped(number, sep):
    if len(number) == 15:
        return sep.join((number[:4], number[4:10], number[10:]))
    if len(number) == 14:
        return sep.join((number[:4], number[4:10], number[10:]))
    return sep.join(number[i:i + 4] for i in range(0, len(number), 4))


# Country -> its BBAN: '#' a digit, 'A' a capital, 'X' a capital or a digit.
IBANS = {"DE": "#" * 18, "AT": "#" * 16, "CH": "#" * 5 + "X" * 12, "FR": "#" * 10 + "X" * 11 + "##",
    "ES": "#" * 20, "IT": "A" + "#" * 10 + "X" * 12, "NL": "AAAA" + "#" * 10,
         "BE": "#" * 12, "GB": "AAAA" + "#" * 14, "IE": "AAAA" + "#" * 14, "PT": "#" * 21, "PL": "#" * 24,
             "SE": "#" * 20, "NO": "#" * 11, "DK": "#" * 14, "FI": "#" * 14, "CZ": "#" * 20,
         "LU": "###" + "X" * 13, "GR": "#" * 7 + "X" * 16, "HU": "#" * 24, "RO": "AAAA" + "X" * 16,
             "TR": "#" * 5 + "0" + "X" * 16, "AE": "#" * 19, "SA": "##" + "X" * 18, "IL": "#" * 19}


def iban(r, country):
    sets = {"#": "0123456789", "A": "ABCDEFGHIKLMNOPRSTUW", "X": "0123456789"}
    bban = "".join(r.choice(sets[c]) if c in sets else c for c in IBANS[country])
    number = int("".join(str(int(c, 36)) for c in bban + country + "00"))
    return f"{country}{98 - number % 97:02}{bban}"


# ---- national ids: name in the text -> number ----

def weighted(digits, weights):
    return sum(int(d) * w for d, w in zip(digits, weights))


def retry(build):
    """Some schemes leave bodies without a check digit: draw again."""
    def made(r):
        while True:
            value = build(r)
            if value:
                return value
    return made


def yymmdd(r, order="ymd"):
    parts = {"y": f"{r.randint(50, 99):02}", "m": f"{r.randint(1, 12):02}", "d": f"{r.randint(1, 28):02}"}
    return "".join(parts[c] for c in order)


def nl_bsn(r):
    body = r.num(8)
    check = weighted(body, range(9, 1, -1)) % 11
    return body + str(check) if check < 10 else None


def es_dni(r):
    n = r.randrange(10_000_000, 99_999_999)
    return f"{n}{'TRWAGMYFPDXBNJZSQVHLCKE'[n % 23]}"


def es_nie(r):
    head, body = r.randrange(3), r.dig(7)
    return f"{'XYZ'[head]}{body}{'TRWAGMYFPDXBNJZSQVHLCKE'[int(str(head) + body) % 23]}"


def it_cf(r):
    body = "".join(r.choice("BCDFGLMNPRSTV") for _ in range(
        6)) + f"{r.randint(40, 99)}{r.choice('ABCDEHLMPRST')}{r.choice([r.randint(1, 28), r.randint(41, 68)]):02}{r.choice('ABCDFGHL')}{r.randint(100, 999)}"
    odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23]
    index = lambda c: int(c) if c.isdigit() else ord(c) - 65
    return body + chr(65 + sum(odd[index(c)] if i % 2 == 0 else index(c) for i, c in enumerate(body)) % 26)


def fr_nir(r):
    body = (
        f"{r.randint(1, 2)}{r.randint(50, 99)}{r.randint(1, 12):02}{r.randint(1, 95):02}{r.randint(1, 700):03}{r.randint(1, 900):03}")
    key = f"{97 - int(body) % 97:02}"
    return r.pick(body + key, f"{body[0]} {body[1:3]} {body[3:5]} {body[5:7]} {body[7:10]} {body[10:]} {key}")


def de_steuer_id(r):
    digits = r.sample("123456789", 9)
    digits.append(r.choice(digits[:9]))  # one digit twice, the rest once
    tail = digits[1:]
    r.shuffle(tail)
    body, product = digits[0] + "".join(tail), 10
    for d in body:
        product = ((int(d) + product) % 10 or 10) * 2 % 11
    return body + str((11 - product) % 10)


def pl_pesel(r):
    body = yymmdd(r) + r.dig(4)
    return body + str(-weighted(body, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10)


def se_personnummer(r):
    body = yymmdd(r) + r.dig(3)
    tail = body[6:] + luhn(body)
    return f"{r.pick('', '19')}{body[:6]}-{tail}"


def no_fodselsnummer(r):
    body = yymmdd(r, "dmy") + f"{r.randint(0, 499):03}"
    k1 = -weighted(body, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    k2 = -weighted(body + str(k1), (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11 if k1 < 10 else 10
    return f"{body}{k1}{k2}" if k1 < 10 and k2 < 10 else None


def fi_hetu(r):
    date, serial = yymmdd(r, "dmy"), f"{r.randint(2, 899):03}"
    return f"{date}-{serial}{'0123456789ABCDEFHJKLMNPRSTUVWXY'[int(date + serial) % 31]}"


def dk_cpr(r):
    body = yymmdd(r, "dmy") + f"{r.randint(0, 399):03}"
    check = -weighted(body, (4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return f"{body[:6]}-{body[6:]}{check}" if check < 10 else None


def be_rrn(r):
    body = yymmdd(r) + f"{r.randint(1, 997):03}"
    check = f"{97 - int(body) % 97:02}"
    return f"{body[:2]}.{body[2:4]}.{body[4:6]}-{body[6:]}.{check}"


def ch_ahv(r):
    body = "756" + r.dig(9)
    n = body + str(-weighted(body, (1, 3) * 6) % 10)
    return f"{n[:3]}.{n[3:7]}.{n[7:11]}.{n[11:]}"


def br_cpf(r):
    n = r.dig(9)
    for _ in range(2):
        rest = weighted(n, range(len(n) + 1, 1, -1)) * 10 % 11
        n += str(rest % 10)
    return f"{n[:3]}.{n[3:6]}.{n[6:9]}-{n[9:]}"


def cl_rut(r):
    n = str(r.randrange(5_000_000, 25_000_000))
    check = -weighted(n[::-1], (2, 3, 4, 5, 6, 7, 2, 3)) % 11
    text = f"{int(n):,}".replace(",", ".")
    return f"{text}-{'K' if check == 10 else check}"


def in_aadhaar(r):
    d = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 4, 0, 6, 7, 8, 9, 5], [2, 3, 4, 0, 1, 7, 8, 9, 5, 6], [3,
        4, 0, 1, 2, 8, 9, 5, 6, 7], [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
         [5, 9, 8, 7, 6, 0, 4, 3, 2, 1], [6, 5, 9, 8, 7, 1, 0, 4, 3, 2], [7, 6, 5, 9, 8, 2, 1, 0, 4, 3], [8,
             7, 6, 5, 9, 3, 2, 1, 0, 4], [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]]
    p = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
    while len(p) < 8:
        p.append([p[-1][p[1][i]] for i in range(10)])
    body, c = r.choice("23456789") + r.dig(10), 0
    for i, digit in enumerate(reversed(body)):
        c = d[c][p[(i + 1) % 8][int(digit)]]
    n = body + str(d[c].index(0))
    return f"{n[:4]} {n[4:8]} {n[8:]}"


def in_pan(r):
    return "".join(r.choice("ABCDEFGHIJKLMNPRSTUVWZ") for _ in range(3)) + "P" + r.choice(
        "ABCDGHKMNPRSTV") + r.num(4) + r.choice("ABCDEFGHJKLMNPQRSTUVWXYZ")


def cn_id(r):
    body = r.pick("110105", "310115", "440304", "510107",
        "320102") + f"{r.randint(1955, 2003)}{r.randint(1, 12):02}{r.randint(1, 28):02}" + r.dig(3)
    return body + "10X98765432"[weighted(body, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)) % 11]


def kr_rrn(r):
    body = yymmdd(r) + r.pick("1", "2") + r.dig(5)
    return f"{body[:6]}-{body[6:]}{(11 - weighted(body, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10}"


def sg_nric(r):
    head, body = r.pick("S", "T"), r.dig(7)
    total = weighted(body, (2, 7, 6, 5, 4, 3, 2)) + (4 if head == "T" else 0)
    return head + body + "JZIHGFEDCBA"[total % 11]


def tw_id(r):
    letter, body = r.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), r.pick("1", "2") + r.dig(7)
    code = ("10 11 12 13 14 15 16 17 34 18 19 20 21 22 35 23 24 25 26 27 28 29 32 30 31 33".split()[ord(
        letter) - 65])
    return letter + body + str(-weighted(code + body, (1, 9, 8, 7, 6, 5, 4, 3, 2, 1)) % 10)


def ca_sin(r):
    body = r.choice("1234567") + r.dig(7)
    n = body + luhn(body)
    return r.pick(f"{n[:3]} {n[3:6]} {n[6:]}", f"{n[:3]}-{n[3:6]}-{n[6:]}")


def au_tfn(r):
    body = r.num(8)
    partial = weighted(body, (1, 4, 3, 7, 5, 8, 6, 9))
    last = next((d for d in range(10) if (partial + 10 * d) % 11 == 0), None)
    return f"{body[:3]} {body[3:6]} {body[6:]}{last}" if last is not None else None


def za_id(r):
    body = yymmdd(r) + r.dig(4) + "08"
    return body + luhn(body)


def tr_tckn(r):
    n = r.num(9)
    ten = (sum(map(int, n[0::2])) * 7 - sum(map(int, n[1::2]))) % 10
    n += str(ten)
    return n + str(sum(map(int, n)) % 10)


def cz_rodne_cislo(r):
    date = yymmdd(r)
    n = int(date + f"{r.randint(0, 999):03}" + "0")
    check = -n % 11
    return f"{str(n)[:6]}/{str(n + check)[6:]}" if check < 10 and len(str(n)) == 10 else None


def ro_cnp(r):
    body = r.pick("1", "2") + yymmdd(r) + f"{r.randint(1, 46):02}{r.randint(1, 999):03}"
    check = weighted(body, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return body + str(1 if check == 10 else check)


def bg_egn(r):
    body = yymmdd(r) + r.dig(3)
    return body + str(weighted(body, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10)


def pt_nif(r):
    body = r.pick("1", "2") + r.dig(7)
    check = -weighted(body, range(9, 1, -1)) % 11
    return body + str(0 if check == 10 else check)


def ie_ppsn(r):
    body = r.num(7)
    return body + "WABCDEFGHIJKLMNOPQRSTUV"[weighted(body, range(8, 1, -1)) % 23]


def uk_nhs(r):
    body = r.pick("4", "6", "7") + r.dig(8)
    check = 11 - weighted(body, range(10, 1, -1)) % 11
    n = f"{body}{check % 11}"
    return f"{n[:3]} {n[3:6]} {n[6:]}" if check != 10 else None


def uk_nino(r):
    n = r.pick("AB", "CE", "JK", "HW", "SL", "PR", "YT", "EM") + r.dig(6) + r.choice("ABCD")
    return r.pick(n, f"{n[:2]} {n[2:4]} {n[4:6]} {n[6:8]} {n[8]}")


def ee_isikukood(r):
    body = r.pick("3", "4") + yymmdd(r) + r.dig(3)
    check = weighted(body, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if check == 10:
        check = weighted(body, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return body + str(check)


def mx_curp(r):
    body = r.choice("BCGHLMPRSV") + r.choice("AEIOU") + "".join(r.choice("BCGHLMPRSV") for _ in range(
        2)) + yymmdd(r) + r.pick("H", "M") + r.pick("DF", "JC", "NL", "MC", "PL") + "".join(r.choice(
        "BCDGLMNRST") for _ in range(3)) + "0"
    alphabet = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    return body + str(-sum(alphabet.index(c) * (18 - i) for i, c in enumerate(body)) % 10)


def jp_my_number(r):
    body = r.num(11)
    rest = weighted(body[::-1], (2, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6)) % 11
    return body + str(0 if rest <= 1 else 11 - rest)


def il_id(r):
    body = r.num(8)
    return body + luhn(body)


NATIONAL_IDS = {
    "uk-nino": (uk_nino, "National Insurance number", "nino"), "uk-nhs": (retry(uk_nhs), "NHS number",
        "nhs_number"), "nl-bsn": (retry(nl_bsn), "BSN", "bsn"), "es-dni": (es_dni, "DNI", "dni"),
    "es-nie": (es_nie, "NIE", "nie"), "it-codice-fiscale": (it_cf, "codice fiscale", "codice_fiscale"),
        "fr-nir": (fr_nir, "numéro de sécurité sociale", "nir"),
    "de-steuer-id": (de_steuer_id, "Steuer-ID", "steuer_id"), "pl-pesel": (pl_pesel, "PESEL", "pesel"),
        "se-personnummer": (se_personnummer, "personnummer", "personnummer"),
    "no-fodselsnummer": (retry(no_fodselsnummer), "fødselsnummer", "fodselsnummer"), "fi-hetu": (fi_hetu,
        "henkilötunnus", "hetu"), "dk-cpr": (retry(dk_cpr), "CPR-nummer", "cpr"),
    "be-rijksregister": (be_rrn, "rijksregisternummer", "rijksregisternummer"), "ch-ahv": (ch_ahv,
        "AHV-Nummer", "ahv_nummer"), "br-cpf": (br_cpf, "CPF", "cpf"), "cl-rut": (cl_rut, "RUT", "rut"),
    "in-aadhaar": (in_aadhaar, "Aadhaar", "aadhaar"), "in-pan": (in_pan, "PAN card", "pan_number"),
        "cn-resident-id": (cn_id, "身份证号", "id_card"), "kr-rrn": (kr_rrn, "주민등록번호", "rrn"),
    "sg-nric": (sg_nric, "NRIC", "nric"), "tw-id": (tw_id, "身分證字號", "national_id"), "ca-sin": (ca_sin,
        "Social Insurance Number", "sin"), "au-tfn": (retry(au_tfn), "Tax File Number", "tfn"),
    "za-id": (za_id, "SA ID number", "sa_id_number"), "tr-tckn": (tr_tckn, "T.C. kimlik no", "tc_kimlik_no"),
        "cz-rodne-cislo": (retry(cz_rodne_cislo), "rodné číslo", "rodne_cislo"),
    "ro-cnp": (ro_cnp, "CNP", "cnp"), "bg-egn": (bg_egn, "ЕГН", "egn"), "pt-nif": (pt_nif, "NIF", "nif"),
        "ie-ppsn": (ie_ppsn, "PPS number", "ppsn"),
    "ee-isikukood": (ee_isikukood, "isikukood", "isikukood"), "mx-curp": (mx_curp, "CURP", "curp"),
        "jp-my-number": (jp_my_number, "マイナンバー", "my_number"), "il-id": (il_id, "Teudat Zehut",
        "teudat_zehut"),
}


def ssn(r, sep="-"):
    area = r.choice([n for n in range(1, 900) if n not in (666, 123, 78, 219)])
    return f"{area:03}{sep}{r.randint(1, 99):02}{sep}{r.randint(1000, 9999)}"


# ---- network ----

def ipv4(r):
    """A public address: no private, loopback, link-local, documentation, multicast one or resolver."""
    while True:
        first, rest = r.randint(11, 223), [r.randrange(256) for _ in range(3)]
        if first in (100, 127, 169, 172, 192, 198, 203) or rest[-1] in (0, 255) or len(set(rest)) == 1:
            continue
        return ".".join(map(str, [first] + rest))


def ipv6(r):
    head = r.pick("2a00", "2a01", "2a02", "2600", "2604", "2400", "2804", "2c0f")
    group = lambda: f"{r.randrange(1, 65536):x}"
    return r.pick(":".join([head] + [group() for _ in range(7)]),
        f"{head}:{group()}:{group()}:{group()}::{group()}", f"{head}:{group()}:{group()}::{r.randint(1, 99)}")


def mac(r):
    pairs = [f"{r.randrange(0, 256) & 0xFE:02x}"] + [r.hex(2) for _ in range(5)]
    if pairs[1:] == ["00"] * 5 or all(p.isdigit() for p in pairs):
        pairs[2] = "c7"
    text = r.pick(":".join(pairs), ":".join(pairs).upper(), "-".join(pairs).upper(), "".join(pairs[:2]) + "."
        + "".join(pairs[2:4]) + "." + "".join(pairs[4:]))
    return text


# ---- papers, dates, addresses ----

PASSPORTS = {"United States": "A########", "United Kingdom": "1########", "German": "C01X00T47",
    "French": "##LL#####", "Indian": "L#######", "Canadian": "LL######", "Italian": "YA#######",
             "Spanish": "LLL######", "Japanese": "TL#######", "Chinese": "E########",
                 "Australian": "PA#######", "Korean": "M########", "Polish": "EL#######", "Swiss": "X#######",
                 "Brazilian": "FL######"}


def passport(r, country):
    if country == "German":
        return "C" + r.of("CFGHJKLMNPRTVWXYZ0123456789", 7) + r.dig(1)
    return "".join(r.dig(1) if c == "#" else r.of("ABCDEFGHJKLMNPRSTVXYZ", 1) if c == "L" else c
        for c in PASSPORTS[country])


MONTHS = "January February March April May June July August September October November December".split()


def birth(r):
    return r.randint(1938, 2007), r.randint(1, 12), r.randint(1, 28)


def birth_text(r, style):
    y, m, d = birth(r)
    return {"iso": f"{y}-{m:02}-{d:02}", "slash": f"{d:02}/{m:02}/{y}", "us": f"{m:02}/{d:02}/{y}",
        "dot": f"{d:02}.{m:02}.{y}", "long": f"{d} {MONTHS[m - 1]} {y}",
        "long-us": f"{MONTHS[m - 1]} {d}, {y}"}[style]


def address(r, country):
    n, last = r.randint(2, 320), r.choice(LAST)
    tree = r.pick("Maple", "Oak", "Cedar", "Juniper", "Chestnut", "Willow", "Park", "Hillcrest", "Lakeview")
    forms = {
        "us": lambda: f"{r.randint(100, 9800)} {tree} {r.pick('Street', 'St', 'Avenue', 'Ave', 'Drive', 'Lane', 'Blvd')}{r.pick('', f', Apt {r.randint(1, 40)}', f' Suite {r.randint(100, 900)}')}, "
            f"{r.pick('Springfield, IL 627', 'Portland, OR 972', 'Austin, TX 787', 'Denver, CO 802', 'Columbus, OH 432')}{r.dig(2)}",
        "uk": lambda: f"{n} {tree} {r.pick('Road', 'Close', 'Gardens', 'Lane')}, {r.pick('Leeds LS', 'Bristol BS', 'London SW', 'Sheffield S')}{r.randint(1, 9)} "
            f"{r.randint(1, 9)}{r.of('ABDEFGHJLNPQRSTUWXYZ', 2)}",
        "ca": lambda: f"{r.randint(100, 4000)} {tree} Street, {r.pick('Toronto, ON M', 'Vancouver, BC V', 'Halifax, NS B')}{r.randint(1, 9)}{r.of('ABCEGHJ', 1)} "
            f"{r.randint(1, 9)}{r.of('KLMNPR', 1)}{r.randint(1, 9)}",
        "au": lambda: f"{n} {tree} {r.pick('Parade', 'Road', 'Street')}, {r.pick('Newtown NSW 2042', 'Fitzroy VIC 3065', 'Subiaco WA 6008')}",
        "de": lambda: f"{r.pick('Lindenstraße', 'Bahnhofstr.', 'Schillerstraße', 'Am Mühlbach', 'Gartenweg')} "
            f"{n}{r.pick('', 'a', 'b')}, {r.pick('10969 Berlin', '80331 München', '50667 Köln', '04109 Leipzig')}",
        "at": lambda: f"{r.pick('Landstraße', 'Mozartgasse', 'Neubaugasse')} {n}/{r.randint(1, 20)}, "
            f"{r.pick('1070 Wien', '8010 Graz', '5020 Salzburg')}",
        "fr": lambda: f"{n} {r.pick('rue', 'avenue', 'boulevard', 'place')} {r.pick('Victor Hugo', 'des Lilas', 'de la République', 'Pasteur')}, "
            f"{r.pick('75011 Paris', '69003 Lyon', '31000 Toulouse', '33000 Bordeaux')}",
        "es": lambda: f"{r.pick('Calle', 'Avenida', 'C/')} {r.pick('de Alcalá', 'del Prado', 'Mayor', 'de los Olivos')} "
            f"{n}, {r.randint(1, 6)}º {r.pick('A', 'B', 'izq.')}, {r.pick('28014 Madrid', '08010 Barcelona', '41001 Sevilla')}",
        "it": lambda: f"Via {r.pick('Garibaldi', 'Roma', 'dei Mille', last)} {n}, {r.pick('20121 Milano', '00184 Roma', '50122 Firenze')}",
        "nl": lambda: f"{r.pick('Prinsengracht', 'Kerkstraat', 'Dorpsweg')} {n}, {r.randint(1011, 9700)} "
            f"{r.of('ABCDEGHJKLMNPRSTVWXZ', 2)} {r.pick('Amsterdam', 'Utrecht', 'Groningen')}",
        "br": lambda: f"Rua {r.pick('das Flores', 'Augusta', 'XV de Novembro')}, {n}, {r.pick('São Paulo - SP, 01310', 'Curitiba - PR, 80010')}-{r.dig(3)}",
    }
    return forms[country]()


ADDRESS_COUNTRIES = ["us", "us", "us", "uk", "uk", "ca", "au", "de", "de", "at", "fr", "es", "it", "nl", "br"]


# ---- wallets ----

def eth_checksummed(address40):
    digest = keccak256(address40.encode()).hex()
    return "0x" + "".join(c.upper() if int(d, 16) > 7 else c for c, d in zip(address40, digest))


def monero(r):
    data = b"\x12" + r.raw(64)
    data += keccak256(data)[:4]
    sizes = {8: 11, 5: 7}
    blocks = [data[i:i + 8] for i in range(0, len(data), 8)]
    out = ""
    for block in blocks:
        n, text = int.from_bytes(block, "big"), ""
        for _ in range(sizes[len(block)]):
            n, rest = divmod(n, 58)
            text = BASE58[rest] + text
        out += text
    return out


def stellar(r):
    payload = bytes([6 << 3]) + r.raw(32)
    crc = 0
    for byte in payload:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return base64.b32encode(payload + crc.to_bytes(2, "little")).decode()


RIPPLE = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
WALLETS = {
    "btc-p2pkh": lambda r: base58check(b"\0" + r.raw(20)), "btc-p2sh": lambda r: base58check(b"\x05" + r.raw(
        20)), "btc-segwit": lambda r: bech32("bc", r.raw(20), 0), "btc-taproot": lambda r: bech32("bc", r.raw(
        32), 1),
    "eth": lambda r: eth_checksummed(r.hex(40)), "eth-lower": lambda r: "0x" + r.hex(40),
        "ltc": lambda r: r.pick(base58check(b"\x30" + r.raw(20)), bech32("ltc", r.raw(20), 0)),
    "doge": lambda r: base58check(b"\x1e" + r.raw(20)), "tron": lambda r: base58check(b"\x41" + r.raw(20)),
        "xrp": lambda r: base58check(b"\0" + r.raw(20), RIPPLE), "monero": monero,
    "stellar": stellar, "cardano": lambda r: bech32("addr", b"\x01" + r.raw(56)), "cosmos": lambda r: bech32(
        "cosmos", r.raw(20)), "solana": lambda r: base58(r.raw(32)),
}
