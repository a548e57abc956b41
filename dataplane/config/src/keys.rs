//! Every key of the file: its meaning, its default and its range, once. The reader, the JSON
//! Schema and the test of the reference page all go by this table.

mod agents;
mod inspection;

use Value::{
    AutoOrCount, Choice, Count, Flag, Named, OffOr, Section as Nested, Sections, Size, Text, Texts,
    Time, Variables, Words,
};

pub(crate) use agents::{AGENT, EGRESS};
pub use inspection::CLASSES;
pub(crate) use inspection::{ACTION, INSPECTION, SERVER_INSPECTION};

/// A mapping with fixed keys.
pub(crate) struct Section {
    /// Its name in the schema.
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) keys: &'static [Key],
}

pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    /// As the file would write it; empty where there is none.
    pub(crate) default: &'static str,
    pub(crate) value: Value,
}

/// What may stand at a key. Bounds are written as the file writes them, both inclusive.
pub(crate) enum Value {
    Size(&'static str, &'static str),
    Time(&'static str, &'static str),
    Count(u32, u32),
    /// A number with at most three decimals.
    Decimal(&'static str, &'static str),
    AutoOrCount(u32),
    Flag,
    Choice(&'static [&'static str]),
    /// Text, with a regular expression for the schema where one says more.
    Text(&'static str),
    Texts,
    /// A text, or a list of them.
    Words,
    /// A user by name or number, not root.
    User,
    /// A mapping of environment variables.
    Variables,
    Section(&'static Section),
    /// `off` or `false`, or a section.
    OffOr(&'static Section),
    Sections(&'static Section),
    /// A mapping of names to sections; `true` where a text may stand for the section.
    Named(&'static Section, bool),
}

const fn key(name: &'static str, value: Value, default: &'static str, doc: &'static str) -> Key {
    Key { name, doc, default, value }
}

const ANY: &str = "";
const ADDRESS: &str = r"^(\[[0-9A-Fa-f:.]+\]|[0-9.]+):[0-9]{1,5}$";
const NAME: &str = "^[a-z0-9-]{1,63}$";

pub(crate) static ROOT: Section = Section {
    name: "configuration",
    doc: "Configuration of penstock, an MCP gateway data plane.",
    keys: &[
        key(
            "shards",
            AutoOrCount(1024),
            "auto",
            "Threads that serve, each pinned to a core: `auto` is one a core that the process may run on.",
        ),
        key(
            "backend",
            Choice(&["auto", "io_uring", "epoll"]),
            "auto",
            "The kernel interface for I/O: `auto` takes io_uring where the kernel allows it, else epoll; `io_uring` refuses to start without it.",
        ),
        key("listeners", Sections(&LISTENER), "", "Where agents connect. At least one."),
        key(
            "upstreams",
            Named(&UPSTREAM, false),
            "",
            "The MCP servers that penstock can reach, by name.",
        ),
        key(
            "servers",
            Named(&SERVER, true),
            "",
            "Virtual servers, by name: each is one URL that agents use. `name: upstream` is short for `name: { upstream: upstream }`.",
        ),
        key(
            "agents",
            Named(&AGENT, false),
            "",
            "Agents that the kernel holds to penstock, by name: `penstock egress apply` and `penstock run` go by them.",
        ),
        key("egress", Nested(&EGRESS), "", "How the kernel holds agents to penstock."),
        key(
            "inspection",
            Nested(&INSPECTION),
            "",
            "What is looked for in messages, and what becomes of it. Nothing is without this key.",
        ),
        key("limits", Nested(&LIMITS), "", "What a peer may make penstock spend."),
        key("log", Nested(&LOG), "", "The process's own log, on stderr."),
        key(
            "admin",
            Nested(&ADMIN),
            "",
            "The operator's listener: `/healthz`, `/readyz`, `/metrics`. None without this key.",
        ),
    ],
};

pub(crate) static LISTENER: Section = Section {
    name: "listener",
    doc: "A socket that agents connect to: `address` or `unix`.",
    keys: &[
        key("name", Text(NAME), "listener-0, listener-1, …", "Its name in logs."),
        key(
            "address",
            Text(ADDRESS),
            "",
            "IP address and port for TCP, as in `127.0.0.1:8808` or `[::1]:8808`.",
        ),
        key("unix", Text(ANY), "", "Path of a Unix stream socket, instead of `address`."),
        key("mode", Text("^0?[0-7]{3}$"), "0660", "Permission bits of the Unix socket, in octal."),
        key(
            "forward",
            Flag,
            "false",
            "Forwards what is not MCP, `CONNECT` and requests for `http://` URLs, as each agent's `forward` allows, instead of serving `servers`.",
        ),
        key("tls", Nested(&LISTENER_TLS), "", "Serves TLS. Plain HTTP without this key."),
        key(
            "hosts",
            Texts,
            "localhost, 127.0.0.1, [::1]",
            "Values of `Host` that are served, any other is answered 403: a name, or a name and a port; `[\"*\"]` serves any. Must be given unless the address is a loopback one or a Unix socket.",
        ),
        key(
            "origins",
            Texts,
            "",
            "Values of `Origin` that are served beside those whose host is in `hosts`, as in `https://app.example`; `[\"*\"]` serves any. A request without `Origin` is served.",
        ),
    ],
};

pub(crate) static LISTENER_TLS: Section = Section {
    name: "listener_tls",
    doc: "TLS on a listener. The files are read again when they change.",
    keys: &[
        key("certificate", Text(ANY), "", "PEM file with the certificate chain, leaf first."),
        key("key", Text(ANY), "", "PEM file with the private key."),
        key(
            "client_ca",
            Text(ANY),
            "",
            "PEM file with the roots that a client certificate must chain to. None is asked for without this key.",
        ),
        key(
            "client_certificate",
            Choice(&["required", "optional"]),
            "required",
            "Whether a connection without a client certificate is refused. Needs `client_ca`.",
        ),
    ],
};

pub(crate) static UPSTREAM: Section = Section {
    name: "upstream",
    doc: "An MCP server: `url` (over `unix`, if given) or `command`.",
    keys: &[
        key(
            "url",
            Text("^https?://"),
            "http://localhost/mcp with `unix`",
            "URL of the MCP endpoint, `http` or `https`. Where it has a query, an agent's is not passed on.",
        ),
        key(
            "transport",
            Choice(&["streamable-http", "sse"]),
            "streamable-http",
            "`sse` for a server that only speaks HTTP+SSE of revision 2024-11-05.",
        ),
        key(
            "unix",
            Text(ANY),
            "",
            "Path of the Unix stream socket to connect to; `url` then gives the host and the path.",
        ),
        key(
            "host",
            Text(ANY),
            "upstream",
            "What the upstream sees as `Host`: `upstream` is the host of its URL, `preserve` what the caller sent, anything else is sent as it stands.",
        ),
        key(
            "tls",
            Nested(&UPSTREAM_TLS),
            "",
            "TLS to the upstream, where `url` is `https`. The system's roots without this key.",
        ),
        key(
            "command",
            Words,
            "",
            "Program of a stdio server, or a list of the program and its arguments. Looked up in PATH unless it holds a slash.",
        ),
        key("args", Texts, "", "Arguments of `command`."),
        key(
            "env",
            Variables,
            "",
            "Environment of `command`, all it gets beside PATH, HOME, LANG and TMPDIR. Write secrets as `${env:NAME}` or `${file:PATH}`.",
        ),
        key("directory", Text(ANY), "where penstock runs", "Working directory of `command`."),
        key(
            "process",
            Choice(&["session", "shared"]),
            "session",
            "Whether each session has a process of its own.",
        ),
        key("line_bytes", Size("1KiB", "1GiB"), "16MiB", "Longest line that `command` may write."),
        key("processes", Count(1, 65_536), "64", "Processes of `command` that may run at once."),
        key(
            "session_idle_timeout",
            Time("1s", "7d"),
            "30m",
            "How long a session may be unused before its process is ended.",
        ),
        key("via", Flag, "false", "Whether requests to the upstream carry `Via`."),
        key(
            "forwarded",
            Flag,
            "false",
            "Whether requests to the upstream carry `Forwarded` with the agent's address, replacing what the agent sent of `Forwarded` and `X-Forwarded-*`.",
        ),
        key(
            "connections",
            Count(1, 1_000_000),
            "16384",
            "Connections that one shard may hold open to the upstream; each call and each open stream takes one.",
        ),
        key("idle_timeout", Time("1s", "1d"), "60s", "How long an unused connection is kept."),
        key(
            "connect_timeout",
            Time("10ms", "5m"),
            "5s",
            "How long making a connection may take, TLS included.",
        ),
        key(
            "first_byte_timeout",
            Time("100ms", "1d"),
            "5m",
            "How long the first byte of an answer may take, and before it the upstream no byte of a request.",
        ),
        key(
            "stream_idle_timeout",
            Time("1s", "7d"),
            "1h",
            "How long a begun answer, an event stream too, may be silent.",
        ),
    ],
};

pub(crate) static UPSTREAM_TLS: Section = Section {
    name: "upstream_tls",
    doc: "TLS to an upstream.",
    keys: &[
        key("ca", Text(ANY), "", "PEM file with roots to trust beside the system's."),
        key(
            "server_name",
            Text(ANY),
            "the host of the URL",
            "The name that the upstream's certificate must carry.",
        ),
        key(
            "certificate",
            Text(ANY),
            "",
            "PEM file with a certificate chain to present. Needs `key`.",
        ),
        key("key", Text(ANY), "", "PEM file with the private key of `certificate`."),
    ],
};

pub(crate) static SERVER: Section = Section {
    name: "server",
    doc: "A virtual server: one URL that agents use.",
    keys: &[
        key(
            "path",
            Text("^/"),
            "/mcp/<name>",
            "Its path, exactly. `<path>/sse` and `<path>/messages` serve clients of revision 2024-11-05.",
        ),
        key("upstream", Text(NAME), "", "Name of the upstream that serves it."),
        key(
            "inspection",
            OffOr(&SERVER_INSPECTION),
            "",
            "What differs from the `inspection` of the file; `off`: nothing is looked into.",
        ),
    ],
};

pub(crate) static LIMITS: Section = Section {
    name: "limits",
    doc: "What a peer may make penstock spend.",
    keys: &[
        key(
            "head_bytes",
            Size("1KiB", "1MiB"),
            "32KiB",
            "Bytes of a request's head (431) or of an upstream's answer's (502).",
        ),
        key("head_fields", Count(8, 1_000), "100", "Header fields in a head (431, 502)."),
        key(
            "target_bytes",
            Size("256B", "64KiB"),
            "8KiB",
            "Bytes of a request target (414). At most `head_bytes`.",
        ),
        key("body_bytes", Size("1KiB", "1GiB"), "4MiB", "Bytes of a request's body (413)."),
        key("json_depth", Count(8, 128), "128", "Nesting of a request's JSON (400)."),
        key(
            "batch_messages",
            Count(1, 10_000),
            "100",
            "Messages in a batch of revision 2025-03-26 (400).",
        ),
        key(
            "event_bytes",
            Size("1KiB", "1GiB"),
            "16MiB",
            "Bytes of one event of an upstream's stream; the stream is ended past it.",
        ),
        key(
            "connections",
            Count(1, 1_000_000),
            "16384",
            "Connections from agents that one shard holds open (503).",
        ),
        key(
            "calls",
            Count(1, 1_000_000),
            "16384",
            "Calls that one shard serves at once, open streams included (503).",
        ),
        key(
            "head_timeout",
            Time("100ms", "1h"),
            "10s",
            "How long a head may take from its first byte (408).",
        ),
        key(
            "body_timeout",
            Time("100ms", "1h"),
            "30s",
            "How long a body may pause between bytes (408).",
        ),
        key(
            "idle_timeout",
            Time("1s", "1d"),
            "75s",
            "How long a connection between calls is kept, and a new one may take to say anything.",
        ),
        key(
            "write_timeout",
            Time("100ms", "1h"),
            "30s",
            "How long an agent may take no byte of an answer before its connection is closed.",
        ),
        key("drain_timeout", Time("0s", "1h"), "30s", "How long calls may go on after SIGTERM."),
    ],
};

pub(crate) static LOG: Section = Section {
    name: "log",
    doc: "The process's own log, on stderr.",
    keys: &[
        key(
            "level",
            Choice(&["error", "warn", "info", "debug"]),
            "info",
            "The least severe level written.",
        ),
        key(
            "format",
            Choice(&["text", "json"]),
            "text",
            "Lines for people, or one JSON object a line.",
        ),
        key("access", Flag, "false", "Whether each call is logged."),
    ],
};

pub(crate) static ADMIN: Section = Section {
    name: "admin",
    doc: "The operator's listener, plain HTTP.",
    keys: &[
        key("address", Text(ADDRESS), "", "IP address and port, as in `127.0.0.1:9901`."),
        key(
            "allow_remote",
            Flag,
            "false",
            "Allows an address that other hosts can reach. Anyone who can then reads the metrics.",
        ),
    ],
};

#[cfg(test)]
mod tests {
    use super::Value::Decimal;
    use super::*;
    use crate::units;

    fn each(section: &Section, visit: &mut impl FnMut(&Key)) {
        for key in section.keys {
            visit(key);
            if let Nested(inner) | OffOr(inner) | Sections(inner) | Named(inner, _) = key.value {
                each(inner, visit);
            }
        }
    }

    #[test]
    fn every_default_is_valid_and_within_its_range() {
        let mut seen = 0;
        each(&ROOT, &mut |key| {
            seen += 1;
            // Without a default, as good as one at its least.
            let or = |least| if key.default.is_empty() { least } else { key.default };
            match key.value {
                Size(min, max) => {
                    let [min, default, max] =
                        [min, or(min), max].map(|text| units::size(text).unwrap());
                    assert!(min <= default && default <= max, "{}", key.name);
                }
                Time(min, max) => {
                    let [min, default, max] =
                        [min, or(min), max].map(|text| units::duration(text).unwrap());
                    assert!(min <= default && default <= max, "{}", key.name);
                }
                Count(min, max) => {
                    let default = or(&min.to_string()).parse().unwrap();
                    assert!((min..=max).contains(&default), "{}", key.name);
                }
                Decimal(min, max) => {
                    let [min, default, max] =
                        [min, or(min), max].map(|text| units::thousandths(text).unwrap());
                    assert!(min <= default && default <= max, "{}", key.name);
                }
                Choice(values) => {
                    let fits = key.default.is_empty() || values.contains(&key.default);
                    assert!(fits, "{}", key.name);
                }
                Flag => assert!(["true", "false"].contains(&key.default), "{}", key.name),
                _ => {}
            }
        });
        assert!(seen > 60);
    }
}
