"""Code, schemas, documentation and keys that are public: they speak of secrets and hold none."""

import json
import textwrap

from common import FIRST, R
from negatives import lines, neg, rows_of
from surroundings import call, dumps, prose, result
from tokens import jsonb64


def fill(r: R, template):
    """Names for the <placeholders> of a snippet; one word a placeholder and text."""
    for slot in ("SVC", "WORD", "OTHER", "THING", "NUM", "VER", "HOST"):
        while f"@{slot}@" in template:
            value = {"SVC": r.service, "WORD": r.word, "OTHER": r.word, "THING": r.word, "NUM": lambda: str(
                r.randint(2, 90)), "VER": r.version, "HOST": r.host}[slot]()
            template = template.replace(f"@{slot}@", value)
    return template


def snippets(name, n, templates):
    """A kind of filled-in snippets; every third has code of the same kind around it, or stands in a message."""
    @neg(name, n)
    def build(r, i):
        text = fill(r, templates[i % len(templates)])
        if i // len(templates) % 3 == 1:
            text += "\n\n" + fill(r, templates[(i + 1 + i // len(templates)) % len(templates)])
        if i // len(templates) % 3 == 2:
            return call(r, "write_file", {"path": f"src/{r.service()}/{r.word()}.txt",
                "content": text}) if i % 2 else result(r, text)
        return text


snippets("python-code", 60, [
    "password = os.environ[\"DB_PASSWORD\"]\nconn = connect(host=\"@SVC@\", password=password)",
    "def reset_password(user):\n    token = make_token(user, salt=settings.@WORD@_SALT)\n"
        "    send_link(user, token)\n    return token",
    "class Settings(BaseSettings):\n    api_key: str | None = None\n"
        "    db_password: SecretStr\n    timeout: int = @NUM@",
    "token = request.headers.get(\"Authorization\", \"\").removeprefix(\"Bearer \")\nif not token:\n    abort(401)",
    "api_key = config.get(\"@SVC@\", \"api_key\")\nclient = Client(api_key=api_key, base_url=BASE_URL)",
    "@app.route(\"/@SVC@/<int:id>\", methods=[\"GET\"])\n@login_required\ndef @WORD@(id):\n"
        "    return jsonify(get(id))",
    "def test_login(client, user_password):\n"
        "    response = client.post(\"/login\", data={\"user\": \"@WORD@\", \"password\": "
        "user_password})\n    assert response.status_code == 200",
    "secret = getpass.getpass(\"Password: \")\nif len(secret) < @NUM@:\n"
        "    raise ValueError(\"password too short\")",
    "self._token = token\nself._password: Optional[str] = password\nself.secret_key = secrets.token_hex(32)",
    "hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=12))\nuser.password_hash = hashed",
    "parser.add_argument(\"--api-key\", default=os.getenv(\"@SVC@_API_KEY\"), help=\"key of the @SVC@ service\")",
    "@pytest.mark.parametrize(\"size\", [1, @NUM@])\n@dataclass(frozen=True)\n"
        "class @WORD@Token:\n    value: str = field(repr=False)",
    "PASSWORD_HASHERS = [\n    \"django.contrib.auth.hashers.Argon2PasswordHasher\",\n"
        "    \"django.contrib.auth.hashers.PBKDF2PasswordHasher\",\n]",
    "auth_token = jwt.encode(payload, settings.SECRET_KEY, algorithm=\"HS256\")\n"
        "refresh_token = create_refresh_token(identity=user.id)",
    "password = vault.read(f\"secret/data/{env}/@SVC@\")[\"data\"][\"password\"]",
    "EMAIL_FIELD = \"email\"\nif \"@\" not in value:\n    raise ValidationError(\"not an e-mail address\")"])
snippets("javascript-code", 56, [
    "const apiKey = process.env.@SVC@_API_KEY;\nif (!apiKey) throw new Error('missing key');",
        "const { password, ...user } = await db.users.findOne({ id });\nreturn user;",
    "import { @WORD@ } from '@@WORD@x/@SVC@';\nimport type { Token } from '@types/@OTHER@';".replace(
        "@@WORD@x", "@acme"), "headers: { Authorization: `Bearer ${token}`, 'X-Api-Key': apiKey },",
    "export interface Credentials {\n  username: string;\n  password: string;\n" "  token?: string;\n}",
        "@Component({ selector: 'app-@WORD@', templateUrl: './@WORD@.component.html' })\n"
        "export class PasswordComponent { @Input() token = ''; }",
    "const schema = z.object({ email: z.string().email(), password: z.string().min(@NUM@) });",
        "localStorage.setItem('token', response.data.token);\nrouter.push('/@SVC@');",
    "<input type=\"password\" name=\"password\" value={password} onChange={(e) "
        "=> setPassword(e.target.value)} />",
        "const secret = await ssm.getParameter({ Name: '/@SVC@/db-password', WithDecryption: true });",
    "module.exports = { token: () => tokens.get('@WORD@'), password: undefined };",
        "await page.fill('#password', process.env.TEST_PASSWORD);\n"
        "await page.click('button[type=submit]');",
    "type PasswordReset = { userId: string; resetToken: string; expiresAt: Date };",
        "const key = crypto.randomBytes(32).toString('hex');\nconst iv = crypto.randomBytes(16);"])
snippets("go-rust-java-code", 60, [
    "token := os.Getenv(\"@SVC@_TOKEN\")\nif token == \"\" {\n" "\treturn errors.New(\"no token\")\n}",
        "type Config struct {\n\tPassword string `json:\"password\" env:\"DB_PASSWORD\"`\n"
        "\tAPIKey   string `json:\"api_key\"`\n}",
    "req.Header.Set(\"Authorization\", \"Bearer \"+token)\n" "req.Header.Set(\"X-Request-Id\", id)",
        "let password = std::env::var(\"DB_PASSWORD\")?;\n"
        "let url = format!(\"postgres://app:{password}@db/@SVC@\");",
    "#[derive(Deserialize)]\npub struct Login {\n    pub username: String,\n"
        "    pub password: Secret<String>,\n}",
        "pub fn verify_token(token: &str, key: &Key) -> Result<Claims, Error> {\n"
        "    decode(token, key).map(|d| d.claims)\n}",
    "@Value(\"${@SVC@.api-key}\")\nprivate String apiKey;\n\n@Override\n"
        "public String toString() { return \"@WORD@\"; }",
        "@RestController\n@RequestMapping(\"/@SVC@\")\npublic class TokenController {\n"
        "  @Autowired private TokenService tokens;\n}",
    "String password = System.getenv(\"DB_PASSWORD\");\n"
        "DataSource ds = builder.password(password).build();",
        "var apiKey = Configuration[\"@SVC@:ApiKey\"];\n"
        "services.AddHttpClient(c => c.Timeout = TimeSpan.FromSeconds(@NUM@));",
    "$password = getenv('DB_PASSWORD');\n$pdo = new PDO($dsn, $user, $password);",
        "password = ENV.fetch(\"DB_PASSWORD\")\n" "Rails.application.credentials.dig(:@SVC@, :api_key)",
        "char password[64];\nif (read_password(password, sizeof password) != 0)\n    return -1;",
    "fun login(user: String, password: CharArray): Token = auth.login(user, password)",
        "const SK_LIVE_PREFIX: &str = \"sk_live_\";\n"
        "if key.starts_with(SK_LIVE_PREFIX) { warn!(\"live key\"); }"])
snippets("shell-and-ci", 48, [
    "export DB_PASSWORD=\"$(vault kv get -field=password secret/@SVC@)\"",
        "curl -H \"Authorization: Bearer $TOKEN\" https://@HOST@/v1/@SVC@",
        "echo \"$NPM_TOKEN\" | docker login ghcr.io -u ci --password-stdin",
        "read -rs -p 'Password: ' password\necho",
    "env:\n  GITHUB_TOKEN: ${{ secrets.GITHUB_TOKEN }}\n" "  API_KEY: ${{ secrets.@SVC@_API_KEY }}",
        "variables:\n  DB_PASSWORD: $(dbPassword)\n  TOKEN: $[variables.token]",
        "aws secretsmanager get-secret-value --secret-id @SVC@/db --query SecretString " "--output text",
        "kubectl create secret generic @SVC@ --from-file=key=./@WORD@.pem",
    "gh auth token | docker login ghcr.io -u x --password-stdin",
        "ssh-keygen -t ed25519 -f ~/.ssh/@WORD@ -N \"$PASSPHRASE\"",
        "mysql --defaults-extra-file=/etc/@SVC@/my.cnf -e 'show tables'",
        "psql \"$DATABASE_URL\" -c 'select @NUM@'",
    "withCredentials([string(credentialsId: '@SVC@-token', variable: 'TOKEN')]) {\n" "  sh './deploy.sh'\n}",
        "ARG NPM_TOKEN\nRUN --mount=type=secret,id=npm_token npm ci",
        "openssl rand -hex 32 > /run/secrets/@SVC@", "pass show @WORD@/@SVC@ | head -n 1"])
snippets("config-references", 56, [
    "password: ${DB_PASSWORD}", "api_key = \"${var.@SVC@_api_key}\"", "DB_PASSWORD={{ vault_db_password }}",
        "password: !vault-ref @SVC@/db#password", "token: <%= ENV[\"@SVC@_TOKEN\"] %>",
        "secretName: @SVC@-tls", "client_secret: ${file:/run/secrets/client_secret}",
        "password = data.aws_secretsmanager_secret_version.@WORD@.secret_string",
    "variable \"db_password\" {\n  type      = string\n  sensitive = true\n}",
        "services:\n  @SVC@:\n    environment:\n      - DB_PASSWORD\n    secrets:\n"
        "      - db_password\nsecrets:\n  db_password:\n    file: ./db_password.txt",
        "spring.datasource.password=${DB_PASSWORD:}",
        "auth:\n  type: token\n  tokenPath: /var/run/secrets/@SVC@/token",
    "password_file: /etc/@SVC@/password\nbearer_token_file: /run/@SVC@.token",
        "API_KEY=op://@WORD@/@SVC@/credential", "{\"password\": null, \"token\": \"\", \"apiKey\": false}",
        "DATABASE_URL=postgres://${DB_USER}:${DB_PASSWORD}@${DB_HOST}:5432/@SVC@",
        "private_key: file(\"~/.ssh/@WORD@\")", "ref+vault://secret/@SVC@#/password"])
snippets("placeholders", 72, [
    "API_KEY=YOUR_API_KEY", "export OPENAI_API_KEY=sk-...", "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
        "Authorization: Bearer <token>", "token: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "STRIPE_SECRET_KEY=sk_live_XXXXXXXXXXXXXXXXXXXXXXXX", "password: <your-password>",
    "SLACK_BOT_TOKEN=xoxb-your-bot-token", "curl -u <user>:<password> https://@HOST@/@SVC@",
        "postgres://USER:PASSWORD@HOST:5432/DATABASE", "mongodb+srv://<username>:<password>@<cluster>/@SVC@",
        "api_key: \"YOUR-API-KEY-HERE\"", "SECRET_KEY=replace-me", "ANTHROPIC_API_KEY=sk-ant-...",
        "password=********", "token = \"[REDACTED]\"", "HF_TOKEN=hf_...",
    "Set `@SVC@_TOKEN` to the token from the settings page.", "client_secret: \"<client secret>\"",
        "\"apiKey\": \"<YOUR_KEY>\"", "PASSWORD=", "glpat-xxxxxxxxxxxxxxxxxxxx",
        "SENDGRID_API_KEY=SG.xxxxxx.xxxxxx"])
snippets("schemas", 56, [
    "openapi: 3.1.0\ncomponents:\n  securitySchemes:\n    bearerAuth:\n      type: http\n"
        "      scheme: bearer\n      bearerFormat: JWT\n    apiKey:\n      type: apiKey\n"
        "      in: header\n      name: X-API-Key",
        "message LoginRequest {\n  string username = 1;\n  string password = 2;\n"
        "  optional string totp_code = 3;\n}",
    "CREATE TABLE @SVC@ (\n  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),\n"
        "  email text NOT NULL UNIQUE,\n  password_hash text NOT NULL,\n  ssn varchar(11),\n"
        "  api_key bytea\n);", "ALTER TABLE users ADD COLUMN reset_token varchar(64), DROP COLUMN password;",
        "type User {\n  id: ID!\n  email: String! @auth\n  phone: String @deprecated\n" "  iban: String\n}",
        "{\"type\": \"object\", \"properties\": {\"password\": {\"type\": \"string\", "
        "\"format\": \"password\", \"minLength\": @NUM@}, \"token\": {\"type\": "
        "\"string\"}}, \"required\": [\"password\"]}",
    "mutation { resetPassword(input: $input) { token expiresAt } }",
        "record Payment(String cardNumber, String iban, LocalDate birthDate) {}",
        "model Account {\n  id           String  @id @default(cuid())\n"
        "  refresh_token String? @db.Text\n  access_token  String? @db.Text\n"
        "  @@unique([provider, providerAccountId])\n}",
        "fields:\n  - name: date_of_birth\n    type: date\n  - name: passport_number\n"
        "    type: string\n  - name: phone\n    type: string",
    "SELECT id, email IS NOT NULL AS has_email, length(password_hash) FROM users "
        "WHERE token = $1 LIMIT @NUM@;",
        "{\"$id\": \"@SVC@.json\", \"definitions\": {\"apiKey\": {\"type\": \"string\", "
        "\"pattern\": \"^[A-Za-z0-9]{32}$\"}}}",
        "attributeTypes: ( 2.5.4.35 NAME 'userPassword' SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )",
        "GRANT SELECT (id, email) ON users TO @SVC@_reader;"])
snippets("scanner-regexes", 40, [
    r"regex = '''ghp_[0-9a-zA-Z]{36}'''", r"AKIA[0-9A-Z]{16}", r"const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;",
        r"r'xox[baprs]-[0-9]{10,13}-[0-9a-zA-Z]{24}'", r"(?i)password\s*[:=]\s*['\"]?([^'\"\s]{8,})",
        r"IPV4 = re.compile(r'(?:\d{1,3}\.){3}\d{1,3}')", r"'sk_live_[0-9a-zA-Z]{24,}'",
        r"-----BEGIN (?:RSA |EC )?PRIVATE KEY-----",
    r"^4[0-9]{12}(?:[0-9]{3})?$  # card numbers that begin with 4", r"\b\d{3}-\d{2}-\d{4}\b",
        r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", r"eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+",
        r"rules:\n  - id: @SVC@-token\n    pattern: 'hf_[a-zA-Z]{34}'",
        r"if (/^glpat-[\w-]{20}$/.test(value)) mask(value);"])
snippets("token-docs", 40, [
    "A JWT begins with `eyJ`, because the header is a JSON object in base64url; "
        "the three parts are joined by dots.",
        "Bot tokens start with `xoxb-`, user tokens with `xoxp-`; both belong into " "the environment.",
        "Live keys have the prefix `sk_live_` and publishable ones `pk_live_`.",
        "Personal access tokens begin with `ghp_` and are 40 characters long.",
        "Header: {\"alg\": \"HS256\", \"typ\": \"JWT\"}\n"
        "Payload: {\"sub\": \"@WORD@\", \"iat\": 1700000000}\n"
        "Signature: HMACSHA256(base64url(header) + \".\" + base64url(payload), secret)",
    "The `X-Api-Key` header carries the key; a missing key is answered 401, a wrong one 403.",
        "`AKIA` ids are long-term, `ASIA` ids are temporary.",
        "Basic authentication sends `base64(user:password)`; use it over TLS only.", "$ @SVC@ auth login\n"
        "? Paste your authentication token: ****************************************\n"
        "✓ Logged in as @WORD@",
        "Run `@SVC@ token create --ttl @NUM@h` and store what it prints in the vault."])
snippets("annotations-and-at-signs", 48, [
    "npm install @acme/@WORD@@@VER@", "\"@types/node\": \"^@VER@\",\n\"@babel/core\": \"^@VER@\"",
        "pnpm add react@@VER@ vite@latest", "@Test\n@DisplayName(\"@WORD@ works\")\nvoid @OTHER@() {}",
        "uses: actions/checkout@v4\nuses: docker/login-action@v3",
        "@tailwind base;\n@layer components { .@WORD@ { @apply p-4; } }",
        "go get github.com/@WORD@/@SVC@@v@VER@",
        "@staticmethod\ndef @WORD@(): ...\n\n@property\ndef @OTHER@(self): ...",
    "thanks @@WORD@ and @@OTHER@ for the review", "brew install python@3.12 postgresql@16",
        "image: @SVC@:latest@sha256 is pinned below", "SELECT @@version, @rownum := 0",
        "param($@WORD@, [string]$Token)\nWrite-Host @(1, 2, 3)",
        "{% extends 'base.html' %}{{ form.password.label }}",
        "* @param token the token\n * @return the user\n * @throws AuthException if @WORD@",
        "user@host:~$ ls -la /srv/@SVC@"])


# ---- public keys and certificates ----

def block(r, label, n):
    return f"-----BEGIN {label}-----\n{textwrap.fill(r.b64(n), 64)}\n-----END {label}-----\n"


@neg("public-key-blocks", 32)
def public_key_blocks(r, i):
    label, n = [("PUBLIC KEY", 91), ("CERTIFICATE", r.randint(400, 900)), ("CERTIFICATE REQUEST", 300), (
        "RSA PUBLIC KEY", 270), ("PGP PUBLIC KEY BLOCK", 400), ("PGP SIGNATURE", 150), ("X509 CRL", 260), (
        "DH PARAMETERS", 268)][i % 8]
    text = block(r, label, n)
    return [text, f"ca_bundle: |\n{textwrap.indent(text, '  ')}", json.dumps({"kid": r.hex(16), "pem": text}),
        f"$ cat /etc/ssl/{r.word()}.pem\n{text}"][i // 8]


@neg("ssh-public-keys", 24)
def ssh_public_keys(r, i):
    ed = lambda: "AAAAC3NzaC1lZDI1NTE5AAAAI" + r.b64(33)[:43]
    return [f"ssh-ed25519 {ed()} {r.word()}", f"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ{r.b64(255)} deploy",
        f"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABB{r.b64(66)} ci",
        f"{r.host()} ssh-ed25519 {ed()}", f"|1|{r.b64(20)}|{r.b64(20)} ssh-ed25519 {ed()}",
        f"256 SHA256:{r.b64(32).rstrip('=')} {r.word()} (ED25519)",
            f"WireGuard peer\nPublicKey = {r.b64(32)}\nAllowedIPs = 0.0.0.0/0", dumps({"kty": "EC",
                "crv": "P-256", "kid": r.uuid(), "x": r.b64u(32), "y": r.b64u(32), "use": "sig"})][i % 8]


@neg("publishable-keys", 24)
def publishable_keys(r, i):
    return [f"pk_live_{r.an(24)}", f"NEXT_PUBLIC_STRIPE_PUBLISHABLE_KEY=pk_live_51{r.an(97)}",
        f"Stripe('pk_test_{r.an(24)}')", f"gtag('config', 'G-{r.up(10)}');", f"UA-{r.num(8)}-{r.dig(1)}",
        f"GTM-{r.up(7)}", f"posthog.init('phc_{r.an(43)}', {{ autocapture: false }});", f"ca-pub-{r.num(16)}",
            f"mapboxgl.accessToken = 'pk.{jsonb64({'u': r.word(), 'a': 'cl' + r.low(23)})}.{r.an(22)}';",
                f"client_id={r.num(12)}-{r.low(32)}.apps.googleusercontent.com",
                f"appId: '1:{r.num(12)}:web:{r.hex(22)}'", f"data-sitekey=\"6L{r.wc(37)}a\""][i % 12]


@neg("signatures-and-nonces", 24)
def signatures(r, i):
    return [f"script-src 'nonce-{r.b64(16)}'",
        f"Signature: keyId=\"{r.word()}\",algorithm=\"rsa-sha256\",headers=\"date\"",
        f"Sec-WebSocket-Accept: {r.b64(20)}", f"integrity=\"sha256-{r.b64(32)}\"",
        f"DKIM v=1; a=rsa-sha256; bh={r.b64(32)}",
        f"{r.word()}._domainkey TXT \"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQ{r.b64(90)}\"",
            f"code_challenge={r.b64u(32)}&code_challenge_method=S256",
                f"X-Hub-Signature-256: sha256={r.hex(64)}"][i % 8]


@neg("encrypted-values", 20)
def encrypted_values(r, i):
    return [f"password: ENC[AES256_GCM,data:{r.b64(12)},iv:{r.b64(32)},tag:{r.b64(16)},type:str]",
        "db_password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n" + rows_of(r, 3, 6, lambda _: "  " + r.hex(80)),
        f"age-encryption.org/v1\n-> X25519 {r.b64(32).rstrip('=')}\n{r.b64(32).rstrip('=')}\n"
        f"--- {r.b64(32).rstrip('=')}\n"][i % 3]


# ---- longer files ----

@neg("readme", 40)
def readme(r, i):
    svc, paragraphs = r.service(), prose(r, 5)
    return (f"# {r.word().title()} {svc}\n\n{paragraphs[0]} {paragraphs[1]}\n\n## Install\n\n```sh\n"
        f"npm install @{r.word()}/{svc}@{r.version()}\nexport {svc.upper()}_API_KEY=<your key>\n"
        f"```\n\n## Settings\n\n| name | default | meaning |\n| --- | --- | --- |\n"
        f"| `{svc.upper()}_TOKEN` | none | token of the service |\n"
            f"| `PORT` | {r.randint(3000, 9000)} | where it listens |\n"
                f"| `DB_PASSWORD` | none | read from the vault |\n\n{paragraphs[2]} {paragraphs[3]}\n\n"
                f"## Licence\n\nMIT, {r.randint(2018, 2026)} {r.company()}\n")


@neg("dotenv-example", 32)
def dotenv_example(r, i):
    keys = r.sample(["DB_PASSWORD", "API_KEY", "JWT_SECRET", "SMTP_PASSWORD", "GITHUB_TOKEN",
        "AWS_SECRET_ACCESS_KEY", "STRIPE_SECRET_KEY", "SESSION_SECRET"], 5)
    value = [lambda k: "", lambda k: f"<{k.lower()}>", lambda k: f"YOUR_{k}", lambda k: f"${{{k}}}"][i % 4]
    return f"# copy to .env and fill in\nPORT={r.randint(3000, 9000)}\nLOG_LEVEL=info\n" + lines(*(
        f"{k}={value(k)}" for k in keys)) + f"PUBLIC_URL=http://localhost:{r.randint(3000, 9000)}\n"


@neg("translation-file", 24)
def translation_file(r, i):
    texts = {"login.password": "Password", "login.forgot": "Forgot your password?",
        "login.token": "Access token", "profile.phone": "Phone number", "profile.birth": "Date of birth",
        "pay.card": "Card number", "pay.iban": "IBAN", "errors.password": "The password is wrong.",
        "errors.token": "This token has expired.", "profile.address": "Address",
        "profile.email": "E-mail address",
             "profile.ssn": "Social security number", "api.key": "API key", "api.secret": "Secret",
                 "passport.number": "Passport number"}
    keys = r.sample(sorted(texts), r.randint(5, 12))
    return json.dumps({f"{r.word()}.{k}": texts[k] for k in keys}, indent=1) if i % 2 else lines(*(
        f"{k}={texts[k]}" for k in keys))


@neg("form-and-types", 24)
def form_and_types(r, i):
    fields = r.sample(["password", "apiKey", "token", "secret", "phone", "email", "iban", "cardNumber", "ssn",
        "birthDate", "address"], r.randint(4, 8))
    return [lambda: "export interface " + r.word().title() + " {\n" + lines(*(f"  {f}: string;"
        for f in fields)) + "}", lambda: lines(*(
        f"private String {f};\npublic String get{f.title()}() {{ return {f}; }}" for f in fields)),
        lambda: lines(*(f'<label for="{f}">{f}</label>\n<input id="{f}" name="{f}" type="text">'
        for f in fields)),
            lambda: "id,name," + ",".join(fields) + "\n" + rows_of(r, 2, 6, lambda n: f"{n},{r.choice(FIRST)}"
                + "," * len(fields))][i % 4]()


@neg("file-tree", 24)
def file_tree(r, i):
    return rows_of(r, 8, 24,
        lambda _: f"{r.pick('├──', '└──', '│   ├──')} {r.pick('password_reset', 'token_store', 'api_keys', 'secrets', r.word(), r.word())}{r.pick('.py', '.rs', '.test.ts', '.md', '/', '.' + r.hex(8) + '.js')}")


@neg("base64-archives", 20)
def base64_archives(r, i):
    head = r.pick("UEsDBBQAAAAIA", "H4sIAAAAAAAAA", "JVBERi0xLjQKJ", "d09GMgABAAAAA", "AAEAAAAKAIAAA")
    data = textwrap.fill(head + r.b64(3 * r.randint(100, 500)), 76)
    return data if i % 2 else f"Content-Type: application/octet-stream; name=\"{r.word()}.zip\"\nContent-Transfer-Encoding: base64\n\n{data}\n"


@neg("embeddings", 16)
def embeddings(r, i):
    return json.dumps({"model": f"{r.word()}-embed-v{r.randint(1, 4)}", "embedding": [round(r.uniform(-1, 1),
        r.randint(6, 16)) for _ in range(r.randint(20, 80))], "index": i})


@neg("contract-code", 16)
def contract_code(r, i):
    return [f"function {r.word()}(address to, uint256 amount) external returns (bool);",
        f"block {r.num(8)} hash 0x{r.hex(64)} gas {r.num(7)}",
        f"tx 0x{r.hex(64)} confirmed in block {r.num(8)}", f"selector 0x{r.hex(8)} topic0 0x{r.hex(64)}"][
        i % 4]


@neg("bundles-and-assets", 24)
def bundles(r, i):
    return rows_of(r, 5, 16,
        lambda _: f"dist/assets/{r.word()}-{r.wc(7)}a.{r.pick('js', 'css', 'woff2')}  {r.randint(1, 900)}.{r.dig(2)} "
        f"kB │ gzip: {r.randint(1, 200)}.{r.dig(2)} kB")


@neg("lorem", 16)
def lorem(r, i):
    latin = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna aliqua ut enim ad minim veniam quis nostrud".split(
        )
    return " ".join(r.choice(latin) for _ in range(r.randint(20, 300))).capitalize() + "."


@neg("word-tokens", 24)
def word_tokens(r, i):
    w, o = r.word(), r.word()
    return [f"sk-{w}-{o}-container", f"xoxb_{w}_handler", f"ghp_{w}_pages", f"key-{w}-{o}",
        f"password-{w}-field", f"--token-{w}-color: #{r.hex(6)};", f"glpat_{w}", f"SG.{w}.{o}", f"hf_{w}_{o}",
        f"whsec_{w}", f"dapi_{w}", f"pat-{w}", f"AKIA_{w.upper()}_PREFIX", f"npm_config_{w}",
        f"npm_package_{o}_version", f"eyJ_{w}",
            f"token_{w}_{r.num(4)}", f"sk_{w}_{o}_{r.num(2)}", f"access-{w}-{o}", f"rnd_{w}", f"s.{w}",
                f"r8_{w}", f"re_{w}_{o}", f"secret_{w}_{o}"][i % 24]


