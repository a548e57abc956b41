//! The bytes that go out, and what must come back.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use penstock_http1::{HeadLimits, ResponseHead, Verb};
use serde::Serialize;

pub(crate) const LIMITS: HeadLimits = HeadLimits { bytes: 32 << 10, fields: 100, target: 8 << 10 };
/// The tool called: one that the mock lists, as gateways refuse others.
pub(crate) const TOOL: &str = "echo";
/// Of every call: each connection has one under way.
pub(crate) const ID: u64 = 48151;
const LEGACY: &str = "2025-11-25";

/// Which of the protocol's two forms a call has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Era {
    /// 2025-11-25, in a session.
    Legacy,
    /// 2026-07-28, each call by itself.
    Modern,
}

impl Era {
    /// As it is told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Modern => "modern",
        }
    }
}

/// A `tools/call`, and where it goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) path: &'a str,
    /// What the target calls the tool: gateways put a name of their own before it.
    pub(crate) tool: &'a str,
    pub(crate) era: Era,
}

/// A `tools/call`, with the headers that the official TypeScript client sends. But for
/// Accept-Encoding, at which some compress, and others do not.
pub(crate) fn tools_call(address: SocketAddr, call: &Call<'_>, session: Option<&str>) -> Vec<u8> {
    let Call { path, tool, era } = call;
    let arguments = r#"{"repository":"acme/payments","query":"timeout while capturing a refund","state":"open","labels":["bug","customer"],"limit":20}"#;
    let (head, meta) = match era {
        Era::Legacy => (legacy_head(session), ""),
        Era::Modern => (
            format!(
                "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: {tool}\r\n"
            ),
            r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}},"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"}}"#,
        ),
    };
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":{ID},"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}{meta}}}}}"#
    );
    post(address, path, &head, &body)
}

/// What opens a legacy session.
pub(crate) fn initialize(address: SocketAddr, path: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{LEGACY}","capabilities":{{"elicitation":{{}}}},"clientInfo":{{"name":"bench","version":"1.0.0"}}}}}}"#
    );
    post(address, path, "", &body)
}

/// What the client says once a legacy session is open.
pub(crate) fn initialized(address: SocketAddr, path: &str, session: Option<&str>) -> Vec<u8> {
    let body = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    post(address, path, &legacy_head(session), body)
}

fn legacy_head(session: Option<&str>) -> String {
    let session = session.map(|id| format!("Mcp-Session-Id: {id}\r\n")).unwrap_or_default();
    format!("MCP-Protocol-Version: {LEGACY}\r\n{session}")
}

/// A modern subscription under this id.
pub(crate) fn listen(address: SocketAddr, path: &str, id: usize) -> Vec<u8> {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"subscriptions/listen","params":{{"notifications":{{"toolsListChanged":true}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    );
    let head = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n";
    post(address, path, head, &body)
}

/// A legacy GET stream of this session.
pub(crate) fn get(address: SocketAddr, path: &str, session: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\
         MCP-Protocol-Version: 2025-11-25\r\nMcp-Session-Id: {session}\r\nUser-Agent: node\r\n\r\n"
    )
    .into_bytes()
}

/// A POST of JSON as that client sends it, with these fields more.
pub(crate) fn post(address: SocketAddr, path: &str, head: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nAccept: application/json, text/event-stream\r\n\
         Accept-Language: *\r\nUser-Agent: node\r\n\
         Content-Type: application/json\r\n{head}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The head at the start of `bytes`, if it is whole, and its length. Only a 200 is a success.
pub(crate) fn success(head: &mut ResponseHead, bytes: &[u8], verb: Verb) -> Result<Option<usize>> {
    let Some(length) = head.parse(bytes, &LIMITS, verb).context("an answer is not HTTP")? else {
        return Ok(None);
    };
    if head.status != 200 {
        bail!("an answer is no success: {}", String::from_utf8_lossy(bytes));
    }
    Ok(Some(length))
}
