"""Where a named secret stands in MCP traffic: one-liners, and whole documents of 300-3000 bytes.

A slot is (env, vendor, value, distinct); the value is marked already. Nothing else in these texts
may be of any class: no e-mail, no IP other than loopback, no second secret.
"""

import json
from collections import namedtuple

from common import FIRST, R, SERVICES, WORDS, camel, kebab, snake

Slot = namedtuple("Slot", "env vendor val distinct")


def dumps(value, indent=None):
    return json.dumps(value, ensure_ascii=False, indent=indent)


def call(r, tool, arguments):
    """A whole tools/call message."""
    return dumps({"jsonrpc": "2.0", "id": r.randint(1, 400), "method": "tools/call",
                  "params": {"name": tool, "arguments": arguments}}, r.pick(None, None, 2))


def result(r, text):
    """A whole result with one text block."""
    return dumps({"jsonrpc": "2.0", "id": r.randint(1, 400),
                  "result": {"content": [{"type": "text", "text": text}], "isError": False}}, r.pick(None, None, 2))


SHORT = [
    lambda r, s: f"{s.env}={s.val}",
    lambda r, s: f'{s.env}="{s.val}"',
    lambda r, s: f"export {s.env}={s.val}",
    lambda r, s: f"export {s.env}='{s.val}'\nnpm run deploy",
    lambda r, s: f'{{"{snake(s.env)}": "{s.val}"}}',
    lambda r, s: f'{{"{camel(s.env)}":"{s.val}","region":"{r.pick("eu-west-1", "us-east-2")}"}}',
    lambda r, s: f"{snake(s.env)}: {s.val}",
    lambda r, s: f'env:\n  {s.env}: "{s.val}"\n  LOG_LEVEL: debug',
    lambda r, s: f"const {camel(s.env)} = '{s.val}';",
    lambda r, s: f'{snake(s.env)} = "{s.val}"',
    lambda r, s: f'os.environ["{s.env}"] = "{s.val}"',
    lambda r, s: f'process.env.{s.env} = "{s.val}";',
    lambda r, s: f"helm upgrade {r.service()} ./chart --set {camel(s.env)}={s.val} --wait",
    lambda r, s: f"docker run --rm -e {s.env}={s.val} {r.word()}/{r.service()}:latest",
    lambda r, s: f'- name: {s.env}\n  value: "{s.val}"',
    lambda r, s: f"$env:{s.env} = '{s.val}'",
    lambda r, s: f"ENV {s.env}={s.val}",
    lambda r, s: f'<add key="{camel(s.env)}" value="{s.val}" />',
    lambda r, s: f'private static final String {s.env} = "{s.val}";',
    lambda r, s: f"{snake(s.env).replace('_', '.')}={s.val}",
    lambda r, s: f"| {s.env} | `{s.val}` | prod |",
    lambda r, s: f'gh secret set {s.env} --body "{s.val}"',
    lambda r, s: f"--{kebab(s.env)} {s.val}",
    lambda r, s: f"{s.vendor} {snake(s.env).replace('_', ' ')}: {s.val}",
    lambda r, s: call(r, "run_command", {"command": f"{s.env}={s.val} ./deploy.sh {r.service()}"}),
    lambda r, s: call(r, "set_config", {"key": snake(s.env), "scope": "project", snake(s.env): s.val}),
    lambda r, s: result(r, f"# {r.service()}\n{s.env}={s.val}\nPORT={r.randint(3000, 9000)}\n"),
]
SHORT_DISTINCT = [
    lambda r, s: s.val,
    lambda r, s: f"Authorization: Bearer {s.val}",
    lambda r, s: f"curl -H 'Authorization: Bearer {s.val}' https://{r.host()}/v1/status",
    lambda r, s: f"{r.iso()} DEBUG http: retrying with credentials {s.val} attempt={r.randint(2, 5)}",
    lambda r, s: f"Here you go, this one should have write access: {s.val}",
    lambda r, s: f"can someone revoke {s.val}? I pasted it into the wrong channel",
    lambda r, s: f'client = Client("{s.val}", timeout={r.randint(5, 60)})',
    lambda r, s: f'"headers": {{"X-Api-Key": "{s.val}"}}',
    lambda r, s: call(r, "http_request", {"method": "GET", "url": f"https://{r.host()}/v1/me",
                                          "headers": {"Authorization": f"Bearer {s.val}"}}),
    lambda r, s: result(r, f"The {s.vendor} credential on file is {s.val} (last used {r.date()})."),
]


def short(r, s, seen):
    """The seen-th short place of this kind: walks through the lists, so that kinds differ."""
    places = SHORT + SHORT_DISTINCT * 2 if s.distinct else SHORT
    return places[(seen * 7 + r.randrange(len(places))) % len(places)](r, s)


# ---- fillers ----

def settings(r, n):
    keys = ["PORT", "LOG_LEVEL", "NODE_ENV", "CACHE_TTL_SECONDS", "FEATURE_FLAGS", "REGION", "WORKERS",
            "QUEUE_NAME", "PUBLIC_URL", "MAX_UPLOAD_MB", "TZ", "RETRY_LIMIT", "BUCKET", "RELEASE"]
    values = {"PORT": str(r.randint(3000, 9000)), "LOG_LEVEL": "info", "NODE_ENV": "production",
              "CACHE_TTL_SECONDS": "900", "FEATURE_FLAGS": "new-nav,bulk-edit", "REGION": "eu-central-1",
              "WORKERS": str(r.randint(2, 16)), "QUEUE_NAME": f"{r.service()}-jobs",
                  "PUBLIC_URL": f"https://{r.host()}",
              "MAX_UPLOAD_MB": "25", "TZ": "Europe/Vienna", "RETRY_LIMIT": "5",
                  "BUCKET": f"{r.word()}-{r.service()}-assets",
              "RELEASE": r.sha()[:12]}
    return [(k, values[k]) for k in r.sample(keys, n)]


def log_lines(r, n):
    lines = []
    for _ in range(n):
        level, svc = r.pick("INFO", "INFO", "DEBUG", "WARN"), r.service()
        lines.append(f"{r.iso()} {level} [{svc}] " + r.choice([
            f"request completed status=200 duration_ms={r.randint(2, 900)} request_id={r.uuid()}",
            f"cache miss for key {r.word()}:{r.service()}:{r.randint(100, 9999)}",
            f"job {r.hex(16)} finished in {r.randint(1, 40)}.{r.dig(2)}s",
            f"GET /v1/{r.service()}/{r.randint(10, 99999)} 304 {r.randint(1, 80)}ms",
            f"connected to 127.0.0.1:{r.randint(5000, 9999)} pool={r.randint(1, 20)}",
            f"trace_id={r.hex(32)} span_id={r.hex(16)} retry={r.randint(0, 3)}",
            f"loaded {r.randint(3, 80)} rules from /etc/{svc}/rules.d"]))
    return lines


def chatter(r, n):
    pool = [f"the {r.service()} deploy is green again", "I will look at it after lunch",
            f"build {r.randint(1000, 9000)} failed on the lint step, rerunning",
            "does anybody know why staging is so slow today?",
            f"PR #{r.randint(100, 4000)} is ready for review",
            f"we agreed to freeze {r.service()} until {r.date(2026)}",
            f"rolled back to v{r.version()}, errors are down to {r.randint(0, 3)} %",
            f"the dashboard for {r.word()} shows nothing since {r.clock()[:5]}",
            "thanks, that helped!", f"moved the {r.word()} epic to next sprint",
            f"the migration took {r.randint(3, 50)} minutes, longer than planned",
            f"who owns the {r.service()} runbook now?"]
    return r.sample(pool, n)


def prose(r, n):
    pool = [f"The {r.service()} service was moved to the {r.word()} cluster in week {r.randint(2, 50)}.",
            "Nothing in the customer-facing behaviour changes.",
            f"Average latency went from {r.randint(200, 400)} ms to {r.randint(40, 150)} ms after the change.",
            f"We keep the old {r.service()} queue until the backlog of {r.randint(100, 9000)} messages is gone.",
            f"Ownership of the {r.word()} repository goes to the platform team.",
            "Please read the checklist before starting the next step.",
            f"The nightly export runs at {r.clock()[:5]} and takes about {r.randint(10, 55)} minutes.",
            f"Release {r.version()} is planned for {r.date(2026)}; the change log is in the repository.",
            f"If the {r.service()} health check stays red, restart the {r.word()} pods one at a time.",
            f"The budget for {r.word()} was raised by {r.randint(2, 20)} % this quarter."]
    return r.sample(pool, min(n, len(pool)))


# ---- whole documents ----

def doc_env(r, s):
    rows = [f"{k}={v}" for k, v in settings(r, r.randint(9, 13))]
    rows.insert(r.randrange(len(rows)), f"{s.env}={s.val}")
    return f"# {r.service()} - {r.pick('production', 'staging')}, written {r.date()}\n" + "\n".join(rows) + "\n"


def doc_compose(r, s):
    env = [f"      {k}: \"{v}\"" for k, v in settings(r, 5)]
    env.insert(r.randrange(5), f"      {s.env}: {s.val}")
    a, b = r.sample(SERVICES, 2)
    return (f"version: \"3.9\"\nservices:\n  {a}:\n"
        f"    image: registry.{r.word()}.internal/{a}:{r.version()}\n" f"    restart: unless-stopped\n"
            f"    ports:\n      - \"127.0.0.1:{r.randint(3000, 9000)}:8080\"\n    environment:\n" + "\n".join(env) +
            f"\n    depends_on:\n      - {b}\n  {b}:\n    image: {b}@sha256:{r.hex(64)}\n"
                f"    volumes:\n      - {b}-data:/var/lib/{b}\nvolumes:\n  {b}-data: {{}}\n")


def doc_k8s(r, s):
    svc = r.service()
    return (f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {svc}\n"
        f"  namespace: {r.word()}\n  uid: {r.uuid()}\n"
            f"  labels:\n    app.kubernetes.io/name: {svc}\n"
                f"    app.kubernetes.io/version: \"{r.version()}\"\nspec:\n"
                f"  replicas: {r.randint(1, 6)}\n"
            f"  template:\n    spec:\n      containers:\n        - name: {svc}\n"
                f"          image: ghcr.io/{r.word()}/{svc}:{r.sha()[:7]}\n"
            f"          env:\n            - name: LOG_LEVEL\n              value: info\n"
                f"            - name: {s.env}\n              value: {s.val}\n"
            f"          resources:\n            limits:\n              memory: 512Mi\n              cpu: 500m\n")


def doc_terraform(r, s):
    return (f"terraform {{\n  required_version = \">= 1.{r.randint(3, 9)}.0\"\n}}\n\n"
        f"variable \"region\" {{\n  type    = string\n  default = \"eu-west-1\"\n}}\n\n"
            f"resource \"aws_ecs_task_definition\" \"{r.service()}\" {{\n"
                f"  family = \"{r.service()}-{r.word()}\"\n  cpu    = 256\n  memory = 512\n\n"
            f"  container_definitions = jsonencode([{{\n    name  = \"{r.service()}\"\n"
                f"    image = \"{r.word()}/{r.service()}:{r.version()}\"\n"
            f"    environment = [\n      {{ name = \"STAGE\", value = \"prod\" }},\n"
                f"      {{ name = \"{s.env}\", value = \"{s.val}\" }},\n    ]\n  }}])\n}}\n")


def doc_python(r, s):
    svc = r.service()
    return (f"\"\"\"Nightly job of the {svc} service.\"\"\"\n\nimport logging\nimport time\n\n"
        f"import requests\n\nlog = logging.getLogger(__name__)\n\n"
            f"BASE_URL = \"https://{r.host()}/v2\"\n{s.env} = \"{s.val}\"\n"
                f"PAGE_SIZE = {r.randint(20, 500)}\n\n\ndef fetch(path, page=1):\n"
            f"    \"\"\"One page of results; retries once on 429.\"\"\"\n"
                f"    response = requests.get(f\"{{BASE_URL}}/{{path}}\", params={{\"page\": "
                f"page, \"size\": PAGE_SIZE}},\n"
            f"                            auth=({s.env}, \"\"), timeout={r.randint(5, 60)})\n"
                f"    if response.status_code == 429:\n        time.sleep({r.randint(1, 9)})\n"
                f"        return fetch(path, page)\n"
            f"    response.raise_for_status()\n    return response.json()\n\n\n"
                f"if __name__ == \"__main__\":\n    for row in fetch(\"{r.service()}\"):\n"
                f"        log.info(\"%s\", row[\"id\"])\n")


def doc_js(r, s):
    svc = r.service()
    return (f"import express from 'express';\n"
        f"import {{ createLogger }} from './{r.word()}/logger.js';\n\n"
        f"const log = createLogger('{svc}');\n\n"
            f"export const config = {{\n  port: {r.randint(3000, 9000)},\n  host: '0.0.0.0',\n"
                f"  {camel(s.env)}: '{s.val}',\n  timeoutMs: {r.randint(1, 30)}000,\n"
                f"  features: ['{r.word()}', '{r.word()}'],\n}};\n\n"
            f"const app = express();\n\n"
                f"app.get('/healthz', (_req, res) => res.json({{ ok: true, version: '{r.version()}' "
                f"}}));\n\n"
            f"app.listen(config.port, config.host, () => {{\n"
                f"  log.info(`{svc} listens on ${{config.port}}`);\n}});\n")


def doc_go(r, s):
    svc = r.service()
    return (f"package {svc}\n\nimport (\n\t\"context\"\n\t\"fmt\"\n\t\"net/http\"\n\t\"time\"\n)\n\n"
        f"// Client talks to the {s.vendor} API.\ntype Client struct {{\n\thttp *http.Client\n"
        f"\tkey  string\n}}\n\n"
            f"const {camel(s.env)} = \"{s.val}\"\n\n"
                f"// New returns a client with a timeout of {r.randint(2, 30)} s.\n"
                f"func New() *Client {{\n"
                f"\treturn &Client{{http: &http.Client{{Timeout: {r.randint(2, 30)} * time.Second}}, "
                f"key: {camel(s.env)}}}\n}}\n\n"
            f"func (c *Client) Get(ctx context.Context, path string) (*http.Response, error) {{\n"
                f"\treq, err := http.NewRequestWithContext(ctx, http.MethodGet, \"https://{r.host()}\"+path, nil)\n"
            f"\tif err != nil {{\n\t\treturn nil, fmt.Errorf(\"{svc}: %w\", err)\n\t}}\n"
                f"\treturn c.http.Do(req)\n}}\n")


def doc_java(r, s):
    return (f"# {r.service()} application.properties\nspring.application.name={r.service()}\n"
        f"server.port={r.randint(3000, 9000)}\nserver.shutdown=graceful\n"
            f"management.endpoints.web.exposure.include=health,info,metrics\n"
                f"spring.jpa.open-in-view=false\nspring.jpa.hibernate.ddl-auto=validate\n"
            f"{snake(s.env).replace('_', '.')}={s.val}\nlogging.level.root=INFO\n"
                f"logging.level.com.{r.word()}.{r.service()}=DEBUG\n"
            f"app.build.commit={r.sha()}\n" f"app.export.cron=0 {r.randint(0, 59)} {r.randint(0, 23)} * * *\n"
                f"app.cache.max-size={r.randint(100, 9000)}\n")


def doc_history(r, s):
    pool = ["git pull --rebase", f"kubectl get pods -n {r.word()}", "ls -la", f"cd ~/src/{r.service()}",
        "make test", "docker ps -a",
            f"git checkout -b {r.word()}-{r.service()}", "tail -f /var/log/syslog",
                f"vim config/{r.service()}.yaml", "npm ci", "df -h",
            f"grep -rn {r.word()} src/", f"git log --oneline -n {r.randint(3, 20)}", "cargo build --release",
                f"scp {r.word()}.tar.gz build-{r.randint(1, 9)}:/srv/"]
    rows = r.sample(pool, 13)
    rows.insert(r.randint(2, 11), f"export {s.env}={s.val}")
    first = r.randint(200, 900)
    return "\n".join(f"{first + i:5}  {row}" for i, row in enumerate(rows)) + "\n"


def doc_ci(r, s):
    rows = [f"Run actions/checkout@{r.sha()}", f"Syncing repository: {r.word()}/{r.service()}",
        f"HEAD is now at {r.sha()[:7]} bump {r.word()} to {r.version()}",
            f"added {r.randint(200, 1900)} packages in {r.randint(5, 60)}s",
                f"> {r.service()}@{r.version()} build", "> tsc -p . && vite build",
            f"dist/assets/index-{r.an(8)}.js   {r.randint(100, 900)}.{r.dig(2)} kB", f"env: {s.env}={s.val}",
                f"Pushed image sha256:{r.hex(64)}",
            f"##[warning]Node.js {r.randint(12, 18)} actions are deprecated",
                f"Job finished in {r.randint(40, 400)} s"]
    start = r.iso()[:17]
    return "\n".join(f"{start}{10 + 3 * i:02}.{r.dig(7)}Z {row}" for i, row in enumerate(rows)) + "\n"


def doc_log(r, s):
    rows = log_lines(r, r.randint(5, 14))
    rows.insert(r.randrange(len(rows)),
        f"{r.iso()} ERROR [{r.service()}] upstream refused: {snake(s.env)}={s.val} status=401")
    return "\n".join(rows) + "\n"


def doc_http(r, s):
    body = dumps({"error": {"code": "rate_limited", "retry_after": r.randint(1, 60)}, "request_id": r.uuid()})
    header = s.env.replace("_", "-").title()
    return (f"> POST /v1/{r.service()}/query HTTP/1.1\n> Host: {r.host()}\n"
        f"> User-Agent: {r.word()}-sdk/{r.version()} (linux; x64)\n> Accept: application/json\n"
            f"> X-{header}: {s.val}\n> Content-Type: application/json\n"
                f"> Content-Length: {r.randint(20, 800)}\n>\n< HTTP/1.1 429 Too Many Requests\n"
            f"< Date: Tue, {r.randint(10, 28)} Mar 2026 {r.clock()} GMT\n"
                f"< ETag: W/\"{r.hex(8)}-{r.hex(27)}\"\n< X-Request-Id: {r.uuid()}\n"
                f"< Content-Type: application/json\n<\n{body}\n")


def doc_diff(r, s):
    svc = r.service()
    return (f"diff --git a/config/{svc}.py b/config/{svc}.py\nindex {r.hex(7)}..{r.hex(7)} 100644\n"
        f"--- a/config/{svc}.py\n+++ b/config/{svc}.py\n"
            f"@@ -{r.randint(1, 90)},9 +{r.randint(1, 90)},9 @@ class Settings:\n     debug = False\n"
                f"     workers = {r.randint(2, 16)}\n"
            f"-    {snake(s.env)} = \"{s.val}\"\n+    {snake(s.env)} = os.environ[\"{s.env}\"]\n"
                f"     timeout = {r.randint(5, 60)}\n     region = \"eu-north-1\"\n \n     @property\n"
                f"     def url(self):\n"
            f"diff --git a/README.md b/README.md\nindex {r.hex(7)}..{r.hex(7)} 100644\n"
                f"--- a/README.md\n+++ b/README.md\n@@ -12,3 +12,4 @@\n ## Settings\n"
                f"+Everything comes from the environment now.\n")


def doc_slack(r, s):
    said = chatter(r, 7)
    said.insert(r.randint(2, 6), f"the {s.vendor} {snake(s.env).replace('_', ' ')} is {s.val}, delete this "
        f"once you have it")
    return "\n".join(f"[{10 + i // 4}:{(i * 13) % 60:02}] {r.choice(FIRST).lower()}: {t}" for i,
        t in enumerate(said)) + "\n"


def doc_ticket(r, s):
    p = prose(r, 5)
    return (f"{r.word().upper()[:4]}-{r.randint(100, 9999)}: {r.service()} cannot reach "
        f"{s.vendor}\n\nStatus: In progress   Priority: {r.pick('High', 'Medium')}   Assignee: "
        f"{r.name()}\n\n"
            f"{p[0]} {p[1]} Since then every call to {s.vendor} fails with 401.\n\nSteps:\n"
                f"1. Set {s.env} to {s.val}\n2. Restart {r.service()}\n3. See the log\n\n"
            f"{p[2]} {p[3]}\n\nComment by {r.name()}, {r.date()}:\n"
                f"Reproduced on build {r.randint(1000, 9999)} ({r.sha()[:10]}). {p[4]}\n")


def doc_notes(r, s):
    p = prose(r, 6)
    return (f"# {r.service().title()} sync, {r.date()}\n\n"
        f"Present: {r.name()}, {r.name()}, {r.name()}\n\n## Decisions\n\n- {p[0]}\n- {p[1]}\n" f"- {p[2]}\n\n"
            f"## Access\n\n"
                f"For the trial everyone uses the shared {s.vendor} account, {snake(s.env).replace('_', ' ')}: "
                f"{s.val}\n\n## Open\n\n- {p[3]}\n- {p[4]}\n- [ ] {p[5]}\n")


def doc_trace(r, s):
    svc = r.service()
    return (f"Traceback (most recent call last):\n"
        f"  File \"/srv/{svc}/.venv/lib/python3.12/site-packages/urllib3/connectionpool.py\", "
        f"line {r.randint(300, 900)}, in urlopen\n    response = self._make_request(\n"
            f"               ^^^^^^^^^^^^^^^^^^^\n"
                f"  File \"/srv/{svc}/{r.word()}/client.py\", line {r.randint(20, 300)}, in _send\n"
                f"    raise ApiError(resp.status_code, config)\n"
            f"{svc}.errors.ApiError: 403 Forbidden (config={{'base_url': 'https://{r.host()}', "
                f"'{snake(s.env)}': '{s.val}', 'timeout': {r.randint(5, 60)}, 'retries': "
                f"{r.randint(1, 5)}}})\n"
            f"During handling of the above exception, another exception occurred in task {r.uuid()}\n"
                + "\n".join(log_lines(r, 2)) + "\n")


def doc_html(r, s):
    p = prose(r, 3)
    return (f"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n  <meta charset=\"utf-8\">\n"
        f"  <title>{r.service().title()} console</title>\n"
        f"  <link rel=\"stylesheet\" href=\"/assets/app.{r.hex(8)}.css\">\n"
            f"  <script src=\"/assets/vendor.{r.hex(8)}.js\" integrity=\"sha384-{r.b64(48)}\"></script>\n"
                f"</head>\n<body>\n  <h1>{r.word().title()}</h1>\n  <p>{p[0]}</p>\n"
            f"  <script>\n    window.__CONFIG__ = {{ \"{camel(s.env)}\": \"{s.val}\", \"release\": "
                f"\"{r.sha()[:12]}\" }};\n  </script>\n  <p>{p[1]} {p[2]}</p>\n</body>\n</html>\n")


def doc_json(r, s):
    return dumps({"service": r.service(), "revision": r.sha(), "updated_at": r.iso(), "id": r.uuid(),
        "replicas": r.randint(1, 9),
                  "settings": {**{snake(k): v for k, v in settings(r, 5)}, snake(s.env): s.val},
                  "digest": f"sha256:{r.hex(64)}", "tags": r.sample(WORDS, 3)}, r.pick(None, 2))


def doc_table(r, s):
    rows = [f"| {k} | {v} | {r.date()} |" for k, v in settings(r, 7)]
    rows.insert(r.randrange(7), f"| {s.env} | {s.val} | {r.date()} |")
    return f"Variables of `{r.service()}` ({r.uuid()}):\n\n| name | value | changed |\n| --- | --- | --- |\n" + "\n".join(
        rows) + "\n"


def doc_csv(r, s):
    rows = [f"{r.uuid()},{k},{v.replace(',', ';')},{r.iso()}" for k, v in settings(r, 8)]
    rows.insert(r.randrange(8), f"{r.uuid()},{s.env},{s.val},{r.iso()}")
    return "id,name,value,updated_at\n" + "\n".join(rows) + "\n"


def doc_runbook(r, s):
    p = prose(r, 5)
    return (f"## Rotating the {s.vendor} credential\n\n{p[0]} {p[1]}\n\n"
        f"1. Open the console and create a new credential.\n2. On the bastion:\n\n```sh\n"
        f"export {s.env}={s.val}\n./bin/{r.service()} check --verbose\n```\n\n"
            f"3. {p[2]}\n4. {p[3]}\n\n> {p[4]}\n")


def doc_helm(r, s):
    return (f"replicaCount: {r.randint(1, 6)}\nimage:\n"
        f"  repository: ghcr.io/{r.word()}/{r.service()}\n  tag: \"{r.version()}\"\n"
        f"  digest: sha256:{r.hex(64)}\nservice:\n  type: ClusterIP\n" f"  port: {r.randint(3000, 9000)}\n"
            f"config:\n  logLevel: info\n  {camel(s.env)}: \"{s.val}\"\n  region: eu-west-3\n"
                f"resources:\n  requests:\n    cpu: 100m\n    memory: 128Mi\nnodeSelector:\n"
                f"  pool: {r.word()}\n")


def doc_notebook(r, s):
    cells = [{"cell_type": "markdown", "source": ["# " + r.service().title() + "\n", " ".join(prose(r, 2))]},
             {"cell_type": "code", "execution_count": r.randint(1, 9), "source": ["import pandas as pd\n",
                 f"{s.env} = \"{s.val}\"\n", f"df = load(\"{r.word()}\")\n"]},
             {"cell_type": "code", "execution_count": r.randint(10, 19), "id": r.hex(8), "source": [
                 "df.groupby(\"region\").sum()\n"]}]
    return dumps({"cells": cells, "metadata": {"kernelspec": {"name": "python3"}}, "nbformat": 4,
        "nbformat_minor": 5}, 1)


LONG = [doc_env, doc_compose, doc_k8s, doc_terraform, doc_python, doc_js, doc_go, doc_java, doc_history,
    doc_ci, doc_log, doc_http,
        doc_diff, doc_slack, doc_ticket, doc_notes, doc_trace, doc_html, doc_json, doc_table, doc_csv,
            doc_runbook, doc_helm, doc_notebook]


def long(r: R, s, turn):
    """The turn-th document in rotation; now and then wrapped as a tool's whole result."""
    text = LONG[turn % len(LONG)](r, s)
    while len(text) < 300:
        text += "\n".join(log_lines(r, 2)) + "\n"
    return result(r, text) if r.random() < 0.15 and "\\" not in text and '"nbformat"' not in text else text
