"""Secrets in the forms that ordinary tools give them, and what looks like one in code and documentation."""

import base64

from common import camel, crc_token, mark, snake
from credentials import kind, password, pem, secret
from negatives import lines, neg, rows_of
from personal import KINDS as PERSONAL


def token(r):
    return secret(crc_token("ghp_", r.an(30)))


def escaped(text, each):
    """The text of a marked value, each of its letters written anew."""
    return text[0] + "".join(each(c) for c in text[1:-1]) + text[-1]


ESC = "\x1b"


@kind("tool-colours", 16)
def colours(r, i):
    t, p, host = token(r), secret(r.an(16)), r.host()
    cut = r.randint(8, 30)
    return [f"{ESC}[32m{t}{ESC}[0m\n", f"{r.iso()} {ESC}[1;34mINFO{ESC}[0m token {t[:cut]}{ESC}[1;31m{t[cut:]}{ESC}[m",
        f"{ESC}[34;1m\"password\"{ESC}[0m{ESC}[1;39m:{ESC}[0m {ESC}[0;32m\"{p}\"{ESC}[0m",
        f"{ESC}[33mDB_PASSWORD{ESC}[0m={ESC}[36m{p}{ESC}[0m\nDB_HOST={host}\n"][i % 4]


@kind("tool-markdown", 16)
def markdown(r, i):
    t, p = token(r), secret(password(r, url=True))
    bare = escaped(t, lambda c: "\\_" if c == "_" else c)
    return [f"Use _{t}_ for the sandbox.", f"The token is **{t}**", f"- **Password:** `{p}`", f"Paste {bare} there.",
        f"> {t}\n>\n> from {r.name()}", f"| token | `{t}` |", f"**DB_PASSWORD**: {p}", f"~~{t}~~ (rotated)"][i % 8]


@kind("tool-escapes", 16)
def escapes(r, i):
    t, p = token(r), secret(r.an(18))
    return ["<td>" + escaped(t, lambda c: f"&#{ord(c)};") + "</td>",
        f"{{&quot;user&quot;:&quot;{r.word()}&quot;,&quot;password&quot;:&quot;{p}&quot;}}",
        "x = '" + escaped(t, lambda c: f"\\x{ord(c):02x}") + "'",
        f"{{\\x22password\\x22:\\x22{p}\\x22}}"][i % 4]


@kind("tool-encoded-command", 8)
def encoded_command(r, i):
    run = base64.b64encode(f"$t='{crc_token('ghp_', r.an(30))}'".encode("utf-16-le")).decode()
    return r.pick("powershell.exe -NoProfile -EncodedCommand ", "pwsh -enc ") + secret(run)


@kind("tool-password-table", 24)
def password_table(r, i):
    rows = [(str(n + 1), r.word(), password(r, url=True)) for n in range(r.randint(1, 4))]
    head = ("id", r.pick("user", "login", "account"), r.pick("password", "passwd", "user_password"))
    if i % 4 == 0:
        return lines(" | ".join(head), "+".join(("----", "------", "---------------------")),
            *(f"{a} | {b} | {secret(c)}" for a, b, c in rows), f"({len(rows)} rows)")
    if i % 4 == 1:
        rule = "+----+------------+------------------------+"
        return lines(rule, "| " + " | ".join(head) + " |", rule,
            *(f"|  {a} | {b:10} | {secret(c)} |" for a, b, c in rows), rule)
    if i % 4 == 2:
        return lines(",".join(head), *(f"{a},{b},{secret(c)}" for a, b, c in rows))
    return lines("| " + " | ".join(head) + " |", "| --- | --- | --- |",
        *(f"| {a} | {b} | {secret(c)} |" for a, b, c in rows))


@kind("tool-password-apart", 24)
def password_apart(r, i):
    name = r.pick("DB_PASSWORD", "SMTP_PASSWORD", "ADMIN_PASSWORD")
    word = r.word().title()
    p = secret(r.pick(f"{word}-{r.dig(2)}x", f"{r.an(14)}", f"{word}.{r.dig(3)}"))
    return [f"db:\n  {snake(name)}: >-\n    {p}\n  port: 5432\n", f"{name}: |\n  {p}\n",
        f'{{"{camel(name)}":{{"value":"{p}"}}}}', f'{{"{snake(name)}": {{"type": "string", "sensitive": true, "value": "{p}"}}}}',
        f'[{{"value":"{p}","name":"{name}"}}]', f"{snake(name)}:\n  value: {p}\n"][i % 6]


@kind("tool-key-with-prefix", 12)
def key_with_prefix(r, i):
    key = pem(r, r.pick("RSA PRIVATE KEY", "PRIVATE KEY"))
    before = ["+", "> ", f"{r.iso()} ", "# ", f"{r.date()} {r.clock()},{r.dig(3)} INFO [main] ", "    "][i % 6]
    body = ("\n" + before).join(key.split("\n"))
    return f"{r.word()}\n{before}{secret(body)}\nend\n"


def international(r, i):
    name = r.pick("jürgen", "иван", "anna", "zoë", "søren")
    domain = r.pick("straßenbau-köhler.de", "bücher-haus.ch", "пример-сети.рф", "møbler.dk", "例子.公司")
    v = mark("email", f"{name}@{domain}")
    return [f"Contact: {v}", f'{{"email":"{v}"}}', f"From: {r.company()} <{v}>", f"mailto:{v}"][i % 4]


PERSONAL.append(("email-other-scripts", 16, international))


@neg("typed-values", 24)
def typed_values(r, i):
    w, o = r.word(), r.word()
    return [f"let total_pass = {r.randint(0, 9)}usize;", f"colon{r.randint(1, 9)}_token: node.colon{r.randint(1, 9)}_token,",
        "PASSWORD_REGEX=^(?=.*[A-Z])(?=.*\\d).{8,}$", f"PASSWORD_PATTERN = '^[A-Za-z0-9]{{{r.randint(6, 9)},16}}$'",
        f'"state_token": "{r.uuid()}"', f"private_key: ed25519.Ed25519{w.title()}PrivateKey", f"data_key = _mm256_{w}_si256;",
        f"pub const InheritPrivateKey: X509Request{w.title()}Options = 3i32;", f"auth_key: {w}.{o}_key{r.randint(1, 9)}",
        f"--trace-token, --{w}-{o}-enabled, --verbosity", f"Pass `-D{w}dir=no` to meson for the password store",
        f"const MAX_PASS: u64 = {r.num(6)}u64;"][i % 12]


@neg("code-points", 12)
def code_points(r, i):
    start = r.randint(0x5200, 0x62f0)
    def row(n):
        return " ".join(f"{start + 37 * n + k * r.randint(1, 2):04X}" for k in range(10)) + f" {r.pick('51EB', '5F9A', '6AFC')}"
    return rows_of(r, 2, 6, row)


@neg("program-versions", 12)
def program_versions(r, i):
    v = f"{r.randint(1, 12)}.{r.randint(0, 30)}.{r.randint(0, 20)}.{r.randint(1, 9)}"
    return f"{r.pick('python', 'openssl', 'git', 'Chrome', 'sqlite', 'gcc', 'Released', 'Fixes since')} {v}" + r.pick("", " (final)", "\n")


@neg("password-documents", 16)
def password_documents(r, i):
    w = r.word()
    return [lines("| field | password |", "| --- | --- |", "| type | string |", "| required | yes |"),
        lines("name,type,password_changed", f"{w},user,{r.date()}"), "password:\n  required: true\n  type: string\n",
        f'{{"password":{{"type":"string","minLength":8,"default":""}}}}', f'{{"value":"${{DB_PASSWORD}}","name":"DB_PASSWORD"}}',
        f"password: |\n  ${{{w.upper()}_PASSWORD}}\n", f"page.login('Sign in', 'Welcome')",
        f"&lt;input type=&quot;password&quot; name=&quot;{w}&quot;&gt;"][i % 8]
