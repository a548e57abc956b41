//! Where agents connect.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Range;

use super::{check_name, process};
use crate::context::Text;
use crate::fields::Fields;
use crate::keys;
use crate::snapshot::{Admin, Bind, Hosts, Listener, ListenerTls};
use crate::url::{Host, host_and_port};
use crate::yaml::Kind;

const EXAMPLE: &str = "write `listeners: [{ address: 127.0.0.1:8808 }]`";

/// Permission bits of a Unix socket where the file names none: its owner and its group.
const MODE: u32 = 0o660;

/// Where the `forward` of a listener stands, and the listener.
pub(super) type Read = (Range<usize>, Listener);

/// Every listener, if none is wrong.
pub(super) fn read(file: &Fields<'_>, admin: Option<Admin>) -> Option<Vec<Read>> {
    let cx = file.cx;
    let Some(entry) = file.entry("listeners") else {
        cx.error(&file.span, "the file lacks `listeners`", EXAMPLE);
        return None;
    };
    let items = match &entry.value.kind {
        Kind::List(items) if !items.is_empty() => items,
        Kind::List(_) => {
            cx.error(&entry.span, "`listeners` is empty", EXAMPLE);
            return None;
        }
        other => {
            let message = format!("`listeners` must be a list, found {}", other.name());
            cx.error(&entry.value.span, message, EXAMPLE);
            return None;
        }
    };
    let mut names = HashMap::new();
    let mut binds = HashMap::new();
    if let Some(admin) = admin {
        binds.insert(Bind::Tcp(admin.address), "admin".to_owned());
    }
    let mut listeners = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let place = format!("listeners[{index}]");
        let section = &keys::LISTENER;
        let Some(fields) = Fields::open(cx, section, item, &item.span, &place) else { continue };
        let Some(listener) = listener(&fields, index) else { continue };
        if let Some(other) = names.insert(listener.name.clone(), place.clone()) {
            let message = format!("`{place}` has the name of `{other}`: `{}`", listener.name);
            cx.error(&fields.span_of("name"), message, "give each listener a `name` of its own");
        }
        if let Some(other) = binds.insert(listener.bind.clone(), place.clone()) {
            let socket = if fields.has("unix") { "unix" } else { "address" };
            let message = format!("`{place}` listens where `{other}` does: {}", listener.bind);
            cx.error(&fields.span_of(socket), message, "give each listener a socket of its own");
        }
        listeners.push((fields.key_span("forward"), listener));
    }
    (listeners.len() == items.len()).then_some(listeners)
}

fn listener(fields: &Fields<'_>, index: usize) -> Option<Listener> {
    let cx = fields.cx;
    let name = match fields.text("name") {
        Some(text) => {
            check_name(cx, "listeners", &text.value, &text.span);
            text.value
        }
        None => format!("listener-{index}"),
    };
    let bind = bind(fields);
    // Where that is wrong, so may be what could be said of the other keys.
    if fields.flag_if_right("forward")? {
        let because = "means nothing with `forward: true`";
        let help = "remove it: who may use the listener, and for which hosts, `agents` say";
        fields.refuse(&["hosts", "origins"], because, help);
        let help = "remove it: programs speak plain HTTP to their proxy, and TLS through it";
        fields.refuse(&["tls"], "cannot stand with `forward: true`", help);
        let (hosts, origins) = (Hosts::Any, Vec::new());
        return Some(Listener { name, bind: bind?, forward: true, tls: None, hosts, origins });
    }
    let tls = fields.section("tls").and_then(|tls| listener_tls(&tls));
    let hosts = hosts(fields, bind.as_ref());
    let origins = fields.texts("origins").unwrap_or_default();
    let origins = origins.iter().filter_map(|text| origin(fields, text)).collect();
    Some(Listener { name, bind: bind?, forward: false, tls, hosts: hosts?, origins })
}

fn bind(fields: &Fields<'_>) -> Option<Bind> {
    let cx = fields.cx;
    match (fields.has("address"), fields.has("unix")) {
        (true, true) => {
            let message = "a listener has either `address` or `unix`, found both";
            cx.error(&fields.key_span("unix"), message, "make it two listeners");
            None
        }
        (false, false) => {
            let message = "a listener has neither `address` nor `unix`";
            cx.error(&fields.span, message, "write `address: 127.0.0.1:8808`");
            None
        }
        (true, false) => {
            fields.refuse(
                &["mode"],
                "means nothing with `address`",
                "remove it: only a Unix socket has permissions",
            );
            process::address(fields, &fields.text("address")?, 8808).map(Bind::Tcp)
        }
        (false, true) => {
            let text = fields.text("unix")?;
            let path = cx.path(&text, &fields.named("unix"))?;
            // sun_path of sockaddr_un, less its final NUL (unix(7)).
            if path.as_os_str().len() > 107 {
                let message = format!(
                    "`{}` is longer than 107 bytes: {}",
                    fields.named("unix"),
                    text.shown()
                );
                cx.error(&text.span, message, "the system allows no longer path for a socket");
            }
            Some(Bind::Unix { path, mode: mode(fields) })
        }
    }
}

fn mode(fields: &Fields<'_>) -> u32 {
    let Some(text) = fields.text("mode") else { return MODE };
    let digits = text.value.strip_prefix("0o").unwrap_or(&text.value);
    let octal =
        (3..=4).contains(&digits.len()) && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    match u32::from_str_radix(digits, 8) {
        Ok(mode) if octal && mode <= 0o777 => mode,
        _ => {
            let message = format!("`{}` cannot be {}", fields.named("mode"), text.shown());
            fields.cx.error(&text.span, message, "write three octal digits, as in \"0660\"");
            MODE
        }
    }
}

fn listener_tls(tls: &Fields<'_>) -> Option<ListenerTls> {
    let lacking = "TLS needs `certificate` and `key`, both PEM files";
    let present = |name| tls.required(name, lacking).is_some();
    let complete = present("certificate") & present("key");
    let client_ca = tls.file("client_ca");
    let client_required = tls.choice("client_certificate") == "required" && client_ca.is_some();
    if !tls.has("client_ca") {
        let help = "add `client_ca`, the roots that a client certificate must chain to";
        tls.refuse(&["client_certificate"], "means nothing without `client_ca`", help);
    }
    if !complete {
        return None;
    }
    let (certificate, key) = (tls.file("certificate"), tls.file("key"));
    Some(ListenerTls { certificate: certificate?, key: key?, client_ca, client_required })
}

/// The names by which agents on this host reach a loopback address or a Unix socket.
fn loopback_hosts(address: Option<SocketAddr>) -> Vec<String> {
    let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
    let own = address.map(|address| match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    });
    hosts.extend(own.filter(|own| !hosts.contains(own)));
    hosts
}

fn hosts(fields: &Fields<'_>, bind: Option<&Bind>) -> Option<Hosts> {
    let cx = fields.cx;
    if !fields.has("hosts") {
        return match bind? {
            Bind::Unix { .. } => Some(Hosts::These(loopback_hosts(None))),
            Bind::Tcp(address) if address.ip().is_loopback() => {
                Some(Hosts::These(loopback_hosts(Some(*address))))
            }
            Bind::Tcp(address) => {
                let message = format!("other hosts can reach {address}, and `hosts` is not given");
                let help = "list the names that agents use, as in `hosts: [gateway.example]`, or \
                            write `hosts: [\"*\"]` to serve any";
                cx.error(&fields.span_of("address"), message, help);
                None
            }
        };
    }
    let texts = fields.texts("hosts")?;
    if texts.is_empty() {
        let message = format!("`{}` is empty: nothing would be served", fields.named("hosts"));
        cx.error(&fields.key_span("hosts"), message, "list names, or write [\"*\"]");
        return None;
    }
    if let Some(any) = texts.iter().find(|text| text.value == "*") {
        if texts.len() > 1 {
            let help = "write [\"*\"] alone, or remove it";
            cx.error(&any.span, "`*` serves any host; the other entries mean nothing", help);
        }
        if matches!(bind, Some(Bind::Tcp(address)) if address.ip().is_loopback()) {
            let message =
                "any `Host` on a loopback address lets web pages reach it by DNS rebinding";
            cx.warn(&any.span, message, "list the names that agents use");
        }
        return Some(Hosts::Any);
    }
    Some(Hosts::These(texts.iter().filter_map(|text| host(fields, text)).collect()))
}

/// One entry of `hosts`, in the form that requests are compared with.
fn host(fields: &Fields<'_>, text: &Text) -> Option<String> {
    let message = || format!("`{}` cannot hold {}", fields.named("hosts"), text.shown());
    let written = text.value.as_str();
    let help = match host_and_port(written) {
        Ok((host, port)) => {
            let host = match host {
                Host::Name(name) => name,
                Host::Address(address) if address.is_ipv6() => format!("[{address}]"),
                Host::Address(address) => address.to_string(),
            };
            return Some(port.map_or_else(|| host.clone(), |port| format!("{host}:{port}")));
        }
        Err(_) => match written.split_once("://") {
            Some((_, rest)) => {
                format!("write the host alone: {}", rest.split('/').next().unwrap_or_default())
            }
            None if written.parse::<std::net::Ipv6Addr>().is_ok() => {
                format!("write \"[{written}]\"")
            }
            None if written.contains('*') => {
                "list each name: only `*` alone, for any host, is known".to_owned()
            }
            None => "write a host name or an IP address, with a port if it must match".to_owned(),
        },
    };
    fields.cx.reject(text, message(), &help);
    None
}

/// One entry of `origins`, in the form that requests are compared with (RFC 6454, section 6.2).
fn origin(fields: &Fields<'_>, text: &Text) -> Option<String> {
    let written = text.value.to_ascii_lowercase();
    let help = match written.split_once("://") {
        _ if written == "*" => return Some(written),
        None => format!("begin it with the scheme: https://{written}"),
        Some((scheme, rest)) => {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
            let scheme_is_good = !scheme.is_empty() && scheme.bytes().all(good);
            match host_and_port(rest) {
                Ok((_, port)) if scheme_is_good => {
                    // A browser leaves out the port that the scheme implies.
                    let implied =
                        matches!((scheme, port), ("https", Some(443)) | ("http", Some(80)));
                    let end = if implied { rest.rfind(':') } else { None };
                    let rest = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
                    return Some(format!("{scheme}://{rest}"));
                }
                _ => match rest.split_once('/') {
                    Some((host, _)) => format!("an origin has no path: write {scheme}://{host}"),
                    None => {
                        "write scheme, host and port, as in https://app.example:8443".to_owned()
                    }
                },
            }
        }
    };
    let message = format!("`{}` cannot hold {}", fields.named("origins"), text.shown());
    fields.cx.reject(text, message, &help);
    None
}
