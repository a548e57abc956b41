//! Header lines: those that the official TypeScript client sends, but with a name of our own, no
//! compression, which nobody here would undo, and the plan's in place of any of the same name.

use anyhow::{Result, bail, ensure};
use penstock_mcp::Revision;

use crate::plan::{Agent, Era, Plan};

/// What framing rests on: the engine's alone.
const OURS: [&str; 3] = ["content-length", "transfer-encoding", "connection"];
const AGENT: &str = concat!("penstock-loadtest/", env!("CARGO_PKG_VERSION"));

/// The revision that is asked for in the legacy era, and the one of the modern era.
pub(super) const LEGACY: Revision = Revision::V2025_11_25;
pub(super) const MODERN: Revision = Revision::V2026_07_28;

pub(super) struct Fields {
    path: String,
    authority: String,
    headers: Vec<(String, String)>,
}

impl Fields {
    pub(super) fn new(plan: &Plan) -> Result<Self> {
        for (name, value) in &plan.headers {
            ensure!(
                !OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)),
                "header `{name}` cannot be set: it says where a request ends; leave it out"
            );
            let token =
                |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            ensure!(
                !name.is_empty() && name.bytes().all(token),
                "header `{name}` cannot be sent: a name is letters, digits and `-`"
            );
            line_of(name, value)?;
        }
        line_of("Host", &plan.target.authority)?;
        let path = &plan.target.path;
        ensure!(
            path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()),
            "path `{path}` cannot be sent: percent-encode what is not visible ASCII"
        );
        Ok(Self {
            path: path.clone(),
            authority: plan.target.authority.clone(),
            headers: plan.headers.clone(),
        })
    }

    /// The start line and the lines that all requests of a verb share.
    pub(super) fn head(&self, verb: &str, accept: &str, has_body: bool) -> Vec<u8> {
        let mut head = format!("{verb} {} HTTP/1.1\r\n", self.path);
        head += &self.line("Host", &self.authority);
        head += &self.line("Accept", accept);
        head += &self.line("Accept-Language", "*");
        head += &self.line("Accept-Encoding", "identity");
        head += &self.line("User-Agent", AGENT);
        if has_body {
            head += &self.line("Content-Type", "application/json");
        }
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head.into_bytes()
    }

    /// A line of ours, unless the plan has one of this name.
    pub(super) fn line(&self, name: &str, value: &str) -> String {
        if has(&self.headers, name) { String::new() } else { format!("{name}: {value}\r\n") }
    }
}

/// The lines that every request of an agent has.
pub(in crate::engine) fn session_lines(plan: &Plan, agent: &Agent) -> Result<Vec<u8>> {
    match &agent.token {
        Some(token) if !has(&plan.headers, "Authorization") => {
            Ok(line_of("Authorization", &format!("Bearer {token}"))?.into_bytes())
        }
        _ => Ok(Vec::new()),
    }
}

/// The lines that a legacy session has once it is open.
pub(in crate::engine) fn opened_lines(plan: &Plan, revision: &[u8], id: Option<&[u8]>) -> Vec<u8> {
    let mut lines = Vec::new();
    if plan.era == Era::Legacy && !has(&plan.headers, "MCP-Protocol-Version") {
        lines.extend_from_slice(b"MCP-Protocol-Version: ");
        lines.extend_from_slice(if revision.is_empty() {
            LEGACY.as_str().as_bytes()
        } else {
            revision
        });
        lines.extend_from_slice(b"\r\n");
    }
    if let Some(id) = id.filter(|_| !has(&plan.headers, "Mcp-Session-Id")) {
        lines.extend_from_slice(b"Mcp-Session-Id: ");
        lines.extend_from_slice(id);
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

fn has(headers: &[(String, String)], name: &str) -> bool {
    headers.iter().any(|(theirs, _)| theirs.eq_ignore_ascii_case(name))
}

fn line_of(name: &str, value: &str) -> Result<String> {
    if value.chars().any(|letter| letter.is_control() && letter != '\t') {
        bail!("the value of header `{name}` cannot be sent: it holds a control character");
    }
    Ok(format!("{name}: {value}\r\n"))
}
