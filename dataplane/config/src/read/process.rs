//! The process itself: shards, limits, log, admin listener.

use std::net::SocketAddr;
use std::num::NonZeroU16;

use crate::context::Text;
use crate::fields::Fields;
use crate::keys::{self, Value};
use crate::snapshot::{Admin, Backend, Limits, Log, LogFormat, LogLevel, Shards};

pub(super) fn shards(file: &Fields<'_>) -> Shards {
    let Some(text) = file.text("shards") else { return Shards::Auto };
    if text.value == "auto" {
        return Shards::Auto;
    }
    let max = keys::ROOT.keys.iter().find_map(|key| match key.value {
        Value::AutoOrCount(max) => Some(max),
        _ => None,
    });
    let digits = text.value.bytes().all(|byte| byte.is_ascii_digit());
    let count = if digits { text.value.parse().ok() } else { None };
    if let Some(count) = count.filter(|count: &NonZeroU16| Some(u32::from(count.get())) <= max) {
        return Shards::Count(count);
    }
    let help = format!("write `auto`, or a whole number from 1 to {}", max.unwrap_or(1));
    file.cx.error(&text.span, format!("`shards` cannot be {}", text.shown()), &help);
    Shards::Auto
}

pub(super) fn backend(file: &Fields<'_>) -> Backend {
    match file.choice("backend") {
        "io_uring" => Backend::IoUring,
        "epoll" => Backend::Epoll,
        _ => Backend::Auto,
    }
}

pub(super) fn limits(file: &Fields<'_>) -> Limits {
    let Some(limits) = file.section("limits") else { return Limits::default() };
    let read = Limits {
        head_bytes: limits.size("head_bytes"),
        head_fields: limits.count("head_fields"),
        target_bytes: limits.size("target_bytes"),
        body_bytes: limits.size("body_bytes"),
        json_depth: limits.count("json_depth"),
        batch_messages: limits.count("batch_messages"),
        event_bytes: limits.size("event_bytes"),
        connections: limits.count("connections"),
        calls: limits.count("calls"),
        head_timeout: limits.time("head_timeout"),
        body_timeout: limits.time("body_timeout"),
        idle_timeout: limits.time("idle_timeout"),
        write_timeout: limits.time("write_timeout"),
        drain_timeout: limits.time("drain_timeout"),
    };
    if read.target_bytes > read.head_bytes {
        let blamed = if limits.has("target_bytes") { "target_bytes" } else { "head_bytes" };
        let message = format!(
            "`limits.target_bytes` ({}B) is larger than `limits.head_bytes` ({}B), of which it is \
             a part",
            read.target_bytes, read.head_bytes
        );
        let help = "lower `target_bytes` or raise `head_bytes`";
        limits.cx.error(&limits.span_of(blamed), message, help);
    }
    read
}

pub(super) fn log(file: &Fields<'_>) -> Log {
    let Some(log) = file.section("log") else { return Log::default() };
    let level = match log.choice("level") {
        "error" => LogLevel::Error,
        "warn" => LogLevel::Warn,
        "debug" => LogLevel::Debug,
        _ => LogLevel::Info,
    };
    let format = if log.choice("format") == "json" { LogFormat::Json } else { LogFormat::Text };
    Log { level, format, access: log.flag("access") }
}

pub(super) fn admin(file: &Fields<'_>) -> Option<Admin> {
    let admin = file.section("admin")?;
    let help = "write the address of the operator's listener, as in `address: 127.0.0.1:9901`";
    let text = admin.required("address", help);
    let remote = admin.flag("allow_remote");
    let address = address(&admin, &text?, 9901)?;
    if !address.ip().is_loopback() && !remote {
        let message = format!("other hosts can reach `admin.address` {address}");
        let help = format!(
            "write 127.0.0.1:{}, or `allow_remote: true` beside it if that is meant",
            address.port()
        );
        admin.cx.error(&admin.span_of("address"), message, &help);
    }
    Some(Admin { address })
}

/// An IP address and a port.
pub(super) fn address(fields: &Fields<'_>, text: &Text, port: u16) -> Option<SocketAddr> {
    let message = || format!("`{}` cannot be {}", fields.named("address"), text.shown());
    let written = text.value.as_str();
    let help = match written.parse::<SocketAddr>() {
        Ok(address) if address.port() != 0 => return Some(address),
        Ok(address) => format!("write a port from 1 to 65535, as in {}:{port}", address.ip()),
        Err(_) if written.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("write an IP address and a port, as in 127.0.0.1:{port}")
        }
        Err(_) => match (written.parse::<std::net::IpAddr>(), written.rsplit_once(':')) {
            (Ok(std::net::IpAddr::V4(ip)), _) => format!("add a port, as in {ip}:{port}"),
            (Ok(std::net::IpAddr::V6(ip)), _) => format!("add a port, as in [{ip}]:{port}"),
            (Err(_), Some(("localhost", port))) if is_port(port) => {
                format!("a listener has an IP address, not a name: write 127.0.0.1:{port}")
            }
            (Err(_), Some(("" | "*", port))) if is_port(port) => {
                format!("write 127.0.0.1:{port}, or 0.0.0.0:{port} for every interface")
            }
            _ => format!("write an IP address and a port, as in 127.0.0.1:{port} or [::1]:{port}"),
        },
    };
    fields.cx.reject(text, message(), &help);
    None
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port != 0)
}
