"""Texts that hold nothing of any class, and look as if they did: ids, digests, numbers, logs, prose."""

import base64
import json

from common import FIRST, WORDS, luhn_ok
from surroundings import LONG, Slot, call, chatter, dumps, log_lines, prose, result, settings

KINDS = []  # (kind, number of cases, builder(r, i) -> text)


def neg(name, n=16):
    def add(build):
        KINDS.append((f"hard-negative-{name}", n, build))
        return build
    return add


def lines(*rows):
    return "\n".join(rows) + "\n"


def rows_of(r, low, high, make):
    return lines(*(make(i) for i in range(r.randint(low, high))))


def not_luhn(r, size):
    """A number of that size that is no card number."""
    while True:
        n = r.num(size)
        if not luhn_ok(n):
            return n


# ---- identifiers ----

@neg("uuid", 44)
def uuid(r, i):
    u = r.uuid()
    return [u, u.upper(), f"urn:uuid:{u}", f"id: {u}", f'{{"id": "{u}", "parent": "{r.uuid()}"}}',
        f"GET /v1/{r.service()}/{u} 200", f"request_id={u}", f"correlationId: {u}",
            f"https://{r.host()}/{r.service()}/{u}?tab=history",
                f"DELETE FROM {r.service()} WHERE id = '{u}';", f"const ID = '{u}';", f"X-Request-Id: {u}",
                call(r, "get_item", {"id": u}),
            f"session {u} closed after {r.randint(1, 90)} s", f"| {u} | {r.name()} | {r.date()} |", rows_of(r,
                5, 20, lambda _: r.uuid()), f"{{{u.upper()}}}", f"tenant {u} moved to {r.word()}",
            result(r, f"Created item {u} in project {r.uuid()}"), f"volume-{u}", f"subscription_id = \"{u}\"",
                f"/subscriptions/{u}/resourceGroups/{r.word()}-rg"][i % 22]


@neg("short-ids")
def short_ids(r, i):
    return [f"order {r.word().upper()}-{r.num(6)}", f"ulid 01J{r.up(23)}", f"nanoid {r.wc(20)}a",
        f"ksuid 2{r.an(26)}", f"objectid {r.hex(24)}", f"cuid cl{r.low(23)}", f"cus_{r.an(14)}",
        f"pi_{r.an(24)}",
            f"evt_{r.an(24)} type=invoice.paid", f"ch_{r.an(24)}", f"price_{r.an(24)}", f"sub_{r.an(24)}",
                f"toolu_{r.an(24)}", f"chatcmpl-{r.an(29)}", f"msg_{r.an(24)}", f"run_{r.an(24)}"][i % 16]


@neg("git-log", 24)
def git_log(r, i):
    verbs = ["fix", "add", "remove", "bump", "rename", "speed up", "document", "revert"]
    if i % 3 == 0:
        return rows_of(r, 5, 25,
            lambda _: f"{r.sha()[:r.pick(7, 9, 10)]} {r.pick('', '(tag: v' + r.version() + ') ')}{r.service()}: "
            f"{r.choice(verbs)} {r.word()} {r.service()}")
    if i % 3 == 1:
        return "\n".join(f"commit {r.sha()}\nMerge: {r.hex(9)} {r.hex(9)}\n"
            f"Date:   {r.date()} {r.clock()} +0100\n\n"
            f"    {r.choice(verbs)} the {r.word()} {r.service()}\n" for _ in range(r.randint(2, 6)))
    return rows_of(r, 4, 20,
        lambda _: f"{r.sha()}\trefs/{r.pick('heads', 'tags', 'pull')}/{r.word()}-{r.randint(1, 900)}")


@neg("git-show")
def git_show(r, i):
    svc, word = r.service(), r.word()
    return (f"diff --git a/src/{svc}.rs b/src/{svc}.rs\nindex {r.hex(10)}..{r.hex(10)} 100644\n"
        f"--- a/src/{svc}.rs\n+++ b/src/{svc}.rs\n"
        f"@@ -{r.randint(1, 200)},7 +{r.randint(1, 200)},8 @@ impl {svc.title()} {{\n"
            f"     pub fn {word}(&self) -> usize {{\n-        self.items.len()\n"
                f"+        let n = self.items.len();\n+        n + {r.randint(1, 9)}\n     }}\n \n"
                f"     fn token(&self) -> Token {{\n")


@neg("sha256sums")
def sha256sums(r, i):
    return rows_of(r, 4, 14,
        lambda _: f"{r.hex([64, 40, 128, 32][i % 4])}  {r.word()}-{r.version()}.{r.pick('tar.gz', 'whl', 'zip', 'deb')}")


@neg("docker-digests")
def docker_digests(r, i):
    return [rows_of(r, 4, 12,
        lambda _: f"{r.hex(12)}   ghcr.io/{r.word()}/{r.service()}@sha256:{r.hex(64)}   {r.randint(1, 20)} "
        f"days ago   {r.randint(50, 900)}MB"),
            f"FROM node:22-alpine@sha256:{r.hex(64)} AS build\nWORKDIR /app\nCOPY package.json .\n"
                f"RUN npm ci\nFROM gcr.io/distroless/static@sha256:{r.hex(64)}\n",
            rows_of(r, 4, 9, lambda _: f"{r.hex(12)}: Pull complete")
                + f"Digest: sha256:{r.hex(64)}\nStatus: Downloaded newer image for {r.service()}:latest\n",
            json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "layers": [{"digest": f"sha256:{r.hex(64)}", "size": r.randint(900, 90000000)} for _ in range(
                4)]}, indent=1)][i % 4]


@neg("trace-context")
def trace_context(r, i):
    tp = f"00-{r.hex(32)}-{r.hex(16)}-01"
    return [f"traceparent: {tp}",
        f"traceparent: {tp}\ntracestate: {r.word()}={r.hex(16)},{r.word()}=t61rcWkgMzE", dumps({
        "jsonrpc": "2.0", "id": 3, "method": "tools/list", "params": {"_meta": {"traceparent": tp,
        "io.modelcontextprotocol/protocolVersion": "2026-07-28"}}}),
            f"X-B3-TraceId: {r.hex(32)}\nX-B3-SpanId: {r.hex(16)}\nX-B3-Sampled: 1",
                f"X-Amzn-Trace-Id: Root=1-{r.hex(8)}-{r.hex(24)};Parent={r.hex(16)};Sampled=1",
                f"X-Cloud-Trace-Context: {r.hex(32)}/{r.num(18)};o=1",
                f"uber-trace-id: {r.hex(16)}:{r.hex(16)}:0:1",
            rows_of(r, 4, 9,
                lambda _: f"span {r.hex(16)} parent {r.hex(16)} {r.service()}.{r.word()} {r.randint(1, 900)}ms")][
                i % 8]


@neg("etag")
def etag(r, i):
    return [f'ETag: "{r.hex(32)}"', f'ETag: W/"{r.hex(5)}-{r.b64(20)}"', f'If-None-Match: "{r.hex(40)}"',
        f"HTTP/2 304\netag: \"{r.hex(16)}\"\ncache-control: max-age=600\n" f"age: {r.randint(1, 600)}\n",
        f"Content-MD5: {r.b64(16)}", f"Digest: sha-256={r.b64(32)}",
            f"x-amz-version-id: {r.an(32)}\nx-amz-request-id: {r.up(16)}", f"cf-ray: {r.hex(16)}-VIE",
                f"x-vercel-id: fra1::{r.low(5)}-{r.num(13)}-{r.hex(12)}"][i % 9]


@neg("cloud-ids")
def cloud_ids(r, i):
    return [f"arn:aws:iam::{r.num(12)}:role/{r.service()}-deploy",
        f"arn:aws:lambda:eu-west-1:{r.num(12)}:function:{r.service()}", f"i-{r.hex(17)} running t3.medium",
        f"vpc-{r.hex(17)} subnet-{r.hex(17)} sg-{r.hex(17)}", f"ami-{r.hex(17)}",
        f"projects/{r.word()}-{r.num(6)}/locations/europe-west1/services/{r.service()}",
            f"https://sqs.eu-west-1.amazonaws.com/{r.num(12)}/{r.service()}-jobs",
                f"AWS account {r.num(12)} ({r.word()} sandbox)",
                f"s3://{r.word()}-{r.service()}/year=2026/part-{r.dig(5)}-{r.uuid()}.snappy.parquet",
                f"arn:aws:secretsmanager:eu-west-1:{r.num(12)}:secret:{r.service()}/db-{r.an(6)}",
            f"AROA{r.up(17)}:botocore-session-{r.num(10)}", f"hosted zone Z{r.up(20)}",
                f"distribution E{r.up(13)} deployed", f"snap-{r.hex(17)} 80 GiB completed",
                f"eipalloc-{r.hex(17)}", f"eni-{r.hex(17)} in-use"][i % 16]


@neg("kubernetes-names")
def kubernetes_names(r, i):
    pod = lambda: f"{r.service()}-{r.hex(9)}-{r.low(5)}"
    return [rows_of(r, 5, 14,
        lambda _: f"{pod():<44} {r.randint(1, 3)}/3   Running   {r.randint(0, 9)}   {r.randint(1, 90)}d"),
        f"Events:\n"
        f"  Normal  Pulled  {r.randint(1, 59)}s  kubelet  Container image \"{r.service()}:{r.version()}\" "
        f"already present\n" f"  Normal  Created {r.randint(1, 59)}s  kubelet  Created container {pod()}\n",
            rows_of(r, 3, 8,
                lambda _: f"secret/{r.service()}-token   kubernetes.io/service-account-token   {r.randint(1, 4)} "
                f"  {r.randint(1, 300)}d"),
                f"env:\n  - name: DB_PASSWORD\n    valueFrom:\n      secretKeyRef:\n"
                f"        name: {r.service()}-db\n        key: password\n  - name: API_KEY\n"
                f"    valueFrom:\n      secretKeyRef:\n        name: {r.word()}\n        key: api-key\n"][
                i % 4]


@neg("cursors-and-states")
def cursors(r, i):
    cursor = base64.b64encode(json.dumps({"page": r.randint(2, 90), "after": r.num(6), "sort": r.word(
        )}).encode()).decode()
    return [dumps({"jsonrpc": "2.0", "id": r.randint(1, 99), "result": {"tools": [], "nextCursor": cursor}}),
        f"?cursor={cursor}", f'"endCursor": "{cursor}", "hasNextPage": true', f"next_page: {cursor}"][i % 4]


# ---- lock files ----

@neg("package-lock", 20)
def package_lock(r, i):
    def entry(_):
        name, version = f"{r.pick('', f'@{r.word()}/')}{r.word()}-{r.service()}", r.version()
        return (f"    \"node_modules/{name}\": {{\n      \"version\": \"{version}\",\n"
            f"      \"resolved\": \"https://registry.npmjs.org/{name}/-/{name.split('/')[-1]}-{version}.tgz\",\n"
            f"      \"integrity\": \"sha512-{r.b64(64)}\"\n    }},")
    return "{\n  \"lockfileVersion\": 3,\n  \"packages\": {\n" + rows_of(r, 1, 6, entry)


@neg("yarn-lock")
def yarn_lock(r, i):
    def entry(_):
        name, version = f"@{r.word()}/{r.service()}", r.version()
        if i % 2:
            return (f"\"{name}@npm:^{version}\":\n  version: {version}\n"
                f"  resolution: \"{name}@npm:{version}\"\n  checksum: 10c0/{r.hex(128)}\n"
                f"  languageName: node\n")
        return (f"\"{name}@^{version}\":\n  version \"{version}\"\n"
            f"  resolved \"https://registry.yarnpkg.com/{name}/-/{r.word()}-{version}.tgz#{r.sha()}\"\n"
            f"  integrity sha512-{r.b64(64)}\n")
    return rows_of(r, 1, 5, entry)


@neg("other-locks", 30)
def other_locks(r, i):
    name, version = f"{r.word()}-{r.service()}", r.version()
    return [lambda: rows_of(r, 2, 7,
        lambda _: f"[[package]]\nname = \"{r.word()}-{r.service()}\"\nversion = \"{r.version()}\"\n"
        f"source = \"registry+https://github.com/rust-lang/crates.io-index\"\n"
        f"checksum = \"{r.hex(64)}\"\n"),
            lambda: rows_of(r, 2, 7,
                lambda _: f"    {{file = \"{r.word()}-{r.version()}-py3-none-any.whl\", hash = \"sha256:{r.hex(64)}\"}},"),
            lambda: rows_of(r, 4, 12,
                lambda _: f"github.com/{r.word()}/{r.service()} v{r.version()} h1:{r.b64(32)}"),
            lambda: f"{name}=={version} \\\n    --hash=sha256:{r.hex(64)} \\\n    --hash=sha256:{r.hex(64)}\n",
            lambda: f"GEM\n  remote: https://rubygems.org/\n  specs:\n    {name} ({version})\n"
                f"      {r.word()} (~> {r.version()})\n\nCHECKSUMS\n"
                f"  {name} ({version}) sha256={r.hex(64)}\n",
            lambda: json.dumps({"name": f"{r.word()}/{r.service()}", "version": version, "dist": {
                "type": "zip", "reference": r.sha(), "shasum": ""}, "content-hash": r.hex(32)}, indent=4)][
                i % 6]()


# ---- encoded and minified ----

def image64(r, n):
    head = r.pick("iVBORw0KGgoAAAANSUhEUgAA", "/9j/4AAQSkZJRgABAQAAAQABAAD/", "R0lGODlhAQABAIAAAAAA",
        "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCAyNCAyNCI+")
    return head + r.b64(n)


@neg("base64-image", 28)
def base64_image(r, i):
    data = image64(r, 3 * r.randint(60, 500))
    return [data, f"data:image/png;base64,{data}",
        f'<img alt="{r.word()}" src="data:image/jpeg;base64,{data}">',
        f".logo {{ background: url(data:image/gif;base64,{data}) no-repeat; }}", dumps({"type": "image",
        "data": data, "mimeType": "image/png"}),
            f"![{r.word()}](data:image/png;base64,{data})",
                f"@font-face {{ font-family: '{r.word().title()}'; src: url(data:font/woff2;base64,d09GMgABAAAAA{r.b64(300)}) "
                f"format('woff2'); }}"][i % 7]


@neg("base64-text")
def base64_text(r, i):
    text = base64.b64encode(" ".join(prose(r, r.randint(1, 4))).encode()).decode()
    return [text, f"Content-Transfer-Encoding: base64\n\n{text}\n", f"echo {text} | base64 -d",
        f'{{"encoding": "base64", "content": "{text}"}}'][i % 4]


@neg("source-map")
def source_map(r, i):
    return json.dumps({"version": 3, "file": f"{r.word()}.js", "sources": [f"../src/{r.service()}.ts"],
        "names": r.some(WORDS, 4, 9), "mappings": ";".join("".join(r.choice("ACEGIKMOQSUYacegikmoqsuwy")
        for _ in range(4)) + ",CAAC" * r.randint(1, 5) for _ in range(r.randint(10, 40)))})


@neg("minified-js", 20)
def minified_js(r, i):
    parts = [f"function {r.of('abcdefghkmn', 1)}(e,t){{return e.{r.word()}?t({r.randint(1, 99)}):null}}",
        f"var {r.of('pqrstuv', 2)}=n({r.randint(100, 9999)}),o=n.n({r.of('pqrst', 1)});",
        f"!function(){{\"use strict\";window.{r.word()}=window.{r.word()}||[]}}();",
             f"e.exports={{\"{r.word()}\":\"{r.word()}_{r.service()}__{r.an(5)}\"}};",
                 "Object.defineProperty(t,\"__esModule\",{value:!0});",
                 f"const {r.of('xyz', 1)}=async e=>{{const t=await fetch(`/api/${{e}}`);return t.json()}};",
             f"i.p=\"/static/\",i.u=e=>e+\".{r.hex(20)}.js\";",
                 f"t.password=e.target.value,t.token=o.getToken(),t.apiKey=r.apiKey;"]
    return "".join(r.choice(parts) for _ in range(r.randint(4,
        14))) + f"\n//# sourceMappingURL={r.word()}.{r.hex(8)}.js.map\n"


@neg("css", 20)
def css(r, i):
    rules = [f"@media (min-width: {r.randint(320, 1600)}px) {{ .{r.word()}-{r.service()} "
        f"{{ display: grid; gap: {r.randint(4, 40)}px; }} }}",
        f".{r.word()}:hover {{ color: #{r.hex(6)}; box-shadow: 0 {r.randint(1, 9)}px "
        f"{r.randint(2, 30)}px rgba(0, 0, 0, .{r.dig(2)}); }}",
             f"@keyframes {r.word()} {{ from {{ opacity: 0; }} to {{ opacity: 1; }} }}",
                 f".css-{r.low(6)}-{r.word()} {{ margin: {r.randint(0, 9)}rem auto; }}",
                 f"@import url('/fonts/{r.word()}.css');",
                 f":root {{ --{r.word()}: #{r.hex(8)}; --{r.word()}-hover: hsl({r.randint(0, 360)} "
                 f"{r.randint(10, 90)}% 40%); }}", "@charset \"utf-8\";",
             f"@supports (display: grid) {{ .{r.word()} {{ display: grid; }} }}",
                 f".sk-{r.word()}-{r.word()} {{ inset: 0; }}"]
    return lines(*r.some(rules, 4, 8))


@neg("svg-and-html")
def svg_and_html(r, i):
    path = " ".join(
        f"{r.pick('M', 'L', 'C', 'c', 'l')}{r.randint(0, 24)}.{r.dig(2)} {r.randint(0, 24)}.{r.dig(3)}"
        for _ in range(r.randint(10, 40)))
    return [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="{path}z" '
        f'fill="#{r.hex(6)}"/></svg>',
        f'<link rel="preload" href="/_next/static/chunks/{r.hex(16)}.js" as="script" '
        f'integrity="sha384-{r.b64(48)}" crossorigin="anonymous">',
            f'<meta name="csrf-token" content="">\n'
                f'<meta name="csrf-param" content="authenticity_token">\n<title>{r.word()}</title>',
                f'<form action="/login" method="post"><label for="password">Password</label><input '
                f'id="password" name="password" type="password" autocomplete="current-password" '
                f'required><button>Sign in</button></form>'][i % 4]


# ---- numbers ----

@neg("timestamps", 20)
def timestamps(r, i):
    t = r.epoch()
    return [str(t), f"{t}{r.dig(3)}", f"{t}{r.dig(6)}",
        f'{{"ts": {t}{r.dig(3)}, "value": {r.randint(1, 99)}}}', r.iso(), rows_of(r, 5, 15,
        lambda n: f"{t + n * 60},{r.randint(10, 99)}.{r.dig(2)}"), f"last seen {r.date()} {r.clock()}",
        f"exp={t} iat={t - 3600}",
            f"created_at: {r.iso()}\nupdated_at: {r.iso()}\nexpires: {r.date(2027, 2030)}",
                f"valid from {r.date(2024)} to {r.date(2027, 2029)}"][i % 10]


@neg("clock-times")
def clock_times(r, i):
    return [f"{r.clock()}:{r.randrange(60):02} uptime", rows_of(r, 5, 12, lambda n: f"{n + 1}\n"
        f"00:{r.randrange(60):02}:{r.randrange(60):02},{r.dig(3)} --> 01:{r.randrange(60):02}:{r.randrange(60):02},{r.dig(3)}\n"
        f"{prose(r, 1)[0]}\n"),
        f"lap times 01:{r.dig(2)}:{r.dig(2)} 01:{r.dig(2)}:{r.dig(2)} 02:{r.dig(2)}:{r.dig(2)}",
            f"timecode 10:{r.dig(2)}:{r.dig(2)}:{r.dig(2)} reel {r.word()}",
                f"frame 00:0{r.randint(1, 9)}:{r.dig(2)}:{r.dig(2)} dropped"][i % 5]


@neg("order-and-tracking", 24)
def order_and_tracking(r, i):
    return [f"Order {not_luhn(r, 10)} shipped", f"order_id={not_luhn(r, 16)}",
        f"invoice no. {r.date()[:4]}-{r.num(6)}", f"tracking 1Z{r.up(6)}{r.num(10)} left {r.word()}",
        f"parcel {not_luhn(r, 14)} at depot {r.randint(1, 90)}", f"SKU {r.word().upper()}-{r.num(8)}",
        f"ticket #{r.num(7)}",
            f"EAN {r.num(12)}{r.dig(1)} {r.word()} mug", f"PO {r.num(9)} for {r.company()}",
                f"transaction {not_luhn(r, 18)} settled", f"serial number {r.up(12)}",
                f"meter {r.num(8)} reads {r.num(5)} kWh", f"batch {r.num(8)}-{r.up(3)}",
                f"container {r.of('ABCDEFG', 3)}U {r.num(6)}-{r.dig(1)}",
            f"case number {r.randint(2020, 2026)}/{r.num(5)}", f"build {r.num(8)}",
                f"receipt {not_luhn(r, 15)}", f"article {r.num(7)} x {r.randint(1, 9)}",
                f"reservation {r.up(6)} seat {r.randint(1, 40)}C", f"queue number {r.num(4)}",
                f"policy {r.num(9)} renewed", f"asset tag {r.num(10)}",
            f"user_id: {r.num(10)}", f"message id {not_luhn(r, 19)}"][i % 24]


@neg("card-like")
def card_like(r, i):
    n = not_luhn(r, 16)
    four = f"{n[:4]} {n[4:8]} {n[8:12]} {n[12:]}"
    return [f"reference {four}", f"barcode {four.replace(' ', '-')}", f"entry {n} posted",
        f"counter={not_luhn(r, 15)}", f"loyalty points statement {four}", f"pi 3.{r.dig(40)}",
        f"checksum table {r.num(4)} {r.num(4)} {r.num(4)}", f"sample ids {n}, {not_luhn(r, 16)}"][i % 8]


@neg("isbn-and-doi")
def isbn(r, i):
    return [f"ISBN 978-3-{r.dig(2)}-{r.dig(6)}-{r.dig(1)}", f"isbn: 9780{r.dig(9)}",
        f"ISSN {r.dig(4)}-{r.dig(4)}", f"doi:10.{r.num(4)}/{r.word()}.{r.randint(2010, 2026)}.{r.num(6)}",
        f"arXiv:{r.randint(20, 26)}{r.randint(1, 12):02}.{r.dig(5)}", f"PMID {r.num(8)}",
        f"RFC {r.randint(100, 9700)}, section {r.randint(1, 9)}.{r.randint(1, 9)}.{r.randint(1, 9)}",
            f"patent EP {r.num(7)} B1"][i % 8]


@neg("coordinates")
def coordinates(r, i):
    lat, lon = f"{r.randint(-60, 70)}.{r.dig(6)}", f"{r.randint(-179, 179)}.{r.dig(6)}"
    return [f"{lat}, {lon}", f'{{"type": "Point", "coordinates": [{lon}, {lat}]}}', f"geo:{lat},{lon};u=12",
        rows_of(r, 5, 20,
        lambda _: f"{r.randint(-60, 70)}.{r.dig(6)},{r.randint(-179, 179)}.{r.dig(6)},{r.randint(1, 3000)}"),
        f"48°{r.randint(10, 59)}'{r.randint(10, 59)}\"N 16°{r.randint(10, 59)}'{r.randint(10, 59)}\"E"][i % 5]


@neg("csv-numbers", 24)
def csv_numbers(r, i):
    head, make = [("sku,name,price,quantity",
        lambda n: f"{r.num(6)},{r.word()} {r.pick('lamp', 'chair', 'desk')},{r.randint(3, 900)}.{r.dig(2)},{r.randint(0, 500)}"),
        ("time,sensor,temp_c,humidity,pressure_pa",
        lambda n: f"{r.iso()},s-{r.randint(1, 40)},{r.randint(-20, 40)}.{r.dig(3)},{r.randint(10, 99)},{r.randint(98000, 103000)}"),
                  ("date,open,high,low,close,volume",
                      lambda n: f"{r.date()},{r.randint(10, 400)}.{r.dig(2)},{r.randint(10, 400)}.{r.dig(2)},{r.randint(10, 400)}.{r.dig(2)},{r.randint(10, 400)}.{r.dig(2)},{r.num(8)}"),
                      ("id,score,p95,p99,count",
                      lambda n: f"{n},{r.dig(1)}.{r.dig(16)},{r.randint(1, 900)},{r.randint(900, 5000)},{r.num(6)}"),
                  ("country;population;area_km2", lambda n: f"{r.word().title()};{r.num(8)};{r.num(6)}"), (
                      "department,headcount,budget",
                      lambda n: f"{r.service()},{r.randint(2, 90)},{r.num(6)}")][i % 6]
    return head + "\n" + rows_of(r, 5, 25, make)


@neg("versions", 24)
def versions(r, i):
    quad = f"{r.randint(1, 20)}.{r.randint(0, 30)}.{r.randint(0, 90)}.{r.randint(1, 99)}"
    return [f"version {quad}", f"v{r.version()}-rc.{r.randint(1, 9)}+{r.hex(7)}",
        f"Chrome/{r.randint(90, 140)}.0.{r.randint(4000, 7000)}.{r.randint(10, 200)} " f"Safari/537.36",
        f"AssemblyVersion(\"{quad}\")", f"file version: {quad}", f"{r.word()}=={r.version()}",
        f"firmware v{quad} installed",
            f"kernel 6.{r.randint(1, 14)}.{r.randint(0, 90)}-{r.randint(1, 90)}-generic",
                f"openjdk 21.0.{r.randint(1, 9)}+{r.randint(1, 14)}-LTS",
                f"## {r.version()} - {r.date()}\n\n### Fixed\n\n- {prose(r, 1)[0]}\n",
                f"OID 1.3.6.1.4.1.{r.num(5)}.{r.randint(1, 9)}.{r.randint(1, 9)}",
            f"\"{r.word()}\": \"^{r.version()}\"", f"<Version>{quad}</Version>",
                f"upgrade {r.service()} from {r.version()} to {r.version()}",
                f"section {r.randint(1, 9)}.{r.randint(1, 9)}.{r.randint(1, 9)}.{r.randint(1, 9)} "
                f"of the specification", f"package release {quad}-{r.randint(1, 4)}.el9"][i % 16]


@neg("loopback", 20)
def loopback(r, i):
    port = r.randint(1000, 9999)
    return [f"listening on 127.0.0.1:{port}", f"http://localhost:{port}/healthz", f"bind 0.0.0.0:{port}",
        f"curl http://127.0.0.1:{port}/metrics", "::1 localhost ip6-localhost",
        f"server.address=0.0.0.0\nserver.port={port}", f"tcp LISTEN 0 128 127.0.0.1:{port} 0.0.0.0:*",
        f"ports:\n  - \"127.0.0.1:{port}:{port}\"",
            f"app.listen({port}, '0.0.0.0')", f"http://[::1]:{port}/mcp"][i % 10]


@neg("mac-like")
def mac_like(r, i):
    pairs = ":".join(r.hex(2) for _ in range(16))
    return [f"MD5 fingerprint {pairs}", f"SHA1 Fingerprint={':'.join(r.hex(2).upper() for _ in range(20))}",
        f"serial {':'.join(r.hex(2) for _ in range(8))}",
        f"SHA-256: {':'.join(r.hex(2).upper() for _ in range(32))}"][i % 4]


@neg("hex-dump")
def hex_dump(r, i):
    if i % 2:
        return rows_of(r, 5, 16,
            lambda n: f"{n * 16:08x}  {' '.join(r.hex(2) for _ in range(8))}  {' '.join(r.hex(2) for _ in range(8))} "
            f" |{''.join(r.choice('abcdefgh.......') for _ in range(16))}|")
    return rows_of(r, 4, 14,
        lambda n: f"   0x{n * 16:04x}:  {' '.join(r.hex(4) for _ in range(8))}  ................")


@neg("phone-like", 24)
def phone_like(r, i):
    return [f"error code 0x{r.hex(8)}", f"range {r.num(3)}-{r.num(4)}",
        f"lines {r.num(3)}-{r.num(3)} of {r.num(4)}", f"pages {r.num(3)}-{r.num(3)}",
        f"{r.num(3)},{r.num(3)},{r.num(3)} rows", f"bytes={r.num(6)}-{r.num(7)}",
        f"pid {r.num(5)} tid {r.num(6)}", f"job-{r.num(9)} queued", f"room {r.num(3)} - {r.num(3)}",
        f"elapsed {r.num(10)} ns",
            f"+{r.num(3)}/-{r.num(3)} lines changed", f"{r.num(4)}x{r.num(4)} px",
                f"score {r.num(3)}-{r.num(2)}", f"ticket {r.num(3)}/{r.num(4)}",
                f"part no. {r.num(3)}.{r.num(4)}.{r.num(2)}", f"offset {r.num(10)} of {r.num(11)}",
                f"resize {r.num(4)} {r.num(4)} {r.num(4)}", f"seed {r.num(9)}",
                f"account manager no. {r.num(2)}", f"chapters 1-{r.num(2)}",
            f"drawing {r.num(2)}-{r.num(4)}-{r.num(2)}", f"zip code area {r.num(2)}",
                f"size: {r.num(9)} bytes", f"EUR {r.num(1)}.{r.num(3)}.{r.num(3)},{r.dig(2)}"][i % 24]


@neg("dates-not-of-birth", 24)
def other_dates(r, i):
    d, us = r.date(), f"{r.randint(1, 12):02}/{r.randint(1, 28):02}/{r.randint(2019, 2026)}"
    return [f"due date: {d}", f"invoice dated {us}",
        f"The contract was signed on {r.randint(1, 28)} March {r.randint(2010, 2026)}.", f"released {us}",
        f"founded in {r.randint(1890, 2015)}", f"meeting on {d} at {r.clock()[:5]}", f"expires {us}",
        f"last updated {d}", f'{{"start_date": "{d}", "end_date": "{r.date()}"}}',
        f"copyright {r.randint(1995, 2026)} {r.company()}",
            f"The treaty of {r.randint(1, 28)} May {r.randint(1800, 1930)} ended the dispute.",
                f"holiday: {d}", f"sprint {d} - {r.date()}", f"backup-{d}.tar.zst",
                f"Frist: {r.randint(1, 28):02}.{r.randint(1, 12):02}.{r.randint(2025, 2027)}",
                f"delivery {us} between 8 and 12"][i % 16]


@neg("calendar")
def calendar(r, i):
    return (f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//{r.word()}//{r.service()}//EN\nBEGIN:VEVENT\n"
        f"UID:{r.uuid()}\nDTSTAMP:{r.date().replace('-', '')}T{r.clock().replace(':', '')}Z\n"
        f"DTSTART:{r.date().replace('-', '')}T{r.clock().replace(':', '')}Z\n"
        f"SUMMARY:{r.service().title()} review\nDESCRIPTION:{prose(r, 1)[0]}\nEND:VEVENT\n" f"END:VCALENDAR\n"
            if i % 2 else rows_of(r, 4, 10,
                lambda _: f"- {r.date(2026)} {r.clock()[:5]}-{r.clock()[:5]} {r.service()} {r.pick('sync', 'review', 'retro', 'planning')} "
                f"(room {r.word().title()})"))


# ---- logs and traffic ----

@neg("app-log", 30)
def app_log(r, i):
    return lines(*log_lines(r, r.randint(4, 18)))


@neg("auth-events", 20)
def auth_events(r, i):
    return rows_of(r, 3, 9, lambda _: f"{r.iso()} {r.pick('INFO', 'WARN')} auth: " + r.choice([
        f"password reset requested user_id={r.num(6)}", "token expired, refreshing",
        f"api key {r.pick('created', 'revoked')} key_id={r.uuid()}",
        f"login succeeded method=password session_age={r.randint(1, 900)}s",
        "invalid password, 2 attempts left", f"token=[REDACTED] scope=read status=200",
                                     f"secret {r.service()}/db rotated, version {r.randint(2, 40)}",
                                         f"Authorization: Bearer *** path=/v1/{r.service()}",
                                         f"password=******** user_id={r.num(5)}",
                                         "missing Authorization header", f"mfa challenge sent, method=totp",
                                         f"access_token length={r.randint(30, 900)}"]))


@neg("nginx-log")
def nginx_log(r, i):
    return rows_of(r, 5, 14,
        lambda _: f"127.0.0.1 - - [{r.randint(10, 28)}/Apr/2026:{r.clock()} +0000] \"{r.pick('GET', 'POST', 'HEAD')} "
        f"/{r.service()}/{r.uuid()} HTTP/1.1\" {r.pick(200, 204, 301, 404)} {r.num(4)} "
        f"\"-\" \"kube-probe/1.{r.randint(26, 33)}\" rt=0.{r.dig(3)}")


@neg("ci-log", 20)
def ci_log(r, i):
    steps = [f"Run actions/setup-node@{r.sha()}", f"env:\n  GITHUB_TOKEN: ***\n  NPM_TOKEN: ***",
        f"added {r.num(3)} packages, and audited {r.num(4)} packages in {r.randint(3, 50)}s",
        f"   Compiling {r.word()} v{r.version()}", f"test {r.service()}::{r.word()} ... ok",
        f"cache key: linux-{r.hex(64)}",
        f"Artifact {r.word()}.zip uploaded, id {r.num(10)}, digest {r.hex(64)}",
             f"##[group]{r.service()}", f"PASS src/{r.word()}.test.ts ({r.randint(1, 9)}.{r.dig(3)} s)",
                 f"HEAD is now at {r.hex(7)} {r.service()}: {r.word()}",
                 f"warning: unused variable `token` in src/{r.word()}.rs:{r.randint(1, 400)}",
                 f"Successfully built {r.hex(12)}",
                 f"coverage: {r.randint(40, 99)}.{r.dig(1)}% of statements"]
    return lines(*(f"{r.iso()} {s}" for s in r.some(steps, 6, 12)))


@neg("stack-trace", 18)
def stack_trace(r, i):
    if i % 3 == 0:
        return f"java.lang.IllegalStateException: password must not be null\n" + rows_of(r, 4, 12,
            lambda _: f"\tat com.{r.word()}.{r.service()}.{r.word().title()}Service.{r.word()}({r.word().title()}Service.java:{r.num(3)})")
    if i % 3 == 1:
        return f"TypeError: Cannot read properties of undefined (reading 'token')\n" + rows_of(r, 4, 10,
            lambda _: f"    at {r.word()} (/srv/{r.service()}/node_modules/@{r.word()}/{r.service()}/dist/index.js:{r.num(3)}:{r.num(2)})")
    return "Traceback (most recent call last):\n" + rows_of(r, 3, 7,
        lambda _: f"  File \"/srv/{r.service()}/{r.word()}.py\", line {r.num(3)}, in {r.word()}\n"
        f"    return {r.word()}({r.word()}, token=token)") + "KeyError: 'api_key'\n"


@neg("http-exchange", 20)
def http_exchange(r, i):
    return (f"GET /v1/{r.service()}?page={r.randint(1, 90)}&sort=-created_at HTTP/1.1\n"
        f"Host: {r.host()}\nAccept: application/json\nUser-Agent: {r.word()}/{r.version()}\n"
        f"MCP-Protocol-Version: 2026-07-28\nX-Request-Id: {r.uuid()}\n\n"
            f"HTTP/1.1 {r.pick('200 OK', '401 Unauthorized', '304 Not Modified')}\n"
                f"Date: Thu, 19 Mar 2026 {r.clock()} GMT\nContent-Type: application/json\n"
                f"ETag: \"{r.hex(32)}\"\n"
                f"WWW-Authenticate: Bearer resource_metadata=\"https://{r.host()}/.well-known/oauth-protected-resource\", "
                f"scope=\"read\"\n"
            f"Content-Security-Policy: script-src 'nonce-' 'sha256-{r.b64(32)}'\n"
                f"Strict-Transport-Security: max-age=31536000\n\n"
                f"{{\"items\": [], \"total\": {r.randint(0, 900)}}}\n")


@neg("process-lists")
def process_lists(r, i):
    return [rows_of(r, 5, 12,
        lambda _: f"root  {r.num(5)}  0.{r.dig(1)}  1.{r.dig(1)} {r.num(6)} {r.num(5)} ?  Ssl "
        f" {r.clock()[:5]}  0:0{r.dig(1)} /usr/bin/{r.service()} --config /etc/{r.word()}.yaml"), rows_of(r,
        5, 12,
        lambda _: f"-rw-r--r-- 1 root root {r.num(7)} {r.date()} {r.clock()[:5]} {r.word()}-{r.hex(8)}.log"),
            rows_of(r, 4, 9,
                lambda _: f"/dev/nvme{r.dig(1)}n1p{r.randint(1, 4)}  {r.num(9)} {r.num(8)} {r.num(8)} "
                f" {r.randint(1, 99)}% /mnt/{r.word()}"), rows_of(r, 4, 9,
                lambda _: f"{r.randint(0, 59)} {r.randint(0, 23)} * * {r.randint(0, 6)} /usr/local/bin/{r.service()}.sh "
                f"--quiet >> /var/log/{r.word()}.log 2>&1")][i % 4]


# ---- MCP's own messages ----

@neg("mcp-tools-list", 20)
def mcp_tools_list(r, i):
    tools = [{"name": f"{r.service()}_{r.pick('create', 'list', 'rotate_key', 'reset_password')}",
        "description": prose(r, 1)[0], "inputSchema": {"type": "object", "properties": {"email": {
        "type": "string", "format": "email"}, "password": {"type": "string", "minLength": 12}, "api_key": {
        "type": "string", "description": "The key of the service"}, r.word(): {"type": "integer"}},
        "required": ["email"]}} for _ in range(r.randint(1, 3))]
    return dumps({"jsonrpc": "2.0", "id": r.randint(1, 99), "result": {"resultType": "complete",
        "tools": tools, "ttlMs": r.randint(1, 90) * 1000, "cacheScope": "public"}})


@neg("mcp-messages", 24)
def mcp_messages(r, i):
    n = r.randint(1, 999)
    return [dumps({"jsonrpc": "2.0", "id": n, "method": "resources/read", "params": {
        "uri": f"file:///srv/{r.service()}/{r.word()}.md"}}), dumps({"jsonrpc": "2.0",
        "method": "notifications/progress", "params": {"progressToken": r.uuid(), "progress": r.randint(1,
        99), "total": 100}}), dumps({"jsonrpc": "2.0", "id": n, "error": {"code": -32602,
        "message": f"Unknown tool: {r.word()}_{r.service()}"}}),
            dumps({"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {},
                "ttlMs": 3600000, "cacheScope": "public"}), call(r, "search", {
                "query": f"how to rotate the {r.service()} api key", "limit": r.randint(5, 50)}), call(r,
                "read_file", {"path": f"/srv/{r.service()}/.env.example"}), result(r, " ".join(prose(r, 3))),
            call(r, "run_query", {
                "sql": f"SELECT id, password_hash IS NOT NULL AS has_password FROM users WHERE id = {r.num(6)}"}),
                result(r, f"{r.sha()} {r.service()}: {r.word()}\n{r.sha()} {r.word()}: {r.service()}"), call(
                r, "create_issue", {
                "title": f"{r.service()}: token refresh fails after {r.randint(2, 90)} min", "body": " ".join(
                prose(r, 3)), "labels": ["bug", "auth"]}),
            call(r, "get_commit", {"repo": f"{r.word()}/{r.service()}", "sha": r.sha()}), result(r,
                json.dumps({"id": r.uuid(), "etag": r.hex(32), "size": r.randint(100, 90000)}))][i % 12]


# ---- the documents of the positives, with a harmless value where the secret stood ----

@neg("same-documents", 168)
def same_documents(r, i):
    env, make = [("RELEASE_SHA", lambda: r.sha()), ("BUILD_ID", lambda: r.num(8)), ("API_KEY",
        lambda: "${API_KEY}"), ("DB_PASSWORD", lambda: "<your-password>"), ("TENANT_ID", r.uuid), (
        "IMAGE_DIGEST", lambda: f"sha256:{r.hex(64)}"), ("GITHUB_TOKEN",
        lambda: "${{ secrets.GITHUB_TOKEN }}"), ("CACHE_VERSION", r.version),
                 ("TOKEN_ENDPOINT", lambda: f"https://{r.host()}/oauth2/token"), ("SECRET_NAME",
                     lambda: f"{r.service()}-{r.word()}"), ("API_KEY", lambda: "YOUR_API_KEY"), (
                     "PASSWORD_MIN_LENGTH", lambda: str(r.randint(8, 20))), ("AUTH_TOKEN",
                     lambda: "xxxxxxxxxxxxxxxxxxxx"), ("CORRELATION_ID", r.uuid)][i % 14]
    return LONG[i % len(LONG)](r, Slot(env, r.word().title(), make(), False))


@neg("settings", 20)
def harmless_settings(r, i):
    form = [lambda k, v: f"{k}={v}", lambda k, v: f"{k.lower()}: {v}", lambda k, v: f"export {k}=\"{v}\"",
        lambda k, v: f"| {k} | {v} |"][i % 4]
    return lines(*(form(k, v) for k, v in settings(r, r.randint(4, 12))))


# ---- prose ----

@neg("prose", 40)
def plain_prose(r, i):
    return " ".join(prose(r, r.randint(2, 9)))


@neg("security-prose", 30)
def security_prose(r, i):
    pool = ["Never commit a password to the repository.",
        "The API key is read from the environment at start.",
        "Rotate the token every ninety days and after every incident.",
        "A password must have at least twelve characters.",
        "The secret is stored in the vault, not in this file.",
        "Users who forgot their password get a link by e-mail.",
            "Bearer tokens are sent in the Authorization header.",
                "We hash passwords with a memory-hard function.",
                "The card number is never stored; only the last four digits are.",
                "Do not paste private keys into tickets.", "The phone number field is optional.",
                "An IBAN has up to 34 characters.", "Session cookies are marked HttpOnly and Secure.",
            "A JWT has three parts separated by dots: header, payload and signature.",
                "The token expires after an hour.",
                "Ask the platform team for access to the production database.",
                "The date of birth is required for travellers under 18.",
                "Social security numbers are masked in exports."]
    return " ".join(r.sample(pool, r.randint(2, 7)))


@neg("chat", 24)
def chat(r, i):
    said = chatter(r, r.randint(4, 9))
    return lines(*(f"{r.choice(FIRST)}: {t}" for t in said)) if i % 2 else lines(*(f"<@U0{r.up(9)}> {t}"
        for t in said))


@neg("languages", 33)
def languages(r, i):
    texts = ["Die Bereitstellung wurde am Dienstag abgeschlossen, das Kennwort bleibt unverändert.",
        "Le mot de passe doit contenir au moins douze caractères et un chiffre.",
        "La contraseña se guarda cifrada y nunca se muestra en pantalla.",
        "パスワードは12文字以上で設定してください。詳細はマニュアルをご覧ください。", "请在设置页面更新您的密码,并妥善保管。",
             "Пароль нельзя передавать третьим лицам, даже по телефону.",
                 "비밀번호는 90일마다 변경해야 합니다. 문의는 관리자에게 하세요.", "يجب تغيير كلمة المرور كل ثلاثة أشهر.",
                 "पासवर्ड किसी के साथ साझा न करें।", "Η επιβεβαίωση του κωδικού ολοκληρώθηκε με επιτυχία.",
                 "Hasło musi mieć co najmniej dwanaście znaków."]
    text = texts[i % 11]
    return [text, f"{text} ({r.service()} {r.version()}, {r.date()})", dumps({"locale": r.pick("de", "fr",
        "ja", "ru"), "message": text, "id": r.uuid()})][i // 11 % 3]


@neg("issue-list", 20)
def issue_list(r, i):
    kind = r.pick("Issue", "PR")
    return rows_of(r, 5, 14,
        lambda _: f"#{r.num(4)} {r.pick('open', 'closed')} {r.service()}: {r.pick('token refresh races with logout', 'password field loses focus', 'secret scanning reports UUIDs', 'wrong phone format in export', 'add IPv6 to the allow list', 'card component overflows')} "
        f"({kind}, {r.date()}, {r.choice(FIRST).lower()})")


@neg("review", 20)
def review(r, i):
    said = ["nit: rename `pwd` to `working_dir`",
        f"Could you add a test for the case without a token? See `{r.word()}_test.go` " f"line {r.num(3)}.",
        "LGTM", f"This breaks `@{r.word()}/{r.service()}` below {r.version()}.",
        "Why is the api key optional here?", f"Duplicate of {r.sha()[:10]}, I think.",
        "Please squash before merging.", f"The `password` column should not be nullable in {r.service()}."]
    return "\n\n".join(f"**{r.choice(FIRST).lower()}** commented on `src/{r.service()}.ts:{r.num(3)}`\n> {t}"
        for t in r.some(said, 3, 6)) + "\n"


@neg("catalogue", 20)
def catalogue(r, i):
    items = [{"sku": f"{r.word()[:3].upper()}-{r.num(5)}",
        "title": f"{r.word().title()} {r.pick('chair', 'lamp', 'rug', 'shelf')}", "price": {
        "amount": r.randint(5, 900), "currency": "EUR"}, "stock": r.randint(0, 400), "ean": f"40{r.dig(11)}",
        "color": f"#{r.hex(6)}"} for _ in range(r.randint(2, 6))]
    return dumps(items, 1) if i % 2 else "\n".join(
        f"| {x['sku']} | {x['title']} | {x['price']['amount']}.00 EUR | {x['stock']} |" for x in items)


@neg("json-record", 30)
def json_record(r, i):
    return dumps({"id": r.uuid(), "object": r.service(), "created": r.epoch(), "status": r.pick("open",
        "done"), "hash": r.hex([32, 40, 64][i % 3]), "version": r.version(), "owner": r.choice(FIRST),
        "metrics": {"p50": r.randint(1, 90), "p99": r.randint(90, 900)}, "labels": r.sample(WORDS, 3),
        "next": f"/v1/{r.service()}?after={r.num(9)}"}, r.pick(None, 2))


@neg("metrics")
def metrics(r, i):
    return rows_of(r, 5, 15,
        lambda _: f"{r.service()}_{r.pick('requests', 'tokens', 'password_resets')}_total{{method=\"{r.pick('GET', 'POST')}\",code=\"{r.pick(200, 404)}\",pod=\"{r.service()}-{r.hex(9)}-{r.low(5)}\"}} "
        f"{r.num(6)}")


@neg("sql-result")
def sql_result(r, i):
    return " id    | service       | rows    | updated\n-------+---------------+---------+---------------------\n" + rows_of(
        r, 4, 14,
        lambda _: f" {r.num(4)}  | {r.service():<13} | {r.num(6)}  | {r.date()} {r.clock()}") + "(rows shown)\n"


@neg("routes-and-urls")
def urls(r, i):
    return [f"https://{r.host()}/docs/{r.word()}#token-format",
        f"https://github.com/{r.word()}/{r.service()}/blob/{r.sha()}/src/{r.word()}.rs#L{r.num(3)}",
        f"git@github.com:{r.word()}/{r.service()}.git",
        f"git clone git@gitlab.com:{r.word()}/{r.service()}.git",
        f"ssh://git@github.com/{r.word()}/{r.service()}.git", f"https://www.youtube.com/watch?v={r.wc(10)}a",
        f"https://docs.google.com/document/d/1{r.wc(42)}a/edit",
            f"https://{r.host()}/static/js/main.{r.hex(8)}.chunk.js",
                f"https://{r.host()}/search?q={r.word()}&utm_source=mail&utm_campaign={r.num(4)}",
                f"https://cdn.{r.word()}.net/img/{r.hex(32)}.webp",
                f"postgres://localhost:5432/{r.service()}", f"redis://127.0.0.1:6379/0",
                f"mcp://{r.service()}/{r.word()}",
                f"https://medium.com/@{r.word()}/{r.service()}-{r.hex(12)}",
            f"wss://{r.host()}/socket?transport=websocket&EIO=4", f"https://{r.host()}/reset-password"][i % 16]
