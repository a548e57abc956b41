//! A right file says what its reader is promised: defaults, references, warnings, the schema.

mod world;

use std::path::{Path, PathBuf};
use std::time::Duration;

use penstock_config::{
    ActionVerb, Backend, Bind, Direction, Egress, EgressMode, EgressRule, Endpoint, FindingAction,
    Findings, ForwardLimits, ForwardRule, HostHeader, HostPattern, Hosts, InspectionEngine, Kept,
    Limits, Loaded, LogFormat, LogLevel, Place, Process, Resources, ServerInspection, Shards,
    Target, Transport, agent_id, schema,
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
  - address: 10.0.0.5:3128
    forward: true
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
  files:
    path: /files/mcp
    upstream: files
    inspection:
      actions: [{ rule: "aws-*", direction: request, action: block }]
      open_for: [transfer, "pay_*"]
  old: { upstream: old, inspection: off }
  local: local
  time: time
  git: git
agents:
  claude:
    run_as: ada
    egress:
      - tcp 10.0.0.0/8:5432
      - udp [2001:DB8::]/32:53
      - tcp 192.0.2.7:*
      - tcp [2001:db8::1]:443
    forward:
      - Api.Example.:443
      - "*.pythonhosted.org:443"
      - 192.0.2.9:8080
      - "[2001:db8::1]:443"
    forward_connections: 64
    forward_bytes: 1GiB
    memory: 2GiB
    cpus: 1.5
    pids: 512
    unix_sockets: true
    netlink: true
  builder: { cgroup: machines/builder }
  robot: { unit: agents-robot.slice, run_as: 1001 }
  alan: { user: alan }
egress: { mode: audit, bpffs: /run/bpf }
inspection:
  engine: portable
  built_in: false
  rules: [acme.toml]
  names: names.txt
  disable: [generic-api-key]
  key: "${file:token}${file:token}${file:token}${file:token}${file:token}"
  over_limit: pass
  message_bytes: 1MiB
  actions:
    - { class: email, action: redact, keep: domain }
    - { class: card, action: tokenise }
    - { action: report }
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
    let [main, unix, forward] = &snapshot.listeners[..] else { panic!("three listeners") };
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
    assert!(forward.forward && !main.forward && !unix.forward);
    // Who may use it does not depend on the names that requests give it.
    assert_eq!(forward.hosts, Hosts::Any);

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
fn a_full_file_says_what_is_looked_for() {
    let Loaded { snapshot, .. } = parse(FULL);
    let inspection = snapshot.inspection.as_ref().expect("it is there");
    assert_eq!(inspection.engine, InspectionEngine::Portable);
    assert!(!inspection.built_in && inspection.pass_over_limit);
    assert_eq!(inspection.rules, [Path::new("/etc/penstock/acme.toml")]);
    assert_eq!(inspection.names.as_deref(), Some(Path::new("/etc/penstock/names.txt")));
    assert_eq!(inspection.disable[0].id, "generic-api-key");
    assert_eq!(inspection.key.as_ref().unwrap().expose(), SECRET.repeat(5));
    assert_eq!(inspection.message_bytes_max, 1 << 20);
    let first =
        FULL.lines().position(|line| line.contains("{ class: email, action: redact")).unwrap() + 1;
    let all =
        |at, of, verb| FindingAction { of, direction: None, verb, line: first + at, column: 7 };
    let [email, card] = ["email", "card"].map(Findings::Class);
    assert_eq!(
        inspection.actions,
        [
            all(0, email, ActionVerb::Redact(Kept::Domain)),
            all(1, card, ActionVerb::Tokenise),
            all(2, Findings::All, ActionVerb::Report),
        ]
    );
    let [files, old, local, ..] = &snapshot.servers[..] else { panic!("servers") };
    let own = files.inspection.as_ref().expect("its own");
    assert_eq!(own.open_for, ["transfer", "pay_*"]);
    let [FindingAction { of: Findings::Rules(rule), direction, verb, .. }] = &own.actions[..]
    else {
        panic!("{own:?}")
    };
    let line = FULL.lines().position(|line| line.contains("aws-*")).unwrap() + 1;
    let column = FULL.lines().nth(line - 1).unwrap().find("\"aws-*").unwrap() + 1;
    assert_eq!((rule.id.as_str(), rule.line, rule.column), ("aws-*", line, column));
    assert_eq!((*direction, *verb), (Some(Direction::Request), ActionVerb::Block));
    assert_eq!(old.inspection, None);
    assert_eq!(local.inspection, Some(ServerInspection::default()));
}

#[test]
fn nothing_is_looked_into_unless_the_file_says_so() {
    let Loaded { snapshot, .. } = parse(SMALL);
    assert_eq!((snapshot.inspection, snapshot.servers[0].inspection.clone()), (None, None));
    let Loaded { snapshot, warnings } = parse(&format!("{SMALL}inspection: {{}}\n"));
    assert_eq!(warnings, []);
    let inspection = snapshot.inspection.expect("it is there");
    assert!(inspection.built_in && !inspection.pass_over_limit && inspection.key.is_none());
    assert_eq!(inspection.engine, InspectionEngine::Auto);
    assert_eq!((inspection.message_bytes_max, inspection.actions), (16 << 20, vec![]));
    assert_eq!(snapshot.servers[0].inspection, Some(ServerInspection::default()));
}

#[test]
fn what_inspection_probably_does_not_mean_is_a_warning() {
    let said = |keys: &str| -> Vec<_> {
        let loaded = parse(&format!("{SMALL}inspection: {{ {keys} }}\n"));
        loaded.warnings.into_iter().map(|warning| warning.message).collect()
    };
    let unopened =
        "`tokenise`, and no server names tools in `open_for`: no placeholder is ever opened";
    assert_eq!(said("actions: [{ class: card, action: tokenise }]"), [unopened]);
    assert_eq!(
        said("actions: [{ action: block }, { class: card, action: redact }]"),
        ["`inspection.actions[1]` is never reached: `inspection.actions[0]` fits all that it does"]
    );
    let both = "actions: [{ class: card, direction: request, action: block }, \
                { class: card, action: redact }]";
    assert_eq!(said(both), Vec::<String>::new());
    assert_eq!(
        said("rules: [own.toml, more.toml, ./own.toml]"),
        ["`inspection.rules[2]` `./own.toml` is there already"]
    );
    let own = "files: { upstream: files, inspection: { open_for: [a] } }";
    let open = SMALL.replace("files: files", own);
    let said = |keys: &str| -> Vec<_> {
        let loaded = parse(&format!("{open}inspection: {{ {keys} }}\n"));
        loaded.warnings.into_iter().map(|warning| warning.message).collect()
    };
    assert_eq!(said(""), ["`open_for` names tools, and no action is `tokenise`"]);
    let no_key =
        "`tokenise` without `inspection.key`: no placeholder can be opened after a restart";
    assert_eq!(said("actions: [{ class: card, action: tokenise }]"), [no_key]);
    // A key without need of one is asked for by nobody.
    let never = "actions: [{ class: card, action: redact }, { class: card, action: tokenise }]";
    assert_eq!(said(never)[..1], ["`open_for` names tools, and no action is `tokenise`"]);
    let off = SMALL.replace("files: files", "files: { upstream: files, inspection: off }");
    let off = format!("{off}inspection: {{ actions: [{{ action: tokenise }}] }}\n");
    let nothing = "`inspection` looks into nothing: every server has `inspection: off`";
    let warnings = parse(&off).warnings;
    assert_eq!(warnings.iter().map(|one| &one.message[..]).collect::<Vec<_>>(), [nothing]);
    let every = open.replace("open_for: [a]", "open_for: [a, '*']");
    let key = "key: 0123456789abcdef0123456789abcdef";
    let every = format!("{every}inspection: {{ {key}, actions: [{{ action: tokenise }}] }}\n");
    let warnings = parse(&every).warnings;
    let all = "`servers.files.inspection.open_for` has `*`: every tool gets the values, one too that tells them again";
    assert_eq!(warnings.iter().map(|one| &one.message[..]).collect::<Vec<_>>(), [all]);
}

#[test]
fn lists_of_inspection_have_as_many_entries_as_the_reference_says() {
    let actions = |count: usize| {
        let all: Vec<_> =
            (0..count).map(|at| format!("{{ rule: r{at}, action: block }}")).collect();
        format!("{SMALL}inspection: {{ actions: [{}] }}\n", all.join(", "))
    };
    let rules = |count: usize| {
        let all: Vec<_> = (0..count).map(|at| format!("a{at}.toml")).collect();
        format!("{SMALL}inspection: {{ rules: [{}] }}\n", all.join(", "))
    };
    let refused = |text: &str| {
        let origin = Path::new("/etc/penstock/penstock.yaml");
        penstock_config::parse(text, origin, &World).expect_err("too many").to_string()
    };
    let read = |text: &str| parse(text).snapshot.inspection.expect("it is there");
    assert_eq!(read(&actions(256)).actions.len(), 256);
    let many = "`inspection.actions` has 257 entries (write at most 256;";
    assert!(refused(&actions(257)).contains(many));
    assert_eq!(read(&rules(64)).rules.len(), 64);
    assert!(refused(&rules(65)).contains("`inspection.rules` names 65 files (name at most 64;"));
}

#[test]
fn a_full_file_says_all_of_its_agents() {
    let Loaded { snapshot, .. } = parse(FULL);
    assert_eq!(
        snapshot.egress,
        Egress { mode: EgressMode::Audit, bpffs: PathBuf::from("/run/bpf") }
    );
    let [claude, builder, robot, alan] = &snapshot.agents[..] else { panic!("four agents") };
    assert_eq!(claude.place, Place::Cgroup("penstock/claude".into()));
    assert_eq!((claude.name.as_str(), claude.id), ("claude", agent_id("claude")));
    let rule = |protocol, address: &str, prefix, port| EgressRule {
        address: address.parse().unwrap(),
        prefix,
        port,
        protocol,
    };
    assert_eq!(
        claude.egress,
        [
            rule(Transport::Tcp, "10.0.0.0", 8, Some(5432)),
            rule(Transport::Udp, "2001:db8::", 32, Some(53)),
            rule(Transport::Tcp, "192.0.2.7", 32, None),
            rule(Transport::Tcp, "2001:db8::1", 128, Some(443)),
        ]
    );
    let address = |address: &str| HostPattern::Address(address.parse().unwrap());
    assert_eq!(
        claude.forward,
        [
            ForwardRule { host: HostPattern::Name("api.example".to_owned()), port: 443 },
            ForwardRule { host: HostPattern::Below("pythonhosted.org".to_owned()), port: 443 },
            ForwardRule { host: address("192.0.2.9"), port: 8080 },
            ForwardRule { host: address("2001:db8::1"), port: 443 },
        ]
    );
    assert_eq!(claude.forward_limits, ForwardLimits { connections: 64, bytes: Some(1 << 30) });
    assert_eq!(
        claude.resources,
        Resources { memory: Some(2 << 30), cpu_millis: Some(1_500), pids: Some(512) }
    );
    assert!(claude.unix_sockets && claude.netlink);
    assert_eq!((claude.run_as.as_deref(), robot.run_as.as_deref()), (Some("ada"), Some("1001")));
    assert_eq!(builder.place, Place::Cgroup("machines/builder".into()));
    assert_eq!(robot.place, Place::Unit("agents-robot.slice".to_owned()));
    assert_eq!(alan.place, Place::User("alan".to_owned()));
}

#[test]
fn an_agent_of_which_nothing_is_said_reaches_nothing_but_penstock() {
    let Loaded { snapshot, warnings } = parse(&format!("{SMALL}agents: {{ claude: {{}} }}\n"));
    assert_eq!(warnings, []);
    let bpffs = PathBuf::from("/run/penstock/bpf");
    assert_eq!(snapshot.egress, Egress { mode: EgressMode::Enforce, bpffs });
    let claude = &snapshot.agents[0];
    assert_eq!(claude.place, Place::Cgroup("penstock/claude".into()));
    assert!(claude.egress.is_empty() && claude.forward.is_empty());
    assert_eq!(claude.forward_limits, ForwardLimits { connections: 256, bytes: None });
    assert_eq!((claude.resources, claude.run_as.as_deref()), (Resources::default(), None));
    assert!(!claude.unix_sockets && !claude.netlink);
    assert!(parse(SMALL).snapshot.agents.is_empty());
}

#[test]
fn a_rule_is_printed_as_a_file_writes_it() {
    let Loaded { snapshot, .. } = parse(FULL);
    let claude = &snapshot.agents[0];
    let egress: Vec<_> = claude.egress.iter().map(ToString::to_string).collect();
    let forward: Vec<_> = claude.forward.iter().map(ToString::to_string).collect();
    let file = FULL.to_lowercase().replace("api.example.:", "api.example:");
    for rule in egress.iter().chain(&forward) {
        assert!(file.contains(rule), "{rule}");
    }
}

#[test]
fn a_way_past_penstock_that_was_perhaps_not_meant_is_a_warning() {
    let wide = "lets the agent past penstock to most of the internet";
    let loopback = "opens more than one service of this host, other proxies perhaps among them";
    let metadata = "reaches where a cloud hands out the credentials of this host";
    let direct = "is asked for directly by programs that go by NO_PROXY";
    let domain = "allows every name of a top-level domain";
    for (key, rule, warning) in [
        ("egress", "tcp 0.0.0.0/0:443", Some(wide)),
        ("egress", "udp 128.0.0.0/1:*", Some(wide)),
        ("egress", "tcp [2000::]/3:443", Some(wide)),
        ("egress", "tcp 127.0.0.0/8:5432", Some(loopback)),
        ("egress", "tcp 126.0.0.0/7:5432", Some(loopback)),
        ("egress", "tcp 127.0.0.1:*", Some(loopback)),
        ("egress", "tcp [::1]:*", Some(loopback)),
        ("egress", "tcp 127.0.0.1:5432", None),
        ("egress", "tcp [::1]:5432", None),
        ("egress", "tcp 169.254.169.254:80", Some(metadata)),
        ("egress", "tcp 169.254.0.0/16:80", Some(metadata)),
        ("egress", "tcp [fd00::]/8:80", Some(metadata)),
        ("egress", "tcp 10.0.0.0/8:*", None),
        ("forward", "169.254.169.254:80", Some(metadata)),
        ("forward", "*.com:443", Some(domain)),
        ("forward", "*.example.com:443", None),
        ("forward", "127.0.0.1:5432", Some(direct)),
        ("forward", "[::1]:5432", Some(direct)),
        ("forward", "10.0.0.1:5432", None),
    ] {
        let text = SMALL.replace("8808 }", "8808 }, { address: 127.0.0.1:3128, forward: true }");
        // A listener that forwards is of use.
        let forward = if key == "egress" { "forward: [h:1], " } else { "" };
        let text = format!("{text}agents: {{ claude: {{ {forward}{key}: ['{rule}'] }} }}\n");
        let warnings: Vec<_> = parse(&text).warnings.into_iter().map(|it| it.message).collect();
        let expected = warning.map(|why| format!("`agents.claude.{key}` `{rule}` {why}"));
        assert_eq!(warnings, Vec::from_iter(expected), "{rule}");
    }
}

#[test]
fn an_agent_that_reaches_no_listener_and_a_listener_of_no_use_are_warnings() {
    let unix = SMALL.replace("address: 127.0.0.1:8808", "unix: /a");
    let agent = |keys: &str| format!("agents: {{ claude: {{ {keys} }} }}\n");
    let said = |text: &str| -> Vec<_> {
        parse(text).warnings.into_iter().map(|warning| warning.message).collect()
    };
    assert_eq!(
        said(&format!("{unix}{}", agent(""))),
        ["every listener is a Unix socket, and `agents.claude` may not make one"]
    );
    assert_eq!(said(&format!("{unix}{}", agent("unix_sockets: true"))), Vec::<String>::new());
    let forward = SMALL.replace("8808 }", "8808 }, { unix: /b, forward: true }");
    for agents in [String::new(), agent("")] {
        assert_eq!(
            said(&format!("{forward}{agents}")),
            ["a listener forwards, and no agent has a `forward`"]
        );
    }
}

#[test]
fn a_file_may_have_as_many_agents_and_rules_as_the_reference_says() {
    let agents = |count: usize| {
        let agents: Vec<_> = (0..count).map(|number| format!("a{number}: {{}}")).collect();
        format!("{SMALL}agents: {{ {} }}\n", agents.join(", "))
    };
    let rules = |count: usize| {
        let rules = vec!["'tcp 192.0.2.7:443'"; count].join(", ");
        format!("{SMALL}agents: {{ claude: {{ egress: [{rules}] }} }}\n")
    };
    let refused = |text: &str| {
        let origin = Path::new("/etc/penstock/penstock.yaml");
        penstock_config::parse(text, origin, &World).expect_err("too many").to_string()
    };
    assert_eq!(parse(&agents(256)).snapshot.agents.len(), 256);
    assert!(refused(&agents(257)).contains("`agents` holds 257 agents (write at most 256;"));
    assert_eq!(parse(&rules(1024)).snapshot.agents[0].egress.len(), 1024);
    assert!(refused(&rules(1025)).contains("holds 1025 rules (write at most 1024:"));
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
