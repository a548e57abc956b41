//! Header lines: those that the official TypeScript client sends, but with a name of our own, no
//! compression, which nobody here would undo, and the plan's in place of those that it may replace.

use penstock_mcp::Revision;

use crate::plan::{Agent, Era, Plan};

const AGENT: &str = concat!("penstock-loadtest/", env!("CARGO_PKG_VERSION"));

/// The revision that is asked for in the legacy era, and the one of the modern era.
pub(super) const LEGACY: Revision = Revision::V2025_11_25;
pub(super) const MODERN: Revision = Revision::V2026_07_28;

/// The start line and the lines that all requests of a verb share. What the protocol and the framing
/// rest on is no header of a plan.
pub(super) fn head(plan: &Plan, verb: &str, accept: &str, has_body: bool) -> Vec<u8> {
    let has = |name: &str| plan.headers.iter().any(|(theirs, _)| theirs.eq_ignore_ascii_case(name));
    let mut head = format!("{verb} {} HTTP/1.1\r\n", plan.target.path);
    head += &line("Host", &plan.target.authority);
    head += &line("Accept", accept);
    if !has("Accept-Language") {
        head += &line("Accept-Language", "*");
    }
    head += &line("Accept-Encoding", "identity");
    if !has("User-Agent") {
        head += &line("User-Agent", AGENT);
    }
    if has_body {
        head += &line("Content-Type", "application/json");
    }
    for (name, value) in &plan.headers {
        head += &line(name, value);
    }
    head.into_bytes()
}

pub(super) fn line(name: &str, value: &str) -> String {
    format!("{name}: {value}\r\n")
}

/// The lines that every request of an agent has.
pub(in crate::engine) fn session_lines(agent: &Agent) -> Vec<u8> {
    let token = agent.token.as_ref();
    token.map(|token| line("Authorization", &format!("Bearer {token}"))).unwrap_or_default().into()
}

/// The lines that a legacy session has once it is open.
pub(in crate::engine) fn opened_lines(era: Era, revision: &[u8], id: Option<&[u8]>) -> Vec<u8> {
    let mut lines = Vec::new();
    if era == Era::Legacy {
        lines.extend_from_slice(b"MCP-Protocol-Version: ");
        lines.extend_from_slice(if revision.is_empty() {
            LEGACY.as_str().as_bytes()
        } else {
            revision
        });
        lines.extend_from_slice(b"\r\n");
    }
    if let Some(id) = id {
        lines.extend_from_slice(b"Mcp-Session-Id: ");
        lines.extend_from_slice(id);
        lines.extend_from_slice(b"\r\n");
    }
    lines
}
