//! A right file says what its reader is promised: defaults, references, warnings, the schema.

mod world;

use std::path::{Path, PathBuf};
use std::time::Duration;

use penstock_config::{
    Backend, Bind, Endpoint, HostHeader, Hosts, Limits, Loaded, LogFormat, LogLevel, Process,
    Shards, Target, schema,
};
use world::{SECRET, World};

fn parse(text: &str) -> Loaded {
    let origin = Path::new("/etc/penstock/penstock.yaml");
    penstock_config::parse(text, origin, &World).expect("a file that is right")
}

const SMALL: &str = "listeners: [{ address: 127.0.0.1:8808 }]
upstreams: { files: { url: 'http://Files.example:3000/mcp?x=1' } }
servers: { files: files }
";

#[test]
fn a_small_file_gets_every_default() {
    let Loaded { snapshot, warnings } = parse(SMALL);
    assert_eq!(warnings, []);
    assert_eq!((snapshot.shards, snapshot.backend), (Shards::Auto, Backend::Auto));
    assert_eq!(snapshot.limits, Limits::default());
    assert_eq!(snapshot.log, penstock_config::Log::default());
    assert_eq!(snapshot.admin, None);
    let listener = &snapshot.listeners[0];
    assert_eq!(listener.name, "listener-0");
    assert_eq!(listener.bind, Bind::Tcp("127.0.0.1:8808".parse().unwrap()));
    let loopback = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).to_vec();
    assert_eq!(listener.hosts, Hosts::These(loopback));
    let upstream = &snapshot.upstreams[0];
    assert_eq!(upstream.connections_max, 16_384);
    assert_eq!(upstream.first_byte_timeout, Duration::from_mins(5));
    assert!(!upstream.via && !upstream.forwarded);
    let Target::Http(target) = &upstream.target else { panic!("{upstream:?}") };
    assert_eq!(target.endpoint, Endpoint::Name("files.example".to_owned(), 3000));
    assert_eq!(target.authority, "Files.example:3000");
    assert_eq!(target.path, "/mcp?x=1");
    assert_eq!(target.host, HostHeader::Upstream);
    assert_eq!(
        (snapshot.servers[0].path.as_str(), snapshot.servers[0].upstream),
        ("/mcp/files", 0)
    );
}

#[test]
fn an_empty_limits_section_is_the_default_too() {
    assert_eq!(parse(&format!("{SMALL}limits: {{}}\n")).snapshot.limits, Limits::default());
}

/// Every key there is; the test of the schema holds it to that.
const FULL: &str = r#"
shards: 4
backend: epoll
listeners:
  - name: main
    address: 0.0.0.0:8443
    tls: { certificate: cert.pem, key: key.pem, client_ca: ca.pem, client_certificate: optional }
    hosts: [Gateway.example, "gateway.example:8443", "[2001:DB8::1]"]
    origins: ["https://App.example:443", "https://app.example:8443", "vscode-webview://abc"]
  - unix: run/mcp.sock
    mode: "0600"
upstreams:
  files:
    url: https://files.example/mcp
    transport: streamable-http
    host: preserve
    tls: { ca: ca.pem, server_name: internal.example, certificate: c.pem, key: k.pem }
    via: true
    forwarded: true
    connections: 8
    idle_timeout: 10s
    connect_timeout: 500ms
    first_byte_timeout: 1m
    stream_idle_timeout: 1d
  old:
    url: http://[::1]:3000/sse
    transport: sse
    host: old.example:80
  local:
    unix: /run/local.sock
  time:
    command: ./bin/time-server
    args: [--port, 8080, "${env:SET}"]
    env: { TZ: no, TOKEN: "a${file:token}b$${c}", PORT: 8080 }
    directory: .
    process: session
    line_bytes: 1MiB
    processes: 2
    session_idle_timeout: 5m
  git:
    command: [uvx, mcp-server-git]
    process: shared
servers:
  files: { path: /files/mcp, upstream: files }
  old: old
  local: local
  time: time
  git: git
limits:
  head_bytes: 16KiB
  head_fields: 50
  target_bytes: 4096B
  body_bytes: 1MB
  json_depth: 64
  batch_messages: 10
  event_bytes: 1MiB
  connections: 100
  calls: 200
  head_timeout: 1s
  body_timeout: 2s
  idle_timeout: 3s
  write_timeout: 4s
  drain_timeout: 0s
log: { level: debug, format: json, access: true }
admin: { address: "[::]:9901", allow_remote: true }
"#;

#[test]
fn a_full_file_says_all_of_it() {
    let Loaded { snapshot, warnings } = parse(FULL);
    assert_eq!(warnings, []);
    assert_eq!(snapshot.shards, Shards::Count(4.try_into().unwrap()));
    assert_eq!(snapshot.backend, Backend::Epoll);
    let [main, unix] = &snapshot.listeners[..] else { panic!("two listeners") };
    let tls = main.tls.as_ref().unwrap();
    assert_eq!(tls.certificate, Path::new("/etc/penstock/cert.pem"));
    assert!(tls.client_ca.is_some() && !tls.client_required);
    let hosts = ["gateway.example", "gateway.example:8443", "[2001:db8::1]"];
    assert_eq!(main.hosts, Hosts::These(hosts.map(str::to_owned).to_vec()));
    assert_eq!(
        main.origins,
        ["https://app.example", "https://app.example:8443", "vscode-webview://abc"]
    );
    let path = PathBuf::from("/etc/penstock/run/mcp.sock");
    assert_eq!(unix.bind, Bind::Unix { path, mode: 0o600 });
    assert_eq!(unix.name, "listener-1");

    let [files, old, local, time, git] = &snapshot.upstreams[..] else { panic!("five upstreams") };
    assert!(files.via && files.forwarded);
    let Target::Http(files) = &files.target else { panic!("{files:?}") };
    assert_eq!(files.endpoint, Endpoint::Name("files.example".to_owned(), 443));
    assert_eq!(files.tls.as_ref().unwrap().server_name, "internal.example");
    assert!(files.tls.as_ref().unwrap().identity.is_some());
    assert_eq!(files.host, HostHeader::Preserve);
    let Target::Sse(old) = &old.target else { panic!("{old:?}") };
    assert_eq!(old.endpoint, Endpoint::Address("[::1]:3000".parse().unwrap()));
    assert_eq!(old.host, HostHeader::Literal("old.example:80".to_owned()));
    let Target::Http(local) = &local.target else { panic!("{local:?}") };
    assert_eq!(local.endpoint, Endpoint::Unix("/run/local.sock".into()));
    assert_eq!((local.authority.as_str(), local.path.as_str()), ("localhost", "/mcp"));
    let Target::Command(time) = &time.target else { panic!("{time:?}") };
    assert!(
        time.program.starts_with("/etc/penstock/") && time.program.ends_with("bin/time-server")
    );
    assert_eq!(time.args, ["--port", "8080", SECRET]);
    let env: Vec<_> =
        time.env.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(env, [("PORT", "8080"), ("TOKEN", "ahunter2b${c}"), ("TZ", "no")]);
    assert_eq!((time.line_bytes_max, time.processes_max), (1 << 20, 2));
    let Target::Command(git) = &git.target else { panic!("{git:?}") };
    assert_eq!((git.program.as_str(), git.process), ("uvx", Process::Shared));
    assert_eq!(git.args, ["mcp-server-git"]);

    assert_eq!(snapshot.servers[0].path, "/files/mcp");
    let limits = &snapshot.limits;
    assert_eq!((limits.head_bytes, limits.target_bytes), (16 << 10, 4096));
    assert_eq!((limits.body_bytes, limits.event_bytes), (1_000_000, 1 << 20));
    assert_eq!((limits.head_fields, limits.json_depth, limits.batch_messages), (50, 64, 10));
    assert_eq!((limits.connections, limits.calls), (100, 200));
    let seconds =
        [limits.head_timeout, limits.body_timeout, limits.idle_timeout, limits.write_timeout];
    assert_eq!(seconds.map(|time| time.as_secs()), [1, 2, 3, 4]);
    assert_eq!(limits.drain_timeout, Duration::ZERO);
    assert_eq!((snapshot.log.level, snapshot.log.format), (LogLevel::Debug, LogFormat::Json));
    assert!(snapshot.log.access);
    assert_eq!(snapshot.admin.unwrap().address, "[::]:9901".parse().unwrap());
}

#[test]
fn a_snapshot_does_not_print_secrets() {
    let Loaded { mut snapshot, .. } = parse(&FULL.replace(", \"${env:SET}\"]", "]"));
    snapshot.listeners.clear();
    let printed = format!("{snapshot:?}");
    assert!(!printed.contains(SECRET), "{printed}");
}

#[test]
fn what_is_probably_a_mistake_is_a_warning() {
    let text = SMALL.replace("upstreams: {", "upstreams: { spare: { command: x },");
    let text = text.replace("8808 }", "8808, hosts: ['*'] }");
    let Loaded { snapshot, warnings } = parse(&text);
    let said: Vec<_> = warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "any `Host` on a loopback address lets web pages reach it by DNS rebinding",
            "no server uses the upstream `spare`"
        ]
    );
    assert_eq!(snapshot.servers[0].upstream, 1);
}

#[test]
fn aliases_repeat_whole_values() {
    let text = "listeners: [{ address: 127.0.0.1:8808 }]
upstreams:
  a: { url: 'https://a/', tls: &tls { ca: ca.pem } }
  b: { url: 'https://b/', tls: *tls }
servers: { a: a, b: b }
";
    assert_eq!(parse(text).snapshot.upstreams.len(), 2);
}

#[test]
fn the_schema_accepts_what_is_right_and_the_full_file_has_every_key_of_it() {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).expect("a valid schema");
    for text in [SMALL, FULL] {
        let file: serde_json::Value = serde_saphyr::from_str(text).expect("valid YAML");
        let errors: Vec<_> = validator.iter_errors(&file).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
    }
    let mut keys = 0;
    let sections = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for key in sections.filter_map(|section| section["properties"].as_object()).flatten() {
        assert!(FULL.contains(&format!("{}:", key.0)), "the full file lacks {}", key.0);
        keys += 1;
    }
    assert!(keys > 60);
}

#[test]
fn the_checked_in_schema_is_current() {
    let checked_in: serde_json::Value =
        serde_json::from_str(include_str!("../penstock.schema.json")).unwrap();
    let help =
        "write it anew: cargo run -p penstock -- schema > dataplane/config/penstock.schema.json";
    assert!(checked_in == schema(), "penstock.schema.json is not current; {help}");
}

#[test]
fn the_reference_page_tells_of_every_key() {
    let page = include_str!("../../../docs/configuration.md");
    let schema = schema();
    let sections = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for section in sections.filter(|section| section["properties"].is_object()) {
        for (key, property) in section["properties"].as_object().unwrap() {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{key}` |")));
            assert!(row.is_some(), "docs/configuration.md has no row for {key}");
            // A default that changes must change on the page.
            let default = match &property["default"] {
                serde_json::Value::Null => continue,
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let said = page.lines().any(|line| {
                line.starts_with(&format!("| `{key}` |"))
                    && line.contains(&format!("| `{default}` |"))
            });
            assert!(said, "docs/configuration.md does not say that {key} is {default} by default");
        }
    }
}
