//! What a scan finds, and what it refuses, with the place and the reason.

use penstock_mcp::{
    DEPTH_MAX, ErrorKind, Fault, Kind, Member, Message, Method, ScanError, ScanLimits, Span, Text,
};

const CALL: &str = r#"{"jsonrpc":"2.0","id":"a\"1","method":"tools/call","params":{"name":"add","arguments":{"x":[1,2]},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"c"},"progressToken":7,"traceparent":"00"}}}"#;

fn scan(body: impl AsRef<[u8]>) -> Result<Message, ScanError> {
    let mut message = Message::new();
    message.scan(body.as_ref(), &ScanLimits::default()).map(|()| message)
}

fn refused(body: impl AsRef<[u8]>) -> (Fault, usize) {
    let error = scan(body).expect_err("the body should be refused");
    (error.fault, error.at as usize)
}

fn fault(body: impl AsRef<[u8]>) -> Fault {
    refused(body).0
}

fn accepted(body: &str) {
    if let Err(error) = scan(body) {
        panic!("{body} should be accepted: {error}");
    }
}

/// A message with `value` as an argument.
fn with_value(value: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"arguments":{value}}}}}"#)
}

#[test]
fn every_part_of_a_call_is_found_where_it_stands() {
    let message = scan(CALL).unwrap();
    let call = *message.single().unwrap();
    let body = CALL.as_bytes();
    let raw = |span: Option<Span>| str::from_utf8(span.unwrap().of(body)).unwrap();
    let text = |text: Option<Text>| text.unwrap().decode(body).into_owned();

    assert_eq!((call.kind, call.known), (Kind::Request, Some(Method::ToolsCall)));
    assert_eq!(call.span.range(), 0..CALL.len());
    assert_eq!(raw(call.id), r#""a\"1""#);
    assert_eq!(text(call.method), "tools/call");
    assert_eq!(text(call.name), "add");
    assert_eq!(raw(call.arguments), r#"{"x":[1,2]}"#);
    assert_eq!(text(call.protocol_version), "2026-07-28");
    assert_eq!(raw(call.client_capabilities), "{}");
    assert_eq!(raw(call.client_info), r#"{"name":"c"}"#);
    assert_eq!(raw(call.progress_token), "7");
    assert!(raw(call.params).starts_with(r#"{"name""#) && raw(call.params).ends_with("}}"));
    assert!(raw(call.meta).starts_with(r#"{"io."#) && raw(call.meta).ends_with(r#""00"}"#));
    assert_eq!((call.uri, call.task_id, call.result, call.error), (None, None, None, None));
    assert_eq!(message.reply_id(), call.id);
}

#[test]
fn members_of_other_methods_are_found_too() {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"m","params":{"uri":"file:///x","taskId":"t",
        "protocolVersion":"2025-06-18","requestId":9}}"#;
    let envelope = *scan(body).unwrap().single().unwrap();
    let bytes = body.as_bytes();
    assert!(envelope.uri.unwrap().eq(bytes, b"file:///x"));
    assert!(envelope.task_id.unwrap().eq(bytes, b"t"));
    assert!(envelope.requested_version.unwrap().eq(bytes, b"2025-06-18"));
    assert_eq!(envelope.request_id.unwrap().of(bytes), b"9");
    assert_eq!(envelope.known, None);
}

#[test]
fn names_and_methods_spelt_with_escapes_are_recognised() {
    let body = r#"{"jsonrpc":"2.0","id":1,"meth\u006fd":"tools\/c\u0061ll","p\u0061rams":{"n\u0061me":"x"}}"#;
    let envelope = *scan(body).unwrap().single().unwrap();
    assert_eq!(envelope.known, Some(Method::ToolsCall));
    assert!(envelope.method.unwrap().eq(body.as_bytes(), b"tools/call"));
    assert!(envelope.name.unwrap().eq(body.as_bytes(), b"x"));
}

#[test]
fn what_a_message_is_follows_from_its_members() {
    let kind = |body: &str| scan(body).unwrap().single().unwrap().kind;
    assert_eq!(kind(r#"{"jsonrpc":"2.0","id":1,"method":"x"}"#), Kind::Request);
    assert_eq!(kind(r#"{"jsonrpc":"2.0","method":"x"}"#), Kind::Notification);
    assert_eq!(kind(r#"{"jsonrpc":"2.0","id":1,"result":null}"#), Kind::Response);
    assert_eq!(kind(r#"{"jsonrpc":"2.0","id":1,"error":{}}"#), Kind::Response);
    assert_eq!(kind(r#"{"jsonrpc":"2.0","id":null,"error":{}}"#), Kind::Response);
    assert_eq!(kind(r#"{"jsonrpc":"2.0","error":{}}"#), Kind::Response);

    assert_eq!(fault(r#"{"jsonrpc":"2.0","id":1}"#), Fault::NoKind);
    assert_eq!(fault(r#"{"jsonrpc":"2.0","result":1}"#), Fault::BadId);
    assert_eq!(fault(r#"{"jsonrpc":"2.0","id":null,"result":1}"#), Fault::BadId);
    assert_eq!(fault(r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#), Fault::BadId);
    assert_eq!(fault(r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{}}"#), Fault::ResultAndError);
    for outcome in [r#""result":1"#, r#""error":{}"#, r#""result":1,"error":{}"#] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x",{outcome}}}"#);
        assert_eq!(fault(body), Fault::RequestAndResponse);
    }
}

#[test]
fn only_json_rpc_2_is_read() {
    for version in ["\"1.0\"", "\"2\"", "2.0", "null", "\"2.0 \""] {
        let body = format!(r#"{{"jsonrpc":{version},"id":1,"method":"x"}}"#);
        assert_eq!(fault(body), Fault::NotJsonRpc2, "{version}");
    }
    assert_eq!(fault(r#"{"id":1,"method":"x"}"#), Fault::NotJsonRpc2);
    accepted(r#"{"jsonrpc":"2\u002e0","id":1,"method":"x"}"#);
    for body in ["1", "\"x\"", "null", "true"] {
        assert_eq!(fault(body), Fault::NotAnObject);
    }
}

#[test]
fn ids_are_strings_and_integers_that_every_reader_holds_exactly() {
    let body = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"x"}}"#);
    for id in ["0", "-1", "\"\"", "\"a\"", "9223372036854775807", "-9223372036854775808"] {
        accepted(&body(id));
    }
    for id in ["1.0", "1e2", "-0", "9223372036854775808", "null", "true", "[]", "{}"] {
        assert_eq!(fault(body(id)), Fault::BadId, "{id}");
    }
}

#[test]
fn members_that_the_gateway_relies_on_have_their_type() {
    for (members, member) in [
        (r#""method":1"#, Member::Method),
        (r#""method":"x","params":[]"#, Member::Params),
        (r#""method":"x","params":null"#, Member::Params),
        (r#""method":"x","params":{"_meta":null}"#, Member::Meta),
        (
            r#""method":"x","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":1}}"#,
            Member::ProtocolVersion,
        ),
        (r#""error":"no""#, Member::Error),
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,{members}}}"#);
        assert_eq!(fault(body), Fault::WrongType(member));
    }
    // Of a type that only the upstream can judge.
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"name":1,"uri":{},"taskId":[]}}"#;
    let envelope = *scan(body).unwrap().single().unwrap();
    assert_eq!((envelope.name, envelope.uri, envelope.task_id), (None, None, None));
}

#[test]
fn a_member_twice_is_refused_wherever_the_gateway_reads() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"x","method":"x"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"x","meth\u006fd":"y"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"x","unknown":1,"unknown":2}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"name":"a","n\u0061me":"b"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"a":1,"a":1}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"é":1,"\u00e9":1}}"#,
    ] {
        assert_eq!(fault(body), Fault::DuplicateMember, "{body}");
    }
    // Names of different objects, and what only the upstream reads.
    accepted(r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"method":1,"_meta":{"name":1}}}"#);
    accepted(&with_value(r#"{"a":1,"a":2}"#));
}

#[test]
fn many_members_are_compared_without_costing_their_square() {
    let members: Vec<_> = (0..50_000).map(|n| format!("\"\\u006b{n}\":0")).collect();
    let body = |extra: &str| {
        let members = members.join(",");
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{{members}{extra}}}}}"#)
    };
    accepted(&body(""));
    assert_eq!(fault(body(r#","k31234":1"#)), Fault::DuplicateMember);
}

#[test]
fn unknown_members_pass() {
    accepted(r#"{"jsonrpc":"2.0","id":1,"method":"x","extra":{"deep":[1]},"also":null}"#);
}

#[test]
fn text_that_is_not_json_is_refused_where_it_breaks() {
    for (body, expected, at) in [
        ("", Fault::UnexpectedEnd, 0),
        ("  ", Fault::UnexpectedEnd, 2),
        ("{", Fault::UnexpectedEnd, 1),
        (r#"{"jsonrpc""#, Fault::UnexpectedEnd, 10),
        (r#"{"a":1,}"#, Fault::UnexpectedByte(b'}'), 7),
        (r#"{"a" 1}"#, Fault::UnexpectedByte(b'1'), 5),
        (r#"{"a":[1 2]}"#, Fault::UnexpectedByte(b'2'), 8),
        (r#"{"a":[1,]}"#, Fault::UnexpectedByte(b']'), 8),
        (r#"{"a":[}]"#, Fault::UnexpectedByte(b'}'), 6),
        (r#"{"a":tru}"#, Fault::UnexpectedByte(b'}'), 8),
        ("{'a':1}", Fault::UnexpectedByte(b'\''), 1),
        ("{\"a\":\"\n\"}", Fault::ControlCharacter(b'\n'), 6),
        (r#"{"a":"\x"}"#, Fault::BadEscape, 6),
        (r#"{"a":"\u12g4"}"#, Fault::BadEscape, 6),
        (r#"{"a":01}"#, Fault::BadNumber, 5),
        (r#"{"a":1.}"#, Fault::BadNumber, 7),
        (r#"{"a":-}"#, Fault::BadNumber, 6),
        (r#"{"a":1e+}"#, Fault::BadNumber, 8),
        (r#"{"a":+1}"#, Fault::UnexpectedByte(b'+'), 5),
        (r#"{"a":NaN}"#, Fault::UnexpectedByte(b'N'), 5),
        ("{\"a\"\u{a0}:1}", Fault::UnexpectedByte(0xC2), 4),
    ] {
        assert_eq!(refused(body), (expected, at), "{body:?}");
    }
}

#[test]
fn nothing_follows_the_document_and_no_mark_precedes_it() {
    assert_eq!(refused("{\"jsonrpc\":\"2.0\"} {}"), (Fault::TrailingBytes, 18));
    assert_eq!(fault(format!("{CALL}\0")), Fault::TrailingBytes);
    assert_eq!(refused(format!("\u{feff}{CALL}")), (Fault::ByteOrderMark, 0));
    accepted(&format!(" \r\n\t{CALL}\r\n"));
}

#[test]
fn text_that_is_no_unicode_is_refused() {
    for lone in [r#""\ud83d""#, r#""\ude00""#, r#""\ud83d\u0041""#, r#""\ud83dx""#] {
        assert_eq!(fault(with_value(lone)), Fault::LoneSurrogate, "{lone}");
    }
    accepted(&with_value(r#""\ud83d\ude00""#));
    // Overlong, surrogate, beyond the last character, cut short; at any distance from the quote.
    for bytes in [&b"\xC0\xAF"[..], b"\xED\xA0\x80", b"\xF4\x90\x80\x80", b"\xE4\xB8", b"\xFF"] {
        for padding in [0, 7, 8, 31, 64, 200] {
            let value = format!("\"{}@\"", "x".repeat(padding));
            let body = with_value(&value);
            let at = body.find('@').unwrap();
            let mut body = body.into_bytes();
            body.splice(at..=at, bytes.iter().copied());
            assert_eq!(refused(body), (Fault::InvalidUtf8, at));
        }
    }
}

#[test]
fn numbers_that_a_double_cannot_hold_are_refused() {
    for number in ["1e309", "-1e400", "1e99999999999999999999", &"9".repeat(400)] {
        assert_eq!(fault(with_value(number)), Fault::NumberOutOfRange, "{number}");
    }
    for number in ["1.7976931348623157e308", "1e-400", "0e999", "12345678901234567890", "-0.0"] {
        accepted(&with_value(number));
    }
}

#[test]
fn nesting_is_bounded_by_the_limit_and_by_the_scanner() {
    let nested =
        |levels: usize| with_value(&format!("{}{}", "[".repeat(levels), "]".repeat(levels)));
    let scan = |levels, depth| Message::new().scan(nested(levels).as_bytes(), &limits(depth));
    // The envelope and `params` are two levels.
    assert_eq!(scan(8, 10), Ok(()));
    assert_eq!(scan(9, 10).unwrap_err().fault, Fault::TooDeep(10));
    assert_eq!(scan(0, 1).unwrap_err().fault, Fault::TooDeep(1));
    assert_eq!(scan(126, u32::MAX), Ok(()));
    assert_eq!(scan(1_000_000, u32::MAX).unwrap_err().fault, Fault::TooDeep(DEPTH_MAX));
}

fn limits(depth: u32) -> ScanLimits {
    ScanLimits { depth, ..ScanLimits::default() }
}

#[test]
fn a_batch_is_read_message_by_message_up_to_its_limit() {
    let one = r#"{"jsonrpc":"2.0","id":1,"method":"a"}"#;
    let body = format!(r#" [{one} , {{"jsonrpc":"2.0","method":"b"}}]"#);
    let message = scan(&body).unwrap();
    assert!(message.is_batch());
    assert_eq!((message.single(), message.reply_id()), (None, None));
    let methods: Vec<_> = message.envelopes().iter().map(|e| e.method.unwrap()).collect();
    assert!(methods[0].eq(body.as_bytes(), b"a") && methods[1].eq(body.as_bytes(), b"b"));
    assert_eq!(message.envelopes()[0].span.of(body.as_bytes()), one.as_bytes());

    assert_eq!(fault("[]"), Fault::EmptyBatch);
    assert_eq!(fault(format!("[{one},1]")), Fault::NotAnObject);
    assert_eq!(fault(format!("[[{one}]]")), Fault::NotAnObject);
    assert_eq!(fault(format!("[{one},]")), Fault::UnexpectedByte(b']'));
    assert_eq!(fault(format!("[{one}")), Fault::UnexpectedEnd);
    assert_eq!(fault(format!("[{one}}}")), Fault::UnexpectedByte(b'}'));
    let limits = ScanLimits { batch: 2, ..ScanLimits::default() };
    let body = format!("[{one},{one},{one}]");
    let error = Message::new().scan(body.as_bytes(), &limits).unwrap_err();
    assert_eq!(error.fault, Fault::BatchTooLong(2));
}

#[test]
fn a_refused_request_is_answered_under_its_id() {
    let mut message = Message::new();
    let mut reply_id = |body: &'static str| {
        let error = message.scan(body.as_bytes(), &ScanLimits::default()).unwrap_err();
        let id = message.reply_id().map(|span| str::from_utf8(span.of(body.as_bytes())).unwrap());
        (error.kind(), id)
    };
    let invalid = ErrorKind::InvalidRequest;
    assert_eq!(reply_id(r#"{"jsonrpc":"1.0","method":"x","id":"a"}"#), (invalid, Some("\"a\"")));
    assert_eq!(reply_id(r#"{"params":[],"method":"x","id":4}"#), (invalid, Some("4")));
    assert_eq!(reply_id(r#"{"jsonrpc":"2.0","id":4,"x":1,"x":1}"#), (invalid, None));
    assert_eq!(reply_id(r#"{"jsonrpc":"2.0","id":1.5,"method":"x"}"#), (invalid, None));
    assert_eq!(reply_id(r#"{"jsonrpc":"2.0","id":4,"result":1,"error":1}"#), (invalid, Some("4")));
    assert_eq!(reply_id(r#"{"jsonrpc":"2.0","id":4,"method":"x"]"#), (ErrorKind::Parse, None));
}

#[test]
fn a_scan_forgets_the_one_before() {
    let mut message = Message::new();
    let limits = ScanLimits::default();
    message.scan(CALL.as_bytes(), &limits).unwrap();
    message.scan(b"[", &limits).unwrap_err();
    assert!(message.envelopes().is_empty() && message.single().is_none());
    assert_eq!(message.reply_id(), None);
    message.scan(CALL.as_bytes(), &limits).unwrap();
    assert_eq!((message.is_batch(), message.envelopes().len()), (false, 1));
}

#[test]
fn errors_say_what_is_wrong_and_where() {
    let error = scan(r#"{"jsonrpc":"2.0","id":01}"#).unwrap_err();
    let expected = "malformed number; JSON has no leading zeros, plus signs or bare points (at byte 22 of the body)";
    assert_eq!(error.to_string(), expected);
}
