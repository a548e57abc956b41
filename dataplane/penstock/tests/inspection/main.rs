//! What is looked into on the way of a call, and every way around it that could be tried.

#[path = "../common/mod.rs"]
mod common;

mod answers;
mod blocked;
mod broken;
mod heads;
mod identity;
mod pieces;
mod requests;
mod split;
mod streams;
mod tokens;
mod transports;
mod worlds;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::mpsc;

use common::{Penstock, Setup, read_request, upstream};

/// What is looked for: never in the log, in metrics or in an error.
pub(crate) const KEY: &str = "ACME-0123456789ABCDEF";
/// A number that is looked for.
pub(crate) const NUMBER: &str = "9999000011112222";
/// What stands in their places.
pub(crate) const REDACTED: &str = "[REDACTED:acme-key]";

const RULES: &str = "[[rules]]
id = 'acme-key'
description = 'A key of the house.'
regex = 'ACME-[0-9A-F]{16}'
keywords = ['acme-']

[[rules]]
id = 'acme-number'
description = 'A number of the house.'
class = 'card'
regex = '9999[0-9]{12}'
keywords = ['9999']

[[rules]]
id = 'acme-long'
description = 'What stands between two lines.'
regex = '(?s)-----BEGIN ACME-----.{0,200}?-----END ACME-----'
keywords = ['begin acme']
";

/// Two rules, fast to prepare, and `more` keys of `inspection`.
pub(crate) fn setup(upstream: SocketAddr, more: &str) -> Setup {
    let setup = Setup::to(upstream).more(&inspection(more));
    setup.folder.write("own.toml", RULES);
    setup
}

pub(crate) fn inspection(more: &str) -> String {
    format!("inspection: {{ built_in: false, rules: [own.toml]{more} }}")
}

pub(crate) fn guarded(upstream: SocketAddr, more: &str) -> Penstock {
    setup(upstream, more).start()
}

pub(crate) const BLOCK: &str = ", actions: [{ action: block }]";

/// An upstream that tells what it was asked, and answers all with the same bytes.
pub(crate) fn telling(
    answer: impl Into<Vec<u8>>,
) -> (SocketAddr, mpsc::Receiver<(String, String)>) {
    let (tell, told) = mpsc::channel();
    let answer = answer.into();
    let address = upstream(move |mut stream| {
        while let Some((head, body)) = read_request(&mut stream) {
            let text = |bytes| String::from_utf8(bytes).expect("text");
            let _ = tell.send((text(head), text(body)));
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
    });
    (address, told)
}

/// A `tools/call` whose arguments are these.
pub(crate) fn call_with(id: u32, arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"t","arguments":{arguments}}}}}"#
    )
}

/// The same of 2026-07-28.
pub(crate) fn modern_with(id: u32, tool: &str, arguments: &str, fields: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    );
    let fields = format!(
        "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: {tool}\r\n{fields}"
    );
    common::post_with(&fields, &body)
}

/// Nothing that penstock wrote has what it looked for.
#[track_caller]
pub(crate) fn says_nothing_of_it(penstock: &Penstock) {
    let log = penstock.log();
    for secret in [KEY, NUMBER, &KEY[5..]] {
        assert!(!log.contains(secret), "{log}");
    }
}
