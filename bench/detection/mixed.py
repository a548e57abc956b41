"""Texts that hold several values, of one class or of many, every one of them labelled."""

import persons as p
from common import mark
from credentials import CONNECTIONS, connection, password, secret
from surroundings import dumps, log_lines, prose, settings
from tokens import TOKENS

KINDS = []  # (kind, number of cases, builder(r, i) -> marked text)


def kind(name, n):
    def add(build):
        KINDS.append((name, n, build))
        return build
    return add


def email(r): return mark("email", p.email(r))
def phone(r): return mark("phone", p.fill(r, r.choice(p.PHONES_INTERNATIONAL)))
def address(r): return mark("address", p.address(r, r.choice(p.ADDRESS_COUNTRIES)))
def iban(r): return mark("iban", p.grouped(p.iban(r, r.choice(sorted(p.IBANS))), " "))


@kind("mixed-aws-credentials", 12)
def aws_credentials(r, i):
    make = {name: build for name, _, _, build, _ in TOKENS}
    key, value = secret(make["aws-access-key-id"](r)), secret(make["aws-secret-access-key"](r))
    rows = (f"[{r.pick('default', r.word())}]\naws_access_key_id = {key}\n"
        f"aws_secret_access_key = {value}\nregion = {r.pick('eu-west-1', 'us-east-1')}\n")
    if i % 3 == 1:
        return dumps({"AccessKey": {"UserName": r.service(), "AccessKeyId": key, "Status": "Active",
            "SecretAccessKey": value, "CreateDate": r.iso()}}, 4)
    if i % 3 == 2:
        return f"$ cat ~/.aws/credentials\n{rows}$ aws s3 ls s3://{r.word()}-{r.service()}\n" + "\n".join(
            f"{r.date()} {r.clock()} {r.randint(100, 9000000):>9} part-{r.uuid()}.csv" for _ in range(
            4)) + "\n"
    return rows


@kind("mixed-env-file", 24)
def env_file(r, i):
    rows = [f"{k}={v}" for k, v in settings(r, r.randint(5, 9))]
    rows += [f"{env}={secret(build(r))}" for _, _, env, build, _ in r.sample(TOKENS, r.randint(2, 4))]
    rows += [f"DATABASE_URL={connection(r, CONNECTIONS['url-postgres'], i)}",
        f"SMTP_PASSWORD={secret(password(r))}"]
    r.shuffle(rows)
    return f"# {r.service()}, {r.date()}\n" + "\n".join(rows) + "\n"


@kind("mixed-mail", 20)
def mail(r, i):
    sender, text = r.name(), prose(r, 4)
    extra = [f"The account for the trial: user {r.word()}{r.dig(2)}, password {secret(password(r))}",
        f"Please use our new account: {iban(r)}", f"Send the samples to {address(r)}.",
        f"My colleague {r.name()} ({email(r)}) takes over from {r.date(2026)}."][i % 4]
    return (f"From: {sender} <{email(r)}>\nTo: {r.name()} <{email(r)}>\nCc: {email(r)}\n"
        f"Date: Tue, 17 Mar 2026 {r.clock()} +0100\nSubject: Re: {r.service()} {r.word()}\n\n"
        f"Hello {r.name().split()[0]},\n\n{text[0]} {text[1]}\n\n"
            f"{extra}\n\n{text[2]} {text[3]}\n\nBest regards\n{sender}\n--\n{r.company()}\n"
                f"Tel {phone(r)}\n{address(r)}\n")


@kind("mixed-customer-table", 20)
def customer_table(r, i):
    columns = r.sample(["email", "phone", "iban"], 2) if i % 3 < 2 else ["email", "date_of_birth"]
    make = {"email": email, "phone": phone, "iban": iban, "date_of_birth": lambda r: mark("birth-date",
        p.birth_text(r, "iso"))}
    rows = [[str(r.randint(100, 9999)), r.name(), *(make[c](r) for c in columns), r.pick("active", "paused")]
        for _ in range(r.randint(4, 8))]
    head = ["id", "name", *columns, "state"]
    if i % 3 == 0:
        return "\n".join(",".join(row) for row in [head] + rows) + "\n"
    if i % 3 == 1:
        return f"{len(rows)} rows\n\n| " + " | ".join(head) + " |\n|" + " --- |" * len(
            head) + "\n" + "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"
    return dumps([dict(zip(head, row)) for row in rows], r.pick(None, 2))


@kind("mixed-invoice", 12)
def invoice(r, i):
    rows = "\n".join(
        f"{n + 1}  {r.word().title():<12} {r.randint(1, 20):>4} x {r.randint(2, 90)}.{r.dig(2)} EUR"
        for n in range(r.randint(2, 5)))
    return (f"INVOICE {r.date()[:4]}-{r.num(5)}\n{r.company()}\n{address(r)}\n\nBill to: {r.name()}\n"
        f"{address(r)}\n\n{rows}\n\n"
        f"Total: {r.randint(100, 4000)}.{r.dig(2)} EUR, due on {r.date(2026)}\nIBAN {iban(r)}\n"
        f"Questions: {email(r)}\n")


@kind("mixed-vcard", 8)
def vcard(r, i):
    first, last = r.name().split()[0], r.name().split()[-1]
    return (f"BEGIN:VCARD\nVERSION:4.0\nFN:{first} {last}\nN:{last};{first};;;\nORG:{r.company()}\n"
        f"EMAIL;TYPE=work:{email(r)}\nTEL;TYPE=cell:{phone(r)}\n"
        f"REV:{r.date().replace('-', '')}T120000Z\nUID:urn:uuid:{r.uuid()}\nEND:VCARD\n")


@kind("mixed-login-log", 12)
def login_log(r, i):
    rows = log_lines(r, 4) + [f"{r.iso()} INFO [auth] login {r.pick('succeeded', 'failed')} user={email(r)} "
        f"ip={mark('ip', p.ipv4(r))} request_id={r.uuid()}" for _ in range(r.randint(2, 4))]
    r.shuffle(rows)
    return "\n".join(rows) + "\n"
