"""Personal data in the texts that hold it: one-liners and whole documents."""

import itertools
from collections import namedtuple

import persons as p
from common import R, mark
from surroundings import call, chatter, dumps, log_lines, prose, result

TURN = itertools.count(5, 5)  # where a kind begins in the rotation of places and documents
KINDS = []  # (kind, number of cases, builder(r, i) -> marked text)

# A field of a record: what people call it, its key in data, its marked value.
Field = namedtuple("Field", "label key value")


def extra_fields(r, without, n):
    """A few further fields, of other classes than `without`."""
    pool = {"email": Field("E-mail", "email", mark("email", p.email(r))),
            "phone": Field("Phone", "phone", mark("phone", p.fill(r, r.choice(p.PHONES_INTERNATIONAL)))),
            "address": Field("Address", "address", mark("address", p.address(r, r.choice(p.ADDRESS_COUNTRIES)))),
            "birth-date": Field("Date of birth", "date_of_birth", mark("birth-date", p.birth_text(r, "iso")))}
    pool.pop(without, None)
    return [pool[k] for k in r.sample(sorted(pool), n)]


# ---- whole documents about one or more people; `fields` all stand in them ----

def doc_crm(r, fields):
    return dumps({"contact": {"id": r.uuid(), "owner": r.name(), "full_name": r.name(), "company": r.company(
        ), **{f.key: f.value for f in fields}},
                  "stage": r.pick("lead", "trial", "customer"), "created_at": r.iso(), "deal": {
                      "value": r.randint(900, 90000), "currency": "EUR", "probability": 0.4},
                  "tags": ["q3", "inbound"], "revision": r.sha()[:12]}, r.pick(None, 2))


def doc_mail(r, fields):
    paragraphs = prose(r, 4)
    lines = "\n".join(f"{f.label}: {f.value}" for f in fields)
    return (f"Subject: {r.service().title()} onboarding, {r.company()}\n"
        f"Date: Mon, 16 Feb 2026 {r.clock()} +0100\n\nDear {r.name().split()[0]},\n\n"
        f"{paragraphs[0]} {paragraphs[1]}\n\n"
            f"Here is what you asked for:\n\n{lines}\n\n{paragraphs[2]} {paragraphs[3]}\n\n"
                f"Kind regards\n{r.name()}\n")


def doc_chat(r, fields):
    agent, client = r.name().split()[0], r.name().split()[0]
    rows = [f"{agent}: Hello, you are talking to {agent}. How can I help?",
        f"{client}: my order has not arrived, the tracking page says nothing since {r.date(2026)}",
            f"{agent}: I am sorry to hear that. To find your account I need a few details."]
    for f in fields:
        rows += [f"{agent}: Could you tell me your {f.label}, please?",
            f"{client}: {r.pick('sure, it is', 'yes:', 'here:', 'it is')} {f.value}"]
    rows += [f"{agent}: Thank you, I found it. The parcel left our {r.word()} warehouse.",
        f"{client}: great, thanks", f"{agent}: Is there anything else I can do for you today?",
        f"{client}: no, that was all"]
    return "\n".join(rows) + "\n"


def doc_ticket(r, fields):
    a = prose(r, 4)
    lines = "\n".join(f"- {f.label}: {f.value}" for f in fields)
    return (f"Ticket #{r.randint(1000, 99999)} - customer cannot finish the {r.service()} step\n"
        f"Opened {r.iso()} by {r.name()}, priority {r.pick('low', 'normal', 'high')}\n\n" f"{a[0]} {a[1]}\n\n"
            f"Customer details:\n{lines}\n\nInternal note ({r.name()}): {a[2]} {a[3]}\nLinked build: {r.sha()}\n")


def doc_form(r, fields):
    lines = "\n".join(f"{f.label + ':':<28}{f.value}" for f in fields)
    return (f"PERSONNEL RECORD\n================\nRecord id:                  {r.uuid()}\n"
        f"Name:                       {r.name()}\n{lines}\n"
        f"Department:                 {r.service().title()}\n" f"Start date:                 {r.date(2019)}\n"
            f"Contract:                   {r.pick('permanent', 'fixed term')}, {r.randint(20, 40)} "
                f"h a week\nManager:                    {r.name()}\n\nRemarks: {' '.join(prose(r, 2))}\n")


def doc_table(r, fields):
    def row(values):
        return f"| {r.randint(100, 9999)} | {r.name()} | " + " | ".join(values) + f" | {r.date()} |"
    head = "| id | name | " + " | ".join(f.key for f in fields) + " | since |"
    rows = [row([f.value for f in fields])] + [row(["" for _ in fields]) for _ in range(r.randint(3, 6))]
    r.shuffle(rows)
    return f"{len(rows)} rows from `crm.{r.service()}_contacts` ({r.randint(3, 90)} ms, query {r.uuid()})\n\n{head}\n|" + " --- |" * (
        len(fields) + 3) + "\n" + "\n".join(rows) + "\n"


def doc_csv(r, fields):
    quote = lambda v: f'"{v}"' if "," in v else v
    rows = [f"{r.uuid()},{r.name()}," + ",".join(quote(f.value) for f in fields) + f",{r.iso()}"]
    rows += [f"{r.uuid()},{r.name()}," + "," * (len(fields) - 1) + f",{r.iso()}" for _ in range(r.randint(3, 6))]
    r.shuffle(rows)
    return "id,name," + ",".join(f.key for f in fields) + ",updated_at\n" + "\n".join(rows) + "\n"


def doc_sql(r, fields):
    values = lambda extra: f"({r.randint(100, 9999)}, '{r.name()}', {extra}, '{r.iso()}')"
    quoted = ", ".join("'" + f.value.replace("'", "''") + "'" for f in fields)
    nulls = ", ".join("NULL" for _ in fields)
    return (f"-- dump of {r.service()}, {r.date()}\nSET client_encoding = 'UTF8';\n"
        f"INSERT INTO customers (id, name, {', '.join(f.key for f in fields)}, created_at) VALUES\n"
            + ",\n".join([values(nulls), values(quoted), values(nulls)]) + ";\nCOMMIT;\n")


def doc_notes(r, fields):
    a = prose(r, 5)
    lines = "\n".join(f"* {f.label}: {f.value}" for f in fields)
    return (f"# Call with {r.company()}, {r.date(2026)}\n\nAttendees: {r.name()}, {r.name()}\n\n"
        f"- {a[0]}\n- {a[1]}\n- {a[2]}\n\nContact for the next steps is {r.name()}:\n{lines}\n\n"
        f"## Follow-up\n\n- {a[3]}\n- {a[4]}\n")


def doc_html(r, fields):
    items = "\n".join(f"    <dt>{f.label}</dt><dd>{f.value}</dd>" for f in fields)
    return (f"<!DOCTYPE html>\n<html lang=\"en\">\n"
        f"<head><meta charset=\"utf-8\"><title>{r.company().replace('&', 'and')}</title>\n"
        f"<link rel=\"stylesheet\" href=\"/static/site.{r.hex(8)}.css\"></head>\n<body>\n"
        f"  <h1>{r.name()}</h1>\n"
            f"  <p>{prose(r, 1)[0]}</p>\n  <dl>\n{items}\n  </dl>\n"
                f"  <footer>build {r.sha()[:10]}, rendered {r.iso()}</footer>\n</body>\n</html>\n")


def doc_slack(r, fields):
    said = chatter(r, 6)
    for f in fields:
        said.insert(r.randint(1, len(said)), f"for the record, {f.label} of the new colleague: {f.value}")
    return "\n".join(f"[{9 + i // 4}:{(i * 17) % 60:02}] {r.name().split()[0].lower()}: {t}" for i,
        t in enumerate(said)) + "\n"


def doc_log(r, fields):
    rows = log_lines(r, 5)
    for f in fields:
        rows.insert(r.randrange(len(rows)),
            f"{r.iso()} WARN [{r.service()}] validation failed for field {f.key}=\"{f.value}\" "
            f"request_id={r.uuid()}")
    return "\n".join(rows) + "\n"


DOCS = [doc_crm, doc_mail, doc_chat, doc_ticket, doc_form, doc_table, doc_csv, doc_sql, doc_notes, doc_html,
    doc_slack, doc_log]


def document(r: R, turn, cls, field, docs=DOCS):
    fields = [field] + extra_fields(r, cls, r.pick(0, 0, 1, 2))
    r.shuffle(fields)
    text = docs[turn % len(docs)](r, fields)
    while len(text) < 300:
        text += "\n".join(log_lines(r, 2)) + "\n"
    return result(r, text) if r.random() < 0.1 and not text.startswith("{") else text


def add(name, n, cls, make, label, key, shorts, docs=DOCS):
    """A kind: `make(r, i)` is the value; every third case is in a whole document."""
    turn = next(TURN)

    def build(r, i):
        value = mark(cls, make(r, i))
        name_of = lambda of: of(r, i) if callable(of) else of
        if i % 3 == 2:
            return document(r, turn + i // 3, cls, Field(name_of(label), name_of(key), value), docs)
        places = shorts(r, value, i)
        return places[(i + turn) % len(places)]
    KINDS.append((name, n, build))


# ---- e-mail ----

add("email", 70, "email", lambda r, i: p.email(r), "e-mail", "email", lambda r, v, i: [
    v, f"contact: {v}", f"{r.name()} <{v}>", f"mailto:{v}", f'{{"email": "{v}", "verified": true}}',
        f"Please send the report to {v} by Friday.", f"From: {r.name()} <{v}>\nSubject: {r.word()} invoice",
    f"git config user.email {v}", f"Author: {r.name()} <{v}>\nDate:   Tue Mar 10 {r.clock()} 2026 +0100\n\n"
        f"    {r.service()}: fix {r.word()}", f'<a href="mailto:{v}">write to us</a>',
    f"WHERE lower(email) = '{v}'", call(r, "send_email", {"to": [v], "subject": f"{r.service()} report",
        "body": "See the attachment."}), f"Signed-off-by: {r.name()} <{v}>",
    f"{r.randint(10, 999)},{r.name()},{v},{r.pick('active', 'paused')}",
        f"login failed for user {v} (attempt {r.randint(2, 9)})", f"Reach me under {v}.",
        f"assignee={v}&status=open",
    result(r, f"1 user found: {v}, role {r.pick('admin', 'viewer')}, id {r.uuid()}"),
        f"{r.name()} ({v}) approved the request", f"cc {v}; thanks"])

# ---- phones ----

add("phone-international", 80, "phone", lambda r, i: p.fill(r, p.PHONES_INTERNATIONAL[i * 7 % len(
    p.PHONES_INTERNATIONAL)]), "phone number", "phone", lambda r, v, i: [
    v, f"Tel: {v}", f"Call {v} when you arrive.", f'{{"phone": "{v}"}}', f"Mobile {v}", f"WhatsApp: {v}",
        f"{r.name()}, {v}", f'"phoneNumber":"{v}","country":"{r.pick("AT", "US", "IN")}"', f"tel:{v}",
    call(r, "send_sms", {"to": v, "body": "Your parcel arrives tomorrow."}),
        f"He can be reached on {v} after six.", f"Fax {v}", f"{r.randint(10, 999)};{r.name()};{v};{r.date()}",
        f"| {r.name()} | {v} | on call |",
    f"emergency contact: {r.name()} {v}", f"Rufen Sie uns an: {v}", f"Téléphone : {v}"])
add("phone-national", 60, "phone", lambda r, i: p.fill(r, p.PHONES_NATIONAL[i * 5 % len(p.PHONES_NATIONAL)]),
    "phone number", "phone", lambda r, v, i: [
    f"Tel: {v}", f"Phone: {v}", f"call me at {v}", f'{{"phone": "{v}"}}', f"Mobile: {v}", f"telephone {v}",
        f"Handy: {v}", f"my number is {v}, call me", f"Tél. : {v}", f"cell: {v}", f"phone={v}",
    call(r, "create_contact", {"name": r.name(), "phone": v}), f"Reception: phone {v}, open 9 to 5",
        f"Teléfono: {v}", f"please text {v} when the driver is there", f"mobile_number: '{v}'"])

# ---- cards, accounts ----

for _brand in p.CARD_BRANDS:
    add(f"card-{_brand[0]}", 8, "card", lambda r, i, b=_brand: p.grouped(p.card(r, b), ["", " ", "-", "",
        " "][i % 5]), "card number", "card_number", lambda r, v, i: [
        f"card: {v}",
            f'{{"card_number": "{v}", "exp_month": {r.randint(1, 12)}, "exp_year": {r.randint(2027, 2031)}}}',
            f"Please charge {v}, it expires {r.randint(10, 12)}/{r.randint(27, 31)}.",
            f"Credit card number {v}", v,
        f"pan={v}", call(r, "create_payment", {"amount": r.randint(500, 90000), "currency": "usd", "source": {
            "number": v}}), f"paid with {v} on {r.date(2026)}",
            f"INSERT INTO payments (card) VALUES ('{v}');"])
add("iban", 75, "iban", lambda r, i: (lambda n: p.grouped(n, " ") if i % 2 else n)(p.iban(r, list(p.IBANS)[
    i * 3 % len(p.IBANS)])), "IBAN", "iban", lambda r, v, i: [
    v, f"IBAN: {v}", f'{{"iban": "{v}", "holder": "{r.name()}"}}',
        f"Bitte überweisen Sie den Betrag auf {v}.", f"account {v} (EUR)",
        f"Transfer {r.randint(50, 9000)} EUR to {v}, reference {r.randint(1000, 9999)}",
    call(r, "create_transfer", {"amount": r.randint(100, 99999), "currency": "EUR", "creditor": {
        "name": r.company(), "iban": v}}), f"{r.name()};{v};{r.randint(10, 900)},{r.dig(2)};EUR",
        f"Virement vers {v}", f"<IBAN>{v}</IBAN>",
    f"payout_account={v}"])

# ---- ids ----

add("ssn", 36, "ssn", lambda r, i: p.ssn(r), "SSN", "ssn", lambda r, v, i: [
    f"SSN: {v}", f"Social Security Number {v}", f'{{"ssn": "{v}"}}', f"her social is {v}", f"ssn={v}", v,
        f"{r.name()},{v},{r.randint(30, 90)}000", f"Taxpayer SSN {v} matches the W-2 on file.",
        f"| {r.name()} | {v} |",
    call(r, "verify_identity", {"name": r.name(), "ssn": v}),
        f"employee {r.name()} (SSN {v}) starts on {r.date(2026)}"])
for _id, (_make, _label, _key) in p.NATIONAL_IDS.items():
    add(f"national-id-{_id}", 4, "national-id", lambda r, i, m=_make: m(r), _label, _key, lambda r, v, i,
        l=_label, k=_key: [
        f"{l}: {v}", f'{{"{k}": "{v}"}}', f"{l} {v}", f"{r.name()}, {l} {v}", f"{k}={v}",
            f"The {l} of {r.name()} is {v}.", call(r, "lookup_person", {"country": "any", k: v}),
            f"| {r.name()} | {l} | {v} |"])
add("passport", 45, "passport", lambda r, i: p.passport(r, list(p.PASSPORTS)[i % len(p.PASSPORTS)]), lambda r,
    i: r.pick("Passport number", "Passport no."), "passport_number", lambda r, v, i: [
    f"Passport No: {v}", f"passport number {v}", f'{{"passport_number": "{v}"}}',
        f"passport: {v}, expires {r.date(2027, 2033)}",
        f"{list(p.PASSPORTS)[i % len(p.PASSPORTS)]} passport {v}", f"passportNo={v}", f"Reisepass-Nr. {v}"
        if i % 15 == 2 else f"Passport #{v}",
    call(r, "book_flight", {"passenger": r.name(), "passportNumber": v, "from": "VIE", "to": "LIS"}),
        f"his passport number is {v}"])
add("birth-date", 54, "birth-date", lambda r, i: p.birth_text(r, ["iso", "slash", "dot", "long", "us",
    "long-us"][i % 6]), lambda r, i: r.pick("Date of birth", "DOB", "Birth date"), "date_of_birth", lambda r,
    v, i: [
    f"DOB: {v}", f"Date of birth: {v}", f"born on {v}", f'{{"date_of_birth": "{v}"}}', f'"birthDate": "{v}"',
        f"Geburtsdatum: {v}", f"birthday {v}", f"né le {v}", f"Fecha de nacimiento: {v}", f"dob={v}",
        f"{r.name()} was born on {v} in Graz.",
    call(r, "register_patient", {"name": r.name(), "birthDate": v, "ward": r.word()}),
        f"| {r.name()} | DOB {v} |", f"Patient {r.name()}, date of birth {v}, admitted {r.date(2026)}",
        f"birthdate: {v}"])
add("address", 66, "address", lambda r, i: p.address(r, p.ADDRESS_COUNTRIES[i % len(p.ADDRESS_COUNTRIES)]),
    "address", "address", lambda r, v, i: [
    f"Address: {v}", f"Ship to: {r.name()}, {v}", f'{{"name": "{r.name()}", "address": "{v}"}}',
        f"I live at {v}.", f"Deliver to {v}", f"home address {v}", v, f"Adresse: {v}",
        f"The patient moved to {v} in May.", f"billing_address: \"{v}\"",
    call(r, "create_shipment", {"recipient": r.name(), "street_address": v, "weight_g": r.randint(100,
        9000)}), f"pickup at {v}, ring twice"])

# ---- network ----

def net_access(r, fields):
    rows = [f"{r.pick(*[f.value for f in fields])} - - [{r.randint(10, 28)}/Mar/2026:{r.clock()} "
        f"+0000] \"{r.pick('GET', 'POST')} /{r.service()}/{r.randint(1, 9999)} HTTP/1.1\" "
        f"{r.pick(200, 301, 404, 500)} {r.randint(50, 90000)} \"-\" \"Mozilla/5.0 "
        f"(X11; Linux x86_64) AppleWebKit/537.36\"" for _ in range(4)]
    return "\n".join(rows) + "\n" + "\n".join(log_lines(r, 2)) + "\n"


def net_auth(r, fields):
    rows = [
        f"Mar {r.randint(10, 28)} {r.clock()} bastion-{r.randint(1, 4)} sshd[{r.randint(900, 30000)}]: {t}"
        for f in fields for t in (
        f"Failed password for invalid user {r.word()} from {f.value} port {r.randint(20000, 60000)} ssh2",
            f"Connection closed by authenticating user root {f.value} port {r.randint(20000, 60000)} "
            f"[preauth]")]
    rows += [f"Mar {r.randint(10, 28)} {r.clock()} bastion-1 CRON[{r.randint(900, 30000)}]: "
        f"pam_unix(cron:session): session opened for user root" for _ in range(3)]
    return "\n".join(rows) + "\n"


def net_json(r, fields):
    return dumps({"event": "login", "id": r.uuid(), "at": r.iso(), "source": {fields[0].key: fields[0].value,
        "asn": f"AS{r.num(5)}", "country": "PT"}, "trace_id": r.hex(32), "result": "denied",
        "rule": f"{r.word()}-{r.service()}",
                  "user_agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/126.0.6478.127 Safari/537.36",
                      "release": r.sha()}, r.pick(None, 2))


def net_ticket(r, fields):
    a = prose(r, 3)
    return (f"INC-{r.num(5)}: unexpected traffic to {r.service()}\n\n"
        f"{a[0]} The requests came from {fields[0].value} and stopped at {r.clock()}. {a[1]}\n\n"
        f"We blocked {fields[0].value} at the edge. {a[2]}\nEvidence: sha256 {r.hex(64)}\n")


def net_table(r, fields):
    rows = [f"| eth{i} | {f.value} | {r.pick('up', 'down')} | {r.randint(100, 9000)} |" for i, f in enumerate(
        fields)]
    return f"Interfaces of edge-{r.randint(1, 9)} ({r.uuid()}), read {r.iso()}\n\n| if | {fields[0].key} | state | mtu |\n| --- | --- | --- | --- |\n" + "\n".join(
        rows) + "\n\n" + " ".join(prose(r, 2)) + "\n"


def net_document(cls, make, label, key, docs, turn):
    def build(r, i):
        fields = [Field(label, key, mark(cls, make(r))) for _ in range(r.randint(1, 3))]
        text = docs[(turn + i) % len(docs)](r, fields)
        while len(text) < 300:
            text += "\n".join(log_lines(r, 1)) + "\n"
        return text
    return build


_NET = [net_access, net_auth, net_json, net_ticket, net_table]
_ip_shorts = lambda r, v, i: [v, f"Client IP {v}", f"ssh root@{v}" if ":" not in v else f"ping6 -c 3 {v}",
    f'{{"ip": "{v}"}}', f"X-Forwarded-For: {v}", f"connection from {v} refused",
    f"blocked {v} after {r.randint(3, 90)} attempts", f"remote_addr={v} status=403",
                              call(r, "whois", {"ip": v}), f"A record of {r.host()} is {v}" if ":" not in v
                                  else f"AAAA record of {r.host()} is {v}",
                                  f"{r.iso()} login user={r.word()} ip={v}", f"allow {v};"]
add("ipv4", 40, "ip", lambda r, i: p.ipv4(r), "client IP", "ip", _ip_shorts)
add("ipv6", 24, "ip", lambda r, i: p.ipv6(r), "client IP", "ip", _ip_shorts)
KINDS.append(("ipv4-logs", 15, net_document("ip", p.ipv4, "client IP", "ip", _NET, 0)))
KINDS.append(("ipv6-logs", 8, net_document("ip", p.ipv6, "client IP", "ip", _NET, 1)))
add("mac", 30, "mac", lambda r, i: p.mac(r), "MAC address", "mac", lambda r, v, i: [
    f"MAC {v}", f"    link/ether {v}", f'{{"mac": "{v}"}}', f"device {v} joined {r.word()}-wifi",
        f"hwaddr={v}", v, f"DHCPREQUEST from {v} via eth{r.randint(0, 3)}", f"MAC address: {v}",
    call(r, "wake_on_lan", {"mac": v, "host": r.host()}),
        f"{r.iso()} hostapd: wlan0: STA {v} IEEE 802.11: associated", f"| printer-{r.randint(1, 9)} | {v} |"])
KINDS.append(("mac-logs", 8, net_document("mac", p.mac, "MAC address", "mac", [net_json, net_table,
    net_ticket], 0)))

# ---- wallets ----

_COIN = {"btc": "bitcoin", "eth": "ethereum", "ltc": "litecoin", "doge": "dogecoin"}
for _coin, _wallet in p.WALLETS.items():
    _spoken = _COIN.get(_coin.split("-")[0], _coin)
    add(f"wallet-{_coin}", 4, "wallet", lambda r, i, m=_wallet: m(r), f"{_spoken} wallet", "wallet_address",
        lambda r, v, i, c=_spoken: [
        f"{c} address: {v}", f'{{"chain": "{c}", "wallet_address": "{v}"}}', f"send the {c} to {v}",
            f"my {c} wallet is {v}", call(r, "get_balance", {"network": c, "address": v}),
            f"payout ({c}): {v}", f"Donations in {c}: {v}"])
