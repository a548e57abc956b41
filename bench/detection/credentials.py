"""Secrets that are no one vendor's: keys, JWTs, connection strings, passwords, headers, cookies, hashes."""

import base64
import textwrap

from common import ALNUM, BASE32, WORDS, base58check, mark
from surroundings import Slot, call, doc_http, dumps, log_lines, long, prose, result, short
from tokens import TOKENS, OWN_PLACES, jwt, own_place

SYMBOLS = "!%^*_+~-"
KINDS = []  # (kind, number of cases, builder(r, i) -> marked text)


def kind(name, n):
    def add(build):
        KINDS.append((name, n, build))
        return build
    return add


def secret(value):
    return mark("secret", value)


# ---- vendors' tokens: of three cases one is in a whole document ----

def _vendor_case(name, vendor, env, make, distinct, offset):
    def build(r, i):
        if name in OWN_PLACES and i == 0:
            return own_place(r, name, make(r))
        slot = Slot(env, vendor, secret(make(r)), distinct)
        return long(r, slot, offset + i) if i % 4 >= 2 else short(r, slot, offset + i)
    return build


for _offset, _entry in enumerate(TOKENS):
    KINDS.append((_entry[0], 4, _vendor_case(*_entry, _offset)))


# ---- private keys ----

def pem(r, label, headers="", size=None):
    body = textwrap.fill(r.b64(size or r.randint(60, 400)), 64)
    return f"-----BEGIN {label}-----\n{headers}{body}\n-----END {label}-----"


def ssh_key(r):
    blob = base64.b64encode(
        b"openssh-key-v1\0\0\0\0\4none\0\0\0\4none\0\0\0\0\0\0\0\1\0\0\0\x33\0\0\0\x0bssh-ed25519" + r.raw(
        200)).decode()
    return ("-----BEGIN OPENSSH PRIVATE KEY-----\n" + textwrap.fill(blob, 70)
        + "\n-----END OPENSSH PRIVATE KEY-----")


PEMS = {
    "pem-rsa": lambda r: pem(r, "RSA PRIVATE KEY"),
    "pem-rsa-encrypted": lambda r: pem(r, "RSA PRIVATE KEY",
        f"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,{r.hex(32).upper()}\n\n"),
    "pem-ec": lambda r: pem(r, "EC PRIVATE KEY", size=121),
    "pem-dsa": lambda r: pem(r, "DSA PRIVATE KEY"),
    "pem-pkcs8": lambda r: pem(r, "PRIVATE KEY"),
    "pem-pkcs8-encrypted": lambda r: pem(r, "ENCRYPTED PRIVATE KEY"),
    "pem-openssh": ssh_key,
    "pgp-private-key": lambda r: f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n"
        f"{textwrap.fill(r.b64(r.randint(120, 400)), 64)}\n={r.b64(3)}\n"
        f"-----END PGP PRIVATE KEY BLOCK-----",
}


def _pem_case(make):
    def build(r, i):
        block = make(r)
        if i % 6 == 0:
            return secret(block)
        if i % 6 == 1:
            return call(r, "write_file", {"path": f"/home/{r.word()}/.ssh/id_{r.service()}",
                "content": secret(block) + "\n"})
        if i % 6 == 2:
            return (f"tls_key: |\n{secret(textwrap.indent(block, '  ').strip())}\nserver_name: {r.host()}\n"
                f"port: {r.randint(400, 9000)}\n")
        if i % 6 == 3:
            env = secret(block.replace("\n", "\\n"))
            return f"LOG_LEVEL=info\nPRIVATE_KEY=\"{env}\"\nREGION=eu-west-1\n"
        if i % 6 == 4:
            rows = log_lines(r, 4)
            return f"$ cat /etc/{r.service()}/tls/server.key\n{secret(block)}\n$ tail -n 4 /var/log/{r.word()}.log\n" + "\n".join(
                rows) + "\n"
        return (f"{' '.join(prose(r, 3))}\n\n"
            f"The key of the {r.service()} host, keep it in the vault only:\n\n{secret(block)}\n\n"
            f"{' '.join(prose(r, 2))}\n")
    return build


for _name, _make in PEMS.items():
    KINDS.append((_name, 6, _pem_case(_make)))


@kind("gcp-service-account", 4)
def gcp_service_account(r, i):
    key = secret(pem(r, "PRIVATE KEY") + "\n")
    project = f"{r.word()}-{r.service()}-{r.num(6)}"
    return dumps({"type": "service_account", "project_id": project, "private_key": key, "client_id": r.num(21),
                  "auth_uri": "https://accounts.google.com/o/oauth2/auth",
                      "token_uri": "https://oauth2.googleapis.com/token",
                  "universe_domain": "googleapis.com"}, 2 if i % 2 else None)


# ---- JWT ----

@kind("jwt", 30)
def jwt_case(r, i):
    token = secret(jwt(r, iss=f"https://{r.host()}", exp=r.epoch() + 3600, **r.pick({}, {
        "scope": "read write"}, {"tenant": r.uuid()}, {"roles": ["admin", "billing"]})))
    slot = Slot(r.pick("ACCESS_TOKEN", "ID_TOKEN", "SERVICE_TOKEN", "SUPABASE_SERVICE_ROLE_KEY"), "identity",
        token, True)
    if i % 5 == 4:
        return f"{r.iso()} GET /callback?state={r.low(12)}&id_token={token} 302 {r.randint(2, 90)}ms"
    return long(r, slot, i) if i % 3 == 2 else short(r, slot, i)


# ---- passwords ----

def password(r, url=False):
    symbols = "_-~" if url else SYMBOLS
    word = r.choice(WORDS)
    return r.pick(word.title() + r.dig(r.randint(2, 4)) + r.choice(symbols), r.of(ALNUM + symbols, r.randint(
        12, 20)) + r.an(1),
                  "-".join(r.sample(WORDS, 3)) + r.dig(2), r.an(r.randint(14, 24)), word[0].upper() + word[
                      1:3] + r.choice(symbols) + r.an(9),
                  f"{word.title()}{r.choice(symbols)}{r.choice(WORDS).title()}{r.dig(2)}", r.hex(24))


CONNECTIONS = {
    "url-postgres": "{pick[postgres,postgresql,postgresql+asyncpg]}://{user}:{pw}@{host}:5432/{db}?sslmode=require",
    "url-mysql": "{pick[mysql,mysql+pymysql,mariadb]}://{user}:{pw}@{host}:3306/{db}",
    "url-mongodb": "mongodb{pick[,+srv]}://{user}:{pw}@{host}/{db}?retryWrites=true&w=majority",
    "url-redis": "redi{pick[s,ss]}://{pick[,default]}:{pw}@{host}:6379/{digit}",
    "url-amqp": "amqp{pick[,s]}://{user}:{pw}@{host}:5671/{db}",
    "url-ftp-smtp": "{pick[ftp,sftp,smtp,ldap]}://{user}:{pw}@{host}/{db}",
    "url-http-basic": "https://{user}:{pw}@{host}/{db}/index.json",
    "url-clickhouse-other": "{pick[clickhouse,snowflake,cockroachdb,nats,kafka]}://{user}:{pw}@{host}/{db}",
    "ado-mssql": "Server=tcp:{host},1433;Initial Catalog={db};User ID={user};{pick[Password,Pwd,password]}={pw};Encrypt=True;",
    "jdbc": "jdbc:{pick[postgresql,mysql,sqlserver]}://{host}/{db}?user={user}&password={pw}&ssl=true",
    "libpq-dsn": "host={host} port=5432 dbname={db} user={user} password={pw} sslmode=require",
    "service-bus": "Endpoint=sb://{db}.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey={key}",
}


def connection(r, template, i):
    while "{pick[" in template:  # the i-th combination of the alternatives
        at = template.index("{pick[")
        end = template.index("]}", at)
        options = template[at + 6:end].split(",")
        template = template[:at] + options[i % len(options)] + template[end + 2:]
        i //= len(options)
    return template.format(user=f"{r.service()}_{r.pick('app', 'rw', 'admin', 'svc')}", pw=secret(password(r,
        url=True)), host=r.host(), db=r.service(),
                           digit=r.randint(0, 9), key=secret(r.b64(32)))


def _connection_case(name, template):
    def build(r, i):
        text = connection(r, template, i)
        if i % 6 == 0:
            return text
        if i % 6 == 5:
            return call(r, "query", {"connection": text,
                "sql": f"select count(*) from {r.service()} where created_at > now() - interval '1 day'"})
        slot = Slot(r.pick("DATABASE_URL", "BACKEND_URL", "CONNECTION_STRING", "STORE_URL"), "database", text,
            False)
        return long(r, slot, i * 5 + len(name)) if i % 3 == 2 else short(r, slot, i)
    return build


for _name, _template in CONNECTIONS.items():
    KINDS.append((_name, 5, _connection_case(_name, _template)))


@kind("password-config", 60)
def password_config(r, i):
    env = r.pick("DB_PASSWORD", "SMTP_PASSWORD", "POSTGRES_PASSWORD", "ADMIN_PASSWORD", "REDIS_PASSWORD",
        "LDAP_BIND_PASSWORD", "KEYSTORE_PASSWORD", "MYSQL_ROOT_PASSWORD")
    slot = Slot(env, r.pick("database", "mail", "directory"), secret(password(r)), False)
    return long(r, slot, i) if i % 2 else short(r, slot, i)


@kind("password-places", 70)
def password_places(r, i):
    p, user, svc = secret(password(r)), f"{r.word()}{r.randint(1, 99)}", r.service()
    places = [
        f"password: {p}", f"Password = {p}", f"passwd={p}", f"pwd: '{p}'", f'"password": "{p}"',
        f'{{"username": "{user}", "password": "{p}"}}', f"mysql -u {user} -p{p} {svc}",
            f"PGPASSWORD={p} psql -h {r.host()} -U {user} {svc}",
        f"sshpass -p '{p}' ssh {user}@build-{r.randint(1, 9)} uptime",
            f"curl -u {user}:{p} https://{r.host()}/v1/{svc}",
        f"ALTER USER {user} WITH PASSWORD '{p}';", f"CREATE USER '{user}'@'%' IDENTIFIED BY '{p}';",
        f"machine {r.host()} login {user} password {p}", f"htpasswd -bc .htpasswd {user} {p}",
        f"wifi: {r.word()}-guest, password: {p}",
            f"Your temporary password is {p} and must be changed at first login.",
        f"login with {user} / password {p}", f"The password for the {svc} account is: {p}",
            f"das Passwort lautet: {p}", f"Passwort: {p}",
        f"mot de passe : {p}", f"contraseña: {p}", f"wachtwoord: {p}", f"senha: {p}", f"пароль: {p}",
        f"<password>{p}</password>", f'<property name="password" value="{p}"/>',
            f'db.connect(user="{user}", password="{p}", host="db")',
        f'conn = psycopg2.connect(dbname="{svc}", user="{user}", password="{p}")',
            f"password=\"{p}\" # rotate in Q{r.randint(1, 4)}",
        f"const pool = new Pool({{ user: '{user}', password: '{p}', max: {r.randint(2, 20)} }});",
        f"7z a -p{p} backup-{r.date()}.7z /srv/{svc}",
        f"ansible_become_password: {p}", f"spring.datasource.password={p}", f"requirepass {p}",
    ]
    text = places[i % len(places)]
    return text if i % 3 else f"{' '.join(prose(r, 3))}\n\n{text}\n\n{' '.join(prose(r, 2))}\n"


@kind("password-tool-argument", 24)
def password_tool_argument(r, i):
    p = secret(password(r))
    return [lambda: call(r, "create_user", {"username": r.word() + r.dig(2), "password": p, "role": r.pick(
        "viewer", "editor")}),
            lambda: call(r, "browser_fill", {"selector": "#login input[name=user]", "form": {"user": r.word(),
                "password": p}}),
            lambda: call(r, "run_sql", {"sql": f"ALTER ROLE {r.service()} PASSWORD '{p}'"}),
            lambda: call(r, "ssh_exec", {"host": r.host(), "user": "deploy", "password": p,
                "command": "systemctl status nginx"}),
            lambda: result(r, f"username: {r.word()}\npassword: {p}\nurl: https://{r.host()}/login\n"),
            lambda: dumps({"items": [{"id": r.uuid(), "title": r.service(), "fields": {"username": r.word(),
                "password": p}, "updated": r.iso()}]}, 2)][i % 6]()


# ---- headers and cookies ----

@kind("authorization-basic", 24)
def authorization_basic(r, i):
    value = secret(base64.b64encode(f"{r.word()}-{r.service()}:{password(r)}".encode()).decode())
    head = f"{r.pick('Authorization', 'authorization', 'Proxy-Authorization')}: Basic {value}"
    if i % 3 == 2:
        return (f"POST /v2/{r.service()} HTTP/1.1\nHost: {r.host()}\n"
            f"User-Agent: curl/8.{r.randint(1, 9)}.0\nAccept: */*\n{head}\n"
            f"Content-Type: application/json\nContent-Length: 57\n"
                f"X-Request-Id: {r.uuid()}\n\n"
                    f"{{\"since\": \"{r.iso()}\", \"limit\": {r.randint(10, 500)}}}\n\n"
                    f"HTTP/1.1 202 Accepted\nDate: Wed, 08 Apr 2026 {r.clock()} GMT\nServer: nginx\n"
                f"Location: /v2/jobs/{r.uuid()}\nContent-Length: 0\n")
    return head if i % 3 else dumps({"headers": {"Authorization": f"Basic {value}", "Accept": "application/json"}})


@kind("authorization-bearer", 30)
def authorization_bearer(r, i):
    value = secret(r.pick(r.an(40), r.hex(64), r.b64u(48), f"{r.an(24)}.{r.an(24)}"))
    head = f"Authorization: {r.pick('Bearer', 'Bearer', 'Token', 'bearer')} {value}"
    if i % 3 == 2:
        return f"$ curl -sv https://{r.host()}/{r.service()}\n> GET /{r.service()} HTTP/2\n> {head}\n> accept: */*\n>\n< HTTP/2 200\n< x-trace: {r.hex(32)}\n" + "\n".join(
            log_lines(r, 3)) + "\n"
    return [head, f"curl -H '{head}' https://{r.host()}/v3/{r.service()}", call(r, "fetch", {
        "url": f"https://{r.host()}/me", "headers": {"Authorization": f"Bearer {value}"}}),
            f'headers = {{"Authorization": "Bearer {value}"}}'][i % 4]


@kind("api-key-header", 20)
def api_key_header(r, i):
    value = secret(r.pick(r.an(32), r.hex(40), r.an(48)))
    name = r.pick("X-API-Key", "x-api-key", "Api-Key", "X-Auth-Token", "X-Access-Token")
    if i % 3 == 2:
        return doc_http(r, Slot(r.pick("API_KEY", "AUTH_TOKEN", "ACCESS_TOKEN"), "", value, False))
    return f"{name}: {value}" if i % 2 else f'req.Header.Set("{name}", "{value}")'


@kind("cookie", 24)
def cookie(r, i):
    name = r.pick("sessionid", "PHPSESSID", "JSESSIONID", "connect.sid", "session", "auth_token", "laravel_session")
    value = secret(r.pick(r.low(32), r.hex(32), r.an(40)))
    if i % 3 == 2:
        return (f"HTTP/1.1 302 Found\nDate: Fri, 13 Feb 2026 {r.clock()} GMT\nServer: nginx\n"
            f"Location: https://{r.host()}/home\nCache-Control: no-store\nVary: Accept-Encoding\n"
                f"Set-Cookie: {name}={value}; Path=/; HttpOnly; Secure; SameSite=Lax\n"
                    f"X-Frame-Options: DENY\nX-Request-Id: {r.uuid()}\nContent-Length: 0\n\n" + "\n".join(
                    log_lines(r, 1)) + "\n")
    return [f"Set-Cookie: {name}={value}; Path=/; HttpOnly", f"Cookie: theme=dark; {name}={value}; lang=de",
        f"curl --cookie '{name}={value}' https://{r.host()}/account",
            call(r, "http_get", {"url": f"https://{r.host()}/orders", "headers": {
                "Cookie": f"{name}={value}"}})][i % 4]


@kind("token-in-url", 30)
def token_in_url(r, i):
    value = secret(r.pick(r.an(32), r.hex(40), r.b64u(32)))
    url = (
        f"/{r.service()}?{r.pick('page=2&', 'id=17&', '')}{r.pick('access_token', 'api_key', 'token', 'apikey', 'auth_token')}={value}")
    if i % 3 == 2:
        rows = [f"web-{r.randint(1, 4)} - - [{r.randint(10, 28)}/Mar/2026:{r.clock()} +0000] "
            f"\"GET /{r.service()}/{r.randint(1, 999)} HTTP/1.1\" 200 {r.randint(99, 9999)}" for _ in range(
            6)]
        rows.insert(r.randrange(6),
            f"web-{r.randint(1, 4)} - - [{r.randint(10, 28)}/Mar/2026:{r.clock()} +0000] "
            f"\"GET {url} HTTP/1.1\" 401 {r.randint(99, 999)}")
        return "\n".join(rows) + "\n"
    return f"https://{r.host()}{url}" if i % 3 else call(r, "navigate", {"url": f"https://{r.host()}{url}"})


@kind("azure-sas", 8)
def azure_sas(r, i):
    sig = secret(r.b64(32).replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"))
    url = (
        f"https://{r.word()}data.blob.core.windows.net/{r.service()}/dump.parquet?sv=2024-11-04&se={r.date(2026)}T00%3A00%3A00Z&sr=b&sp=r&sig={sig}")
    return url if i % 2 else f"{' '.join(prose(r, 3))}\nThe export of {r.date()} is at {url} until then.\n{' '.join(prose(r, 2))}"


# ---- password hashes ----

def _hash64(r, n):
    return r.of("./" + ALNUM, n)


HASHES = {
    "hash-bcrypt": lambda r: f"${r.pick('2a', '2b', '2y')}${r.randint(10, 13)}${_hash64(r, 53)}",
    "hash-argon2": lambda r: f"$argon2{r.pick('id', 'i')}$v=19$m=65536,t=3,p=4${r.b64(16).rstrip('=')}${r.b64(32).rstrip('=')}",
    "hash-sha512crypt": lambda r: f"$6${_hash64(r, 16)}${_hash64(r, 86)}",
    "hash-sha256crypt": lambda r: f"$5${_hash64(r, 16)}${_hash64(r, 43)}",
    "hash-md5crypt": lambda r: f"${r.pick('1', 'apr1')}${_hash64(r, 8)}${_hash64(r, 22)}",
    "hash-yescrypt": lambda r: f"$y$j9T${_hash64(r, 22)}${_hash64(r, 43)}",
    "hash-django": lambda r: f"pbkdf2_sha256${r.pick('600000', '870000')}${r.an(22)}${r.b64(32)}",
    "hash-phpass": lambda r: f"$P$B{_hash64(r, 30)}",
    "hash-ssha": lambda r: "{SSHA}" + r.b64(28),
    "hash-scram": lambda r: f"SCRAM-SHA-256$4096:{r.b64(16)}${r.b64(32)}:{r.b64(32)}",
    "hash-scrypt": lambda r: f"scrypt:32768:8:1${r.an(16)}${r.hex(128)}",
    "hash-mysql": lambda r: "*" + r.hex(40).upper(),
}


def _hash_case(name, make):
    def build(r, i):
        h, user = secret(make(r)), r.word()
        if i == 0:
            return (f"{{\"id\": {r.num(4)}, \"login\": \"{user}\", \"password_hash\": \"{h}\", \"active\": true}}")
        if i == 1:
            rows = [
                f"{r.num(4)},{r.word()},{r.pick('admin', 'viewer')},{h if n == 3 else ''},{r.iso()},{r.uuid()}"
                for n in range(7)]
            return "id,login,role,password,last_login,ref\n" + "\n".join(rows) + "\n"
        if i == 2:
            return f"INSERT INTO users (login, password) VALUES ('{user}', '{h}');"
        if name == "hash-mysql":
            return f"CREATE USER '{user}'@'localhost' IDENTIFIED WITH mysql_native_password AS '{h}';"
        return f"{user}:{h}:19{r.dig(3)}:0:99999:7:::" if "crypt" in name else f"{user} password hash: {h}"
    return build


for _name, _make in HASHES.items():
    KINDS.append((_name, 4, _hash_case(_name, _make)))


# ---- generic keys ----

GENERIC = [("SECRET_KEY", lambda r: r.pick(r.an(50), r.hex(64))), ("JWT_SECRET", lambda r: r.pick(r.b64(48),
    r.hex(64))), ("API_KEY", lambda r: r.pick(r.an(32), r.hex(40))),
           ("CLIENT_SECRET", lambda r: r.pick(r.an(40), r.uuid())), ("ENCRYPTION_KEY", lambda r: r.pick(r.hex(
               64), r.b64(32))), ("WEBHOOK_SECRET", lambda r: r.an(40)),
           ("SECRET_KEY_BASE", lambda r: r.hex(128)), ("ACCESS_TOKEN", lambda r: r.pick(r.an(40), r.b64u(
               48))), ("AUTH_TOKEN", lambda r: r.pick(r.hex(40), r.an(36))),
           ("REFRESH_TOKEN", lambda r: r.b64u(48)), ("SIGNING_KEY", lambda r: r.b64(32)), ("NEXTAUTH_SECRET",
               lambda r: r.b64(32)), ("MASTER_KEY", lambda r: r.hex(32)),
           ("PRIVATE_TOKEN", lambda r: r.an(28)), ("APP_SECRET", lambda r: r.hex(32))]


@kind("generic-key", 90)
def generic_key(r, i):
    env, make = GENERIC[i % len(GENERIC)]
    prefix = r.pick("", "", f"{r.word().upper()}_", f"{r.service().upper()}_")
    slot = Slot(prefix + env, r.company(), secret(make(r)), False)
    return long(r, slot, i) if i % 3 == 2 else short(r, slot, i)


@kind("oauth-response", 12)
def oauth_response(r, i):
    body = {"access_token": secret(r.b64u(48)), "token_type": "Bearer", "expires_in": 3600,
        "scope": "openid profile"}
    if i % 2:
        body["refresh_token"] = secret(r.b64u(40))
    text = dumps(body, 2 if i % 3 else None)
    return text if i % 3 else f"HTTP/1.1 200 OK\nCache-Control: no-store\nContent-Type: application/json\nX-Request-Id: {r.uuid()}\n\n{text}\n" + "\n".join(
        log_lines(r, 3))


@kind("k8s-secret", 12)
def k8s_secret(r, i):
    value = secret(base64.b64encode(password(r).encode()).decode())
    svc = r.service()
    return (f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: {svc}-credentials\n"
        f"  namespace: {r.word()}\n  uid: {r.uuid()}\n  resourceVersion: \"{r.num(8)}\"\n"
        f"  creationTimestamp: \"{r.iso()}\"\n"
            f"type: Opaque\ndata:\n  {r.pick('password', 'db-password', 'POSTGRES_PASSWORD')}: {value}\n")


@kind("totp-uri", 8)
def totp_uri(r, i):
    uri = (
        f"otpauth://totp/{r.word().title()}:{r.word()}?secret={secret(r.of(BASE32, 32))}&issuer={r.word().title()}&digits=6&period=30")
    return uri if i % 2 else f"Scan the code or enter it by hand:\n{uri}\n"


@kind("crypto-private-key", 12)
def crypto_private_key(r, i):
    if i % 3 == 0:
        return (
            f"{r.pick('wif', 'WIF', 'private key')}: {secret(base58check(bytes([0x80]) + r.raw(32) + bytes([1])))}")
    if i % 3 == 1:
        slot = Slot(r.pick("PRIVATE_KEY", "DEPLOYER_PRIVATE_KEY", "ETH_PRIVATE_KEY"), "Ethereum", secret("0x"
            + r.hex(64)), False)
        return short(r, slot, i)
    return f"xprv backup of {r.word()}: {secret(base58check(bytes.fromhex('0488ade4') + r.raw(74)))}"
