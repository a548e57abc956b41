"""What every builder needs: marked values, seeded random strings, encodings, vocabulary."""

import base64
import hashlib
import random
import string
import zlib

CLASSES = ["secret", "email", "phone", "card", "iban", "ssn", "national-id", "ip", "mac",
           "passport", "birth-date", "address", "wallet"]

# A labelled value stands in a text between two private-use characters; `render` turns them into
# byte offsets. They survive f-strings, joins and JSON encoding (ensure_ascii=False).
_OPEN = {chr(0xE000 + i): name for i, name in enumerate(CLASSES)}
_CODE = {name: char for char, name in _OPEN.items()}
_CLOSE = "\ue0ff"


def mark(cls, value):
    return f"{_CODE[cls]}{value}{_CLOSE}"


def bare(text):
    """The text without its marks."""
    return "".join(c for c in text if c not in _OPEN and c != _CLOSE)


def render(marked):
    """Marked text -> (text, spans in bytes)."""
    out, spans, at, cls, start = [], [], 0, None, 0
    for char in marked:
        if char in _OPEN:
            assert cls is None, "nested mark"
            cls, start = _OPEN[char], at
        elif char == _CLOSE:
            assert cls is not None and at > start, "empty or unopened mark"
            spans.append({"start": start, "end": at, "class": cls})
            cls = None
        else:
            out.append(char)
            at += len(char.encode())
    assert cls is None, "unclosed mark"
    return "".join(out), spans


ALNUM = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
LOWER = string.ascii_lowercase + string.digits
HEX = "0123456789abcdef"
WORDCH = ALNUM + "_-"
BASE32 = string.ascii_uppercase + "234567"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


class R(random.Random):
    """A seeded source of values; one for every case, so that kinds do not disturb one another."""

    def of(self, alphabet, n):
        return "".join(self.choice(alphabet) for _ in range(n))

    def hex(self, n): return self.of(HEX, n)
    def an(self, n): return self.of(ALNUM, n)
    def up(self, n): return self.of(UPPER, n)
    def low(self, n): return self.of(LOWER, n)
    def wc(self, n): return self.of(WORDCH, n)
    def dig(self, n): return self.of(string.digits, n)
    def num(self, n): return self.choice("123456789") + self.dig(n - 1)
    def raw(self, n): return bytes(self.randrange(256) for _ in range(n))
    def b64(self, n): return base64.b64encode(self.raw(n)).decode()
    def b64u(self, n): return base64.urlsafe_b64encode(self.raw(n)).decode().rstrip("=")
    def sha(self): return self.hex(40)
    def pick(self, *of): return self.choice(of)
    def word(self): return self.choice(WORDS)
    def service(self): return self.choice(SERVICES)
    def name(self): return f"{self.choice(FIRST)} {self.choice(LAST)}"
    def company(self): return self.choice(COMPANIES)
    def host(self): return f"{self.pick('api', 'app', 'db', 'edge', 'auth')}.{self.choice(DOMAINS)}"

    def uuid(self):
        return (f"{self.hex(8)}-{self.hex(4)}-4{self.hex(3)}-{self.choice('89ab')}{self.hex(3)}"
                f"-{self.hex(12)}")

    def date(self, first=2023, last=2026):
        return f"{self.randint(first, last)}-{self.randint(1, 12):02}-{self.randint(1, 28):02}"

    def clock(self):
        return f"{self.randrange(24):02}:{self.randrange(60):02}:{self.randrange(60):02}"

    def iso(self):
        return f"{self.date()}T{self.clock()}{self.pick('Z', f'.{self.dig(3)}Z', '+00:00')}"

    def epoch(self):
        return 1_690_000_000 + self.randrange(90_000_000)

    def version(self):
        return f"{self.randint(0, 12)}.{self.randint(0, 30)}.{self.randint(0, 20)}"

    def some(self, items, low, high=None):
        return self.sample(items, min(len(items), self.randint(low, high or low)))


def base62(n, width):
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    out = ""
    while n:
        n, rest = divmod(n, 62)
        out = digits[rest] + out
    return out.rjust(width, "0")


def crc_token(prefix, body):
    """Prefix, random body, CRC-32 of the body in base 62: GitHub's and npm's form."""
    return prefix + body + base62(zlib.crc32(body.encode()), 6)


def base58(data, alphabet=BASE58):
    n, out = int.from_bytes(data, "big"), ""
    while n:
        n, rest = divmod(n, 58)
        out = alphabet[rest] + out
    return alphabet[0] * (len(data) - len(data.lstrip(b"\0"))) + out


def base58check(data, alphabet=BASE58):
    digest = hashlib.sha256(hashlib.sha256(data).digest()).digest()
    return base58(data + digest[:4], alphabet)


def _polymod(values):
    chk = 1
    for value in values:
        top = chk >> 25
        chk = (chk & 0x1FFFFFF) << 5 ^ value
        for i, gen in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            chk ^= gen if top >> i & 1 else 0
    return chk


def bech32(hrp, data, version=None):
    """BIP 173 (constant 1) or, of witness version 1 and up, BIP 350."""
    bits = "".join(f"{b:08b}" for b in data)
    bits += "0" * (-len(bits) % 5)
    five = [int(bits[i:i + 5], 2) for i in range(0, len(bits), 5)]
    if version is not None:
        five = [version] + five
    spread = [ord(c) >> 5 for c in hrp] + [0] + [ord(c) & 31 for c in hrp]
    constant = 0x2BC830A3 if version else 1
    check = _polymod(spread + five + [0] * 6) ^ constant
    five += [check >> 5 * (5 - i) & 31 for i in range(6)]
    return hrp + "1" + "".join(BECH32[v] for v in five)


def keccak256(data):
    """The original Keccak (not SHA-3), which Ethereum and Monero use."""
    mask, rate = (1 << 64) - 1, 136
    rot = lambda v, n: (v << n | v >> (64 - n)) & mask if n else v
    data = data + b"\x01" + b"\0" * (-(len(data) + 2) % rate) + b"\x80"
    lanes = [[0] * 5 for _ in range(5)]
    for block in range(0, len(data), rate):
        for i in range(rate // 8):
            lanes[i % 5][i // 5] ^= int.from_bytes(data[block + 8 * i:block + 8 * i + 8], "little")
        lfsr = 1
        for _ in range(24):
            c = [lanes[x][0] ^ lanes[x][1] ^ lanes[x][2] ^ lanes[x][3] ^ lanes[x][4] for x in range(5)]
            d = [c[(x + 4) % 5] ^ rot(c[(x + 1) % 5], 1) for x in range(5)]
            lanes = [[lanes[x][y] ^ d[x] for y in range(5)] for x in range(5)]
            x, y, current = 1, 0, lanes[1][0]
            for t in range(24):
                x, y = y, (2 * x + 3 * y) % 5
                current, lanes[x][y] = lanes[x][y], rot(current, (t + 1) * (t + 2) // 2 % 64)
            for y in range(5):
                row = [lanes[x][y] for x in range(5)]
                for x in range(5):
                    lanes[x][y] = row[x] ^ (~row[(x + 1) % 5] & mask & row[(x + 2) % 5])
            for j in range(7):
                lfsr = (lfsr << 1 ^ (lfsr >> 7) * 0x71) & 0xFF
                if lfsr & 2:
                    lanes[0][0] ^= 1 << ((1 << j) - 1)
    return b"".join(lanes[i][0].to_bytes(8, "little") for i in range(4))


def luhn(body):
    total = sum(sum(divmod(int(d) * (2 - i % 2), 10)) for i, d in enumerate(reversed(body)))
    return str(-total % 10)


def luhn_ok(digits):
    return luhn(digits[:-1]) == digits[-1]


def snake(env): return env.lower()
def kebab(env): return env.lower().replace("_", "-")


def camel(env):
    head, *tail = env.lower().split("_")
    return head + "".join(t.capitalize() for t in tail)


WORDS = """amber anchor arrow atlas badger basin beacon birch bramble bridge canyon cedar cinder
clover cobalt comet copper coral cypress delta drift ember falcon fern flint forest garnet glacier
granite harbor hazel heron indigo island jasper juniper kestrel lagoon lantern larch linden lotus
maple marble meadow mesa mistral nectar north oasis ochre onyx orchard osprey otter pebble pine
pixel prairie quartz quill raven reef ridge river saffron sage sierra slate sparrow spruce summit
tundra velvet walnut willow zephyr""".split()
SERVICES = """billing checkout catalog inventory search notifications ledger gateway scheduler
ingest reports profile shipping pricing webhooks exporter renderer sessions audit media""".split()
FIRST = """Anna Marek Ingrid Tomás Priya Kenji Leila Oliver Sofia Mateo Chloé Jonas Amara Yusuf
Hanna Diego Mei Lukas Fatima Erik Nadia Paulo Greta Ravi Elif Owen Zofia Björn Camille Dmitri
Aisha Hugo Linnea Samuel Noor Petra""".split()
LAST = """Novak Lindqvist Moreau Castillo Iyer Tanaka Haddad Bennett Rossi Herrera Dubois Weber
Okafor Demir Virtanen Fuentes Zhang Schmitt Rahman Larsen Petrova Almeida Vogel Menon Kaya Doyle
Kowalska Nilsson Laurent Sokolov Diallo Marchetti Berg Whitfield Haas Jansen""".split()
COMPANIES = ["Northfold Logistics", "Brightwater Labs", "Halden & Moss", "Quarry Street Media",
             "Tidelands Energy", "Orchard Health", "Lumen Freight", "Castellan Insurance",
             "Pinegrove Foods", "Meridian Rail", "Saltmarsh Software", "Copperline Bank"]
DOMAINS = ["northfold.io", "brightwaterlabs.com", "haldenmoss.co.uk", "quarrymedia.net",
           "tidelands-energy.com", "orchardhealth.org", "lumenfreight.eu", "castellan-ins.com",
           "pinegrovefoods.de", "meridianrail.fr", "saltmarsh.dev", "copperline.bank"]
