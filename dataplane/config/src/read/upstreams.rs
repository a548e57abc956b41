//! The MCP servers that penstock can reach.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::named;
use super::servers::Read;
use crate::context::{Context, Text, shown};
use crate::fields::Fields;
use crate::keys;
use crate::references::is_variable;
use crate::snapshot::{
    CommandTarget, Endpoint, HostHeader, HttpTarget, Process, Secret, Target, Upstream, UpstreamTls,
};
use crate::url::{Host, Url, host_and_port};
use crate::yaml::Kind;

const EXAMPLE: &str = "write `upstreams:` and below it `files: { url: http://127.0.0.1:3000/mcp }`";

/// Keys that only a command has.
const OF_COMMANDS: &[&str] =
    &["args", "env", "directory", "process", "line_bytes", "processes", "session_idle_timeout"];

/// Keys that only an HTTP endpoint has.
const OF_HTTP: &[&str] = &["transport", "host", "tls"];

/// Every entry of `upstreams`; wrong ones keep their name, so that servers can be checked.
pub(super) fn read<'a>(file: &Fields<'a>) -> Option<Vec<Read<'a>>> {
    let cx = file.cx;
    let entries = named(file, "upstreams", EXAMPLE)?;
    let read = entries.into_iter().map(|entry| {
        let place = format!("upstreams.{}", entry.key);
        let fields = Fields::open(cx, &keys::UPSTREAM, &entry.value, &entry.span, &place);
        let upstream = fields.and_then(|fields| upstream(&fields, &entry.key));
        (entry, upstream.map(Arc::new))
    });
    Some(read.collect())
}

fn upstream(fields: &Fields<'_>, name: &str) -> Option<Upstream> {
    let target = target(fields);
    // Read even where there is no target, for the problems these keys may have.
    let connections_max = fields.count("connections");
    let idle_timeout = fields.time("idle_timeout");
    let connect_timeout = fields.time("connect_timeout");
    let first_byte_timeout = fields.time("first_byte_timeout");
    let stream_idle_timeout = fields.time("stream_idle_timeout");
    let (via, forwarded) = (fields.flag("via"), fields.flag("forwarded"));
    Some(Upstream {
        name: name.to_owned(),
        target: target?,
        connections_max,
        idle_timeout,
        connect_timeout,
        first_byte_timeout,
        stream_idle_timeout,
        via,
        forwarded,
    })
}

fn target(fields: &Fields<'_>) -> Option<Target> {
    let http = fields.has("url") || fields.has("unix");
    match (http, fields.has("command")) {
        (true, true) => {
            let message = format!("`{}` has a URL and a command", fields.named("command"));
            let help = "make it two upstreams, or remove one of the two";
            fields.cx.error(&fields.key_span("command"), message, help);
            None
        }
        (false, false) => {
            let name = fields.named("");
            let message =
                format!("`{}` has neither `url`, `unix` nor `command`", name.trim_end_matches('.'));
            let help =
                "write `url: http://…` for a server on the network, `command: …` for a program";
            fields.cx.error(&fields.span, message, help);
            None
        }
        (true, false) => {
            fields.refuse(OF_COMMANDS, "means nothing without `command`", "remove it");
            http_target(fields)
        }
        (false, true) => {
            fields.refuse(OF_HTTP, "means nothing with `command`", "remove it");
            command(fields).map(Target::Command)
        }
    }
}

fn http_target(fields: &Fields<'_>) -> Option<Target> {
    let socket = fields.path("unix");
    let url = url(fields);
    let host = host(fields);
    let url = url?;
    let endpoint = match (socket, url.address(), &url.host) {
        (Some(socket), ..) => Endpoint::Unix(socket),
        (None, Some(address), _) => Endpoint::Address(address),
        (None, None, Host::Name(name)) => Endpoint::Name(name.clone(), url.port),
        (None, None, Host::Address(_)) => return None,
    };
    let tls = if url.https {
        Some(tls(fields, &url))
    } else {
        let help = "write `url: https://…`, or remove `tls`";
        fields.refuse(&["tls"], "means nothing with an `http` URL", help);
        None
    };
    let target = HttpTarget { endpoint, tls, path: url.path, authority: url.authority, host };
    Some(if fields.choice("transport") == "sse" {
        Target::Sse(target)
    } else {
        Target::Http(target)
    })
}

fn url(fields: &Fields<'_>) -> Option<Url> {
    if !fields.has("url") {
        return Url::parse("http://localhost/mcp").ok();
    }
    let text = fields.text("url")?;
    match Url::parse(&text.value) {
        Ok(url) => Some(url),
        Err(error) => {
            // Credentials stand before an `@` or in the query.
            let value = if text.written.contains(['@', '?']) {
                String::new()
            } else {
                format!(" {}", text.shown())
            };
            let message =
                format!("`{}`{value} is no URL of an upstream: {error}", fields.named("url"));
            fields.cx.error(&text.span, message, error.help());
            None
        }
    }
}

fn host(fields: &Fields<'_>) -> HostHeader {
    let Some(text) = fields.text("host") else { return HostHeader::Upstream };
    match text.value.as_str() {
        "upstream" => HostHeader::Upstream,
        "preserve" => HostHeader::Preserve,
        literal if host_and_port(literal).is_ok() => HostHeader::Literal(literal.to_owned()),
        _ => {
            let message = format!("`{}` cannot be {}", fields.named("host"), text.shown());
            let help = "write `upstream`, `preserve`, or a host with or without a port";
            fields.cx.error(&text.span, message, help);
            HostHeader::Upstream
        }
    }
}

fn tls(fields: &Fields<'_>, url: &Url) -> UpstreamTls {
    let none = UpstreamTls { server_name: url.server_name(), ca: None, identity: None };
    let Some(tls) = fields.section("tls") else { return none };
    let server_name = tls.text("server_name").map(|text| {
        if !matches!(host_and_port(&text.value), Ok((_, None))) {
            let message = format!("`{}` cannot be {}", tls.named("server_name"), text.shown());
            tls.cx.error(&text.span, message, "write a host name or an IP address, without a port");
        }
        text.value
    });
    let identity = match (tls.has("certificate"), tls.has("key")) {
        (true, true) => tls.file("certificate").zip(tls.file("key")),
        (true, false) => {
            tls.refuse(&["certificate"], "means nothing without `key`", "add `key`");
            None
        }
        (false, _) => {
            tls.refuse(&["key"], "means nothing without `certificate`", "add `certificate`");
            None
        }
    };
    UpstreamTls {
        server_name: server_name.unwrap_or(none.server_name),
        ca: tls.file("ca"),
        identity,
    }
}

fn command(fields: &Fields<'_>) -> Option<CommandTarget> {
    let words = words(fields);
    let env = env(fields);
    let directory = fields.folder("directory");
    let process = match fields.choice("process") {
        "shared" => Process::Shared,
        _ => Process::Session,
    };
    if process == Process::Shared {
        let help = "remove it, or write `process: session`";
        fields.refuse(&["processes"], "means nothing with `process: shared`", help);
    }
    let line_bytes_max = fields.size("line_bytes");
    let processes_max = fields.count("processes");
    let session_idle_timeout = fields.time("session_idle_timeout");
    let (program, args) = words?;
    Some(CommandTarget {
        program,
        args,
        env,
        directory,
        process,
        line_bytes_max,
        processes_max,
        session_idle_timeout,
    })
}

/// The program and its arguments.
fn words(fields: &Fields<'_>) -> Option<(String, Vec<String>)> {
    let cx = fields.cx;
    let entry = fields.entry("command")?;
    let listed = matches!(entry.value.kind, Kind::List(_));
    let (program, mut args) = if listed {
        let mut texts = fields.texts("command")?.into_iter();
        let Some(program) = texts.next() else {
            let message = format!("`{}` is empty", fields.named("command"));
            cx.error(&entry.value.span, message, "write a program, or [program, argument, …]");
            return None;
        };
        fields.refuse(
            &["args"],
            "stands beside a `command` that is a list",
            "put all arguments in one of the two",
        );
        (program, texts.collect())
    } else {
        (fields.text("command")?, Vec::new())
    };
    if !listed && program.value.contains(char::is_whitespace) {
        let words: Vec<_> = program.written.split_whitespace().collect();
        let message = format!("`{}` {} holds a space", fields.named("command"), program.shown());
        let help = format!("no shell reads it: write [{}]", words.join(", "));
        cx.error(&program.span, message, &help);
    }
    if !listed {
        args = fields.texts("args").unwrap_or_default();
    }
    for text in args.iter().chain([&program]).filter(|text| text.value.contains('\0')) {
        cx.error(&text.span, "a command cannot hold a NUL character", "remove it");
    }
    if program.value.is_empty() {
        let message = format!("`{}` names no program", fields.named("command"));
        cx.error(&program.span, message, "write a program, or [program, argument, …]");
    }
    let args = args.into_iter().map(|text| text.value).collect();
    Some((program_path(cx, &program)?, args))
}

/// A bare name is looked up in PATH; one with a slash is a path like any other.
fn program_path(cx: &Context<'_>, program: &Text) -> Option<String> {
    if !program.value.contains('/') {
        return Some(program.value.clone());
    }
    cx.path(program, "command")?.into_os_string().into_string().ok()
}

fn env(fields: &Fields<'_>) -> BTreeMap<String, Secret> {
    let cx = fields.cx;
    let Some(entry) = fields.entry("env") else { return BTreeMap::new() };
    let what = fields.named("env");
    let Kind::Map(variables) = &entry.value.kind else {
        let message = format!("`{what}` must be a mapping, found {}", entry.value.kind.name());
        cx.error(&entry.value.span, message, "write `NAME: value`, one line a variable");
        return BTreeMap::new();
    };
    let mut env = BTreeMap::new();
    for variable in variables {
        if !is_variable(&variable.key) {
            let message = format!("`{what}`: {} is no name of a variable", shown(&variable.key));
            let help = "write letters, digits and _, not beginning with a digit";
            cx.error(&variable.span, message, help);
        }
        let Some(text) = cx.text(&variable.value, &format!("{what}.{}", variable.key)) else {
            continue;
        };
        if text.value.contains('\0') {
            let message = format!("`{what}.{}` holds a NUL character", variable.key);
            cx.error(&text.span, message, "remove it: no process can be given one");
        }
        env.insert(variable.key.clone(), Secret::new(text.value));
    }
    env
}
