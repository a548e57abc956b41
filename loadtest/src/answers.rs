//! What the mock answers.

use penstock_mcp::{Envelope, Kind, Method};

/// How an answer is framed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 202 without a body.
    Accepted,
    /// One JSON message; the session id to set, where it opens a session.
    Json { body: Vec<u8>, session: Option<&'static str> },
    /// An event stream of these messages, then its end.
    Stream(Vec<Vec<u8>>),
    /// An event stream that stays open: its first message, and the one that comes now and then.
    Subscription { first: Vec<u8>, event: Vec<u8> },
}

/// The legacy revision the mock speaks.
const LEGACY: &str = "2025-11-25";

const TOOLS: &str = r#"{"name":"echo","description":"Answers with text of a fixed size.","inputSchema":{"type":"object"}},{"name":"progress","description":"Reports its progress in three steps.","inputSchema":{"type":"object"}}"#;

/// Answers one message.
pub(crate) fn answer(body: &[u8], envelope: &Envelope, text: &str) -> Answer {
    let (Kind::Request, Some(id)) = (envelope.kind, envelope.id) else {
        return Answer::Accepted;
    };
    let id = String::from_utf8_lossy(id.of(body));
    let modern = envelope.protocol_version.is_some();
    let complete = if modern { r#""resultType":"complete","# } else { "" };
    let result = match envelope.known {
        Some(Method::Initialize) => {
            let result = format!(
                r#"{{"protocolVersion":"{LEGACY}","capabilities":{{"tools":{{}}}},"serverInfo":{{"name":"mock","version":"1"}}}}"#
            );
            return Answer::Json { body: success(&id, &result), session: Some("mock-session") };
        }
        Some(Method::ServerDiscover) => {
            r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":3600000,"cacheScope":"public"}"#.into()
        }
        Some(Method::ToolsList) => {
            let cache = if modern { r#","ttlMs":60000,"cacheScope":"public""# } else { "" };
            format!(r#"{{{complete}"tools":[{TOOLS}]{cache}}}"#)
        }
        Some(Method::ToolsCall) => {
            // In one piece: this is the answer whose size and speed matter.
            let call = format!(
                r#"{{"jsonrpc":"2.0","id":{id},"result":{{{complete}"content":[{{"type":"text","text":"{text}"}}]}}}}"#
            );
            let Some(token) = envelope.progress_token else {
                return Answer::Json { body: call.into_bytes(), session: None };
            };
            let token = String::from_utf8_lossy(token.of(body));
            let mut messages: Vec<Vec<u8>> = (1..=3).map(|step| progress(&token, step)).collect();
            messages.push(call.into_bytes());
            return Answer::Stream(messages);
        }
        Some(Method::SubscriptionsListen) => return subscription(&id),
        Some(Method::Ping) => "{}".into(),
        _ => {
            let error = format!(
                r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"Method not found"}}}}"#
            );
            return Answer::Json { body: error.into_bytes(), session: None };
        }
    };
    Answer::Json { body: success(&id, &result), session: None }
}

/// What a legacy GET stream says now and then: a log message that names the session.
pub(crate) fn log_message(session: &[u8]) -> Vec<u8> {
    // Visible ASCII is all that a session id may hold; these two would end the JSON string.
    let session: String = String::from_utf8_lossy(session).replace(['"', '\\'], "?");
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"info","logger":"mock","data":"{session}"}}}}"#
    )
    .into_bytes()
}

fn subscription(id: &str) -> Answer {
    let notification = |method: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}}}}}}"#
        )
        .into_bytes()
    };
    Answer::Subscription {
        first: notification("subscriptions/acknowledged"),
        event: notification("tools/list_changed"),
    }
}

fn success(id: &str, result: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#).into_bytes()
}

fn progress(token: &str, step: u8) -> Vec<u8> {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{step},"total":3}}}}"#
    )
    .into_bytes()
}
