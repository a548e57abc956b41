//! Era and header/body agreement, row by row.

use penstock_mcp::{Era, ErrorKind, Message, Refusal, ScanLimits, admit};

type Headers<'a> = &'a [(&'a str, &'a str)];

const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
const VERSION: (&str, &str) = ("MCP-Protocol-Version", "2026-07-28");

fn run(body: &str, headers: Headers<'_>) -> Result<Era, Refusal> {
    let mut message = Message::new();
    message.scan(body.as_bytes(), &ScanLimits::default())?;
    let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    admit(body.as_bytes(), &message, headers)
}

#[track_caller]
fn admitted(era: Era, body: &str, headers: Headers<'_>) {
    match run(body, headers) {
        Ok(found) => assert_eq!(found, era, "{body} {headers:?}"),
        Err(refusal) => panic!("{body} {headers:?} refused: {refusal}"),
    }
}

#[track_caller]
fn refused(error: ErrorKind, body: &str, headers: Headers<'_>) {
    match run(body, headers) {
        Ok(era) => panic!("{body} {headers:?} admitted as {era:?}"),
        Err(refusal) => assert_eq!(refusal.error, error, "{body} {headers:?}: {refusal}"),
    }
}

fn request(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}}}}}"#)
}

fn modern(method: &str, params: &str) -> String {
    let comma = if params.is_empty() { "" } else { "," };
    request(method, &format!("{params}{comma}{META}"))
}

#[test]
fn a_modern_call_whose_headers_agree_is_admitted() {
    let call = modern("tools/call", r#""name":"add""#);
    let method = ("Mcp-Method", "tools/call");
    admitted(Era::Modern, &call, &[VERSION, method, ("Mcp-Name", "add")]);
    let lower = [("mcp-protocol-version", " 2026-07-28 "), ("mcp-method", "tools/call")];
    admitted(Era::Modern, &call, &[lower[0], lower[1], ("MCP-NAME", "=?base64?YWRk?=")]);
    let others = ("Mcp-Param-Region", "anything");
    let stray = ("Mcp-Session-Id", "x");
    admitted(Era::Modern, &call, &[VERSION, method, ("Mcp-Name", "add"), others, others, stray]);
}

#[test]
fn every_header_that_names_what_is_called_must_agree() {
    for (method, params, name) in [
        ("tools/call", r#""name":"add""#, "add"),
        ("prompts/get", r#""name":"add""#, "add"),
        ("resources/read", r#""uri":"file:///a b""#, "file:///a b"),
        ("tasks/get", r#""taskId":"t1""#, "t1"),
        ("tasks/update", r#""taskId":"t1""#, "t1"),
        ("tasks/cancel", r#""taskId":"t1""#, "t1"),
    ] {
        let body = modern(method, params);
        let header = ("Mcp-Method", method);
        admitted(Era::Modern, &body, &[VERSION, header, ("Mcp-Name", name)]);
        let mismatch = ErrorKind::HeaderMismatch;
        refused(mismatch, &body, &[VERSION, header, ("Mcp-Name", &name.to_uppercase())]);
        refused(mismatch, &body, &[VERSION, header, ("Mcp-Name", name), ("mcp-name", name)]);
        // The extension's server may do without the header, the specification's may not.
        if method.starts_with("tasks/") {
            admitted(Era::Modern, &body, &[VERSION, header]);
        } else {
            refused(mismatch, &body, &[VERSION, header]);
        }
    }
}

#[test]
fn headers_must_be_there_once_and_say_what_the_body_says() {
    let list = modern("tools/list", "");
    let method = ("Mcp-Method", "tools/list");
    admitted(Era::Modern, &list, &[VERSION, method]);
    let mismatch = ErrorKind::HeaderMismatch;
    refused(mismatch, &list, &[method]);
    refused(mismatch, &list, &[VERSION]);
    refused(mismatch, &list, &[VERSION, VERSION, method]);
    refused(mismatch, &list, &[VERSION, method, method]);
    refused(mismatch, &list, &[("MCP-Protocol-Version", "2025-11-25"), method]);
    refused(mismatch, &list, &[VERSION, ("Mcp-Method", "tools/call")]);
    refused(mismatch, &list, &[VERSION, ("Mcp-Method", "TOOLS/LIST")]);
    refused(mismatch, &list, &[VERSION, ("Mcp-Method", "=?base64?dG9vbHMvbGlzdA==?=")]);
    let named = modern("tools/call", r#""name":"größe""#);
    let method = ("Mcp-Method", "tools/call");
    refused(mismatch, &named, &[VERSION, method, ("Mcp-Name", "größe")]);
    admitted(Era::Modern, &named, &[VERSION, method, ("Mcp-Name", "=?base64?Z3LDtsOfZQ==?=")]);
    // A name that the body does not have, or not as a string.
    for params in ["", r#""name":5"#] {
        let body = modern("tools/call", params);
        refused(mismatch, &body, &[VERSION, method, ("Mcp-Name", "5")]);
        admitted(Era::Modern, &body, &[VERSION, method]);
    }
}

#[test]
fn the_value_of_a_body_is_compared_and_not_its_spelling() {
    let call = modern(r"tools\/call", r#""n\u0061me":"\u0061dd""#);
    let method = ("Mcp-Method", "tools/call");
    admitted(Era::Modern, &call, &[VERSION, method, ("Mcp-Name", "add")]);
    refused(ErrorKind::HeaderMismatch, &call, &[VERSION, method, ("Mcp-Name", r"\u0061dd")]);
}

#[test]
fn a_modern_request_carries_its_version_and_capabilities() {
    let method = ("Mcp-Method", "tools/list");
    for meta in [
        "",
        r#""_meta":{}"#,
        r#""_meta":{"io.modelcontextprotocol/clientCapabilities":{}}"#,
        r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#,
        r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":[]}"#,
    ] {
        refused(ErrorKind::InvalidParams, &request("tools/list", meta), &[VERSION, method]);
    }
    refused(
        ErrorKind::InvalidParams,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
        &[VERSION],
    );
}

#[test]
fn a_version_in_the_body_that_is_not_known_is_for_the_upstream() {
    for version in ["2027-01-01", "1900-01-01", "2025-11-25", "DRAFT"] {
        let body = modern("tools/list", "").replace("2026-07-28", version);
        let method = ("Mcp-Method", "tools/list");
        admitted(Era::Modern, &body, &[("MCP-Protocol-Version", version), method]);
        refused(ErrorKind::HeaderMismatch, &body, &[VERSION, method]);
    }
}

#[test]
fn methods_that_are_not_known_or_no_longer_exist_are_for_the_upstream() {
    for method in ["acme/do", "initialize", "ping", "logging/setLevel"] {
        admitted(Era::Modern, &modern(method, ""), &[VERSION, ("Mcp-Method", method)]);
    }
    admitted(Era::Legacy, &request("server/discover", ""), &[]);
    admitted(Era::Legacy, &request("acme/do", ""), &[]);
}

#[test]
fn a_notification_needs_no_headers_but_those_it_has_must_agree() {
    let with_meta =
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{{META}}}}}"#);
    let without = r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#;
    admitted(Era::Modern, &with_meta, &[VERSION]);
    admitted(Era::Modern, &with_meta, &[VERSION, ("Mcp-Method", "notifications/cancelled")]);
    admitted(Era::Modern, without, &[VERSION]);
    admitted(Era::Legacy, without, &[]);
    refused(ErrorKind::HeaderMismatch, &with_meta, &[VERSION, ("Mcp-Method", "tools/call")]);
    refused(ErrorKind::HeaderMismatch, &with_meta, &[]);
}

#[test]
fn legacy_messages_name_a_known_revision_or_none() {
    let call = request("tools/call", r#""name":"add""#);
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        admitted(Era::Legacy, &call, &[("MCP-Protocol-Version", version)]);
    }
    admitted(Era::Legacy, &call, &[]);
    for version in ["2025-11-26", "2027-01-01", "", "latest", "2025-06-18, 2025-06-18"] {
        let headers = [("MCP-Protocol-Version", version)];
        refused(ErrorKind::UnsupportedProtocolVersion, &call, &headers);
    }
    let old = ("MCP-Protocol-Version", "2025-06-18");
    refused(ErrorKind::HeaderMismatch, &call, &[old, old]);
    // No legacy reader looks at the headers of the modern era.
    let foreign = [("Mcp-Method", "other"), ("Mcp-Method", "other"), ("Mcp-Name", "other")];
    admitted(Era::Legacy, &call, &foreign);
}

#[test]
fn responses_are_posted_in_the_legacy_era_only() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}}"#,
    ] {
        admitted(Era::Legacy, body, &[]);
        admitted(Era::Legacy, body, &[("MCP-Protocol-Version", "2025-11-25")]);
        refused(ErrorKind::InvalidRequest, body, &[VERSION]);
        let unknown = [("MCP-Protocol-Version", "x")];
        refused(ErrorKind::UnsupportedProtocolVersion, body, &unknown);
    }
}

#[test]
fn batches_exist_in_one_revision() {
    let call = request("tools/list", "");
    let response = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let note = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let batch = format!("[{call},{note}]");
    admitted(Era::Legacy, &batch, &[]);
    admitted(Era::Legacy, &batch, &[("MCP-Protocol-Version", "2025-03-26")]);
    admitted(Era::Legacy, &format!("[{response},{response}]"), &[]);
    let invalid = ErrorKind::InvalidRequest;
    for version in ["2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28"] {
        refused(invalid, &batch, &[("MCP-Protocol-Version", version)]);
    }
    refused(invalid, &format!("[{}]", modern("tools/list", "")), &[]);
    refused(invalid, &format!("[{}]", request("initialize", "")), &[]);
    refused(invalid, &format!("[{call},{response}]"), &[]);
    refused(invalid, r#"[{"jsonrpc":"2.0","method":"tools/call"}]"#, &[]);
}

#[test]
fn a_method_is_sent_the_way_it_is_defined() {
    let invalid = ErrorKind::InvalidRequest;
    refused(invalid, r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"rm"}}"#, &[]);
    refused(invalid, r#"{"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}"#, &[]);
    admitted(Era::Legacy, r#"{"jsonrpc":"2.0","method":"acme/note"}"#, &[]);
}

#[test]
fn a_failed_scan_is_never_admitted() {
    let mut message = Message::new();
    message.scan(b"{", &ScanLimits::default()).unwrap_err();
    let refusal = admit(b"{", &message, std::iter::empty()).unwrap_err();
    assert_eq!(refusal.error, ErrorKind::InvalidRequest);
}

#[test]
fn a_refusal_says_what_disagrees_and_quotes_no_more_than_it_needs() {
    let long = "x".repeat(1000);
    let headers = [VERSION, ("Mcp-Method", "tools/call"), ("Mcp-Name", &long)];
    let refusal = run(&modern("tools/call", r#""name":"add""#), &headers).unwrap_err();
    let expected = format!(
        "header Mcp-Name value '{}…' does not match params.name 'add' of the body",
        "x".repeat(64)
    );
    assert_eq!(refusal.to_string(), expected);
}
