//! Request smuggling and its relatives, from the public literature: each row is one trick, what
//! it looks like on the wire, and what becomes of it here. Nothing may be read in two ways.

use penstock_http1::{
    ChunkError, ChunkLimits, Chunked, Framing, HeadError, HeadLimits, RequestHead, ResponseHead,
    Verb,
};

use Expected::{Read, Refused};

/// What becomes of a head.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    /// Accepted, its body ending there.
    Read(Framing),
    /// Refused with that status.
    Refused(u16),
}

const LIMITS: HeadLimits = HeadLimits { bytes: 4096, fields: 20, target: 256 };

/// Heads of which the table gives what stands between a plain request line with Host and the
/// blank line.
const FIELDS: &[(&str, &str, Expected)] = &[
    // Framing twice.
    ("CL.TE", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", Refused(400)),
    ("TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", Refused(400)),
    ("CL.TE with CL 0", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", Refused(400)),
    ("CL.CL, different", "Content-Length: 6\r\nContent-Length: 5\r\n", Refused(400)),
    ("CL.CL, equal", "Content-Length: 5\r\nContent-Length: 5\r\n", Refused(400)),
    ("CL.CL, other case", "Content-Length: 5\r\ncontent-length: 6\r\n", Refused(400)),
    ("TE.TE, equal", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Refused(400)),
    (
        "TE.TE, second unknown",
        "Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n",
        Refused(400),
    ),
    (
        "TE.TE, first identity",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        Refused(400),
    ),
    ("CL.0", "Content-Length: 34\r\n", Read(Framing::Length(34))),
    ("0.CL", "Content-Length: 0\r\n", Read(Framing::Length(0))),
    // Transfer-Encoding in disguise.
    ("TE x before", "Transfer-Encoding: xchunked\r\n", Refused(400)),
    ("TE x after", "Transfer-Encoding: chunkedx\r\n", Refused(400)),
    ("TE list of two", "Transfer-Encoding: gzip, chunked\r\n", Refused(400)),
    ("TE chunked not last", "Transfer-Encoding: chunked, identity\r\n", Refused(400)),
    ("TE chunked twice", "Transfer-Encoding: chunked, chunked\r\n", Refused(400)),
    ("TE empty list member", "Transfer-Encoding: ,chunked\r\n", Refused(400)),
    ("TE trailing comma", "Transfer-Encoding: chunked,\r\n", Refused(400)),
    ("TE identity", "Transfer-Encoding: identity\r\n", Refused(400)),
    ("TE empty", "Transfer-Encoding:\r\n", Refused(400)),
    ("TE quoted", "Transfer-Encoding: \"chunked\"\r\n", Refused(400)),
    ("TE single-quoted", "Transfer-Encoding: 'chunked'\r\n", Refused(400)),
    ("TE with parameter", "Transfer-Encoding: chunked;q=1\r\n", Refused(400)),
    ("TE with vertical tab", "Transfer-Encoding: \x0bchunked\r\n", Refused(400)),
    ("TE with form feed", "Transfer-Encoding: chunked\x0c\r\n", Refused(400)),
    ("TE with NUL", "Transfer-Encoding: chunked\0\r\n", Refused(400)),
    ("TE with DEL", "Transfer-Encoding: chunked\x7f\r\n", Refused(400)),
    ("TE with non-breaking space", "Transfer-Encoding: \u{a0}chunked\r\n", Refused(400)),
    ("TE with dotless letters", "Transfer-Encoding: chun\u{212a}ed\r\n", Refused(400)),
    ("TE after a tab", "Transfer-Encoding:\tchunked\r\n", Read(Framing::Chunked)),
    ("TE without a space", "Transfer-Encoding:chunked\r\n", Read(Framing::Chunked)),
    ("TE in capitals", "TRANSFER-ENCODING: CHUNKED\r\n", Read(Framing::Chunked)),
    ("TE, space before the colon", "Transfer-Encoding : chunked\r\n", Refused(400)),
    ("TE, tab before the colon", "Transfer-Encoding\t: chunked\r\n", Refused(400)),
    ("TE, control before the colon", "Transfer-Encoding\x0b: chunked\r\n", Refused(400)),
    ("TE, space before the name", " Transfer-Encoding: chunked\r\n", Refused(400)),
    ("TE, tab before the name", "\tTransfer-Encoding: chunked\r\n", Refused(400)),
    ("TE, folded value", "Transfer-Encoding:\r\n chunked\r\n", Refused(400)),
    ("TE, folded after", "Transfer-Encoding: chunked\r\n\t, identity\r\n", Refused(400)),
    ("TE in a folded line", "X: y\r\n Transfer-Encoding: chunked\r\n", Refused(400)),
    ("TE behind bare LF", "X: y\nTransfer-Encoding: chunked\r\n", Refused(400)),
    ("TE behind bare CR", "X: y\rTransfer-Encoding: chunked\r\n", Refused(400)),
    ("TE, line ended by CR CR LF", "Transfer-Encoding: chunked\r\r\n", Refused(400)),
    ("TE, line ended by LF", "Transfer-Encoding: chunked\n", Refused(400)),
    ("TE, LF before CRLF", "Transfer-Encoding: chunked\n\r\n", Refused(400)),
    ("TE with underscore", "Transfer_Encoding: chunked\r\n", Refused(400)),
    ("TE without colon", "Transfer-Encoding\r\n", Refused(400)),
    ("TE, empty name before", ": x\r\nTransfer-Encoding: chunked\r\n", Refused(400)),
    ("TE, non-ASCII in the name", "Transfer\u{2010}Encoding: chunked\r\n", Refused(400)),
    ("TE, NUL in the name", "Transfer-Encoding\0: chunked\r\n", Refused(400)),
    ("TE, quote in the name", "\"Transfer-Encoding\": chunked\r\n", Refused(400)),
    (
        "TE named by Connection",
        "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n",
        Refused(400),
    ),
    // Content-Length in disguise.
    ("CL with plus", "Content-Length: +5\r\n", Refused(400)),
    ("CL with minus", "Content-Length: -5\r\n", Refused(400)),
    ("CL list", "Content-Length: 5,5\r\n", Refused(400)),
    ("CL list with spaces", "Content-Length: 5, 5\r\n", Refused(400)),
    ("CL two numbers", "Content-Length:  5 5\r\n", Refused(400)),
    ("CL empty", "Content-Length:\r\n", Refused(400)),
    ("CL hexadecimal", "Content-Length: 0x5\r\n", Refused(400)),
    ("CL with underscore", "Content-Length: 1_0\r\n", Refused(400)),
    ("CL with fraction", "Content-Length: 5.0\r\n", Refused(400)),
    ("CL with exponent", "Content-Length: 1e3\r\n", Refused(400)),
    ("CL with letters after", "Content-Length: 5abc\r\n", Refused(400)),
    ("CL in other digits", "Content-Length: \u{ff15}\r\n", Refused(400)),
    ("CL over 64 bits", "Content-Length: 18446744073709551621\r\n", Refused(400)),
    ("CL over 63 bits", "Content-Length: 9223372036854775808\r\n", Refused(400)),
    ("CL with leading zeros is decimal", "Content-Length: 010\r\n", Read(Framing::Length(10))),
    ("CL with NUL", "Content-Length: 5\0\r\n", Refused(400)),
    ("CL with vertical tab", "Content-Length: \x0b5\r\n", Refused(400)),
    ("CL, space before the colon", "Content-Length : 5\r\n", Refused(400)),
    ("CL, name with underscore", "Content_Length: 5\r\n", Refused(400)),
    ("CL named by Connection", "Connection: Content-Length\r\nContent-Length: 5\r\n", Refused(400)),
    ("CL, folded", "Content-Length: 1\r\n 0\r\n", Refused(400)),
    // Hop-by-hop abuse: fields the gateway decides by, removed before the upstream.
    ("Connection names Host", "Connection: close, Host\r\n", Refused(400)),
    ("Connection names Authorization", "Connection: authorization\r\n", Refused(400)),
    ("Connection names Mcp-Session-Id", "Connection: Mcp-Session-Id\r\n", Refused(400)),
    (
        "Connection names Cookie in a second field",
        "Connection: close\r\nConnection: cookie\r\n",
        Refused(400),
    ),
    ("Connection names an unknown Mcp field", "Connection: Mcp-Param-Region\r\n", Refused(400)),
    ("Connection is no token list", "Connection: close; Host\r\n", Refused(400)),
    ("Connection names its own", "Connection: X-A\r\nX-A: b\r\n", Read(Framing::None)),
    (
        "upgrade to h2c",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n",
        Read(Framing::None),
    ),
    // Routing twice.
    ("a second Host", "Host: b\r\n", Refused(400)),
    ("a second Host, equal", "Host: a\r\n", Refused(400)),
    ("a second Host, space before the colon", "Host : b\r\n", Refused(400)),
    ("a second Host, folded", " Host: b\r\n", Refused(400)),
    ("two Authorization", "Authorization: x\r\nAuthorization: y\r\n", Refused(400)),
    ("two Mcp-Session-Id", "Mcp-Session-Id: x\r\nMcp-Session-Id: x\r\n", Refused(400)),
    ("two Content-Type", "Content-Type: a/b\r\nContent-Type: c/d\r\n", Refused(400)),
    ("session id with underscores", "Mcp_Session_Id: x\r\n", Refused(400)),
    // Expect desynchronisation.
    ("Expect obfuscated", "Content-Length: 5\r\nExpect: y 100-continue\r\n", Refused(417)),
    (
        "Expect twice",
        "Content-Length: 5\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n",
        Refused(400),
    ),
    // Injected controls.
    ("NUL in a value", "X: a\0b\r\n", Refused(400)),
    ("bare CR at the end of a value", "X: a\r\r\n", Refused(400)),
    ("escape in a value", "X: \x1b[0m\r\n", Refused(400)),
    ("CR in a name", "X\r: a\r\n", Refused(400)),
];

/// Whole heads, without their blank line.
const HEADS: &[(&str, &str, Expected)] = &[
    (
        "TE in HTTP/1.0",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n",
        Refused(400),
    ),
    ("no Host", "GET / HTTP/1.1\r\nX: y\r\n", Refused(400)),
    ("no Host in HTTP/1.0", "GET / HTTP/1.0\r\n", Read(Framing::None)),
    ("Host empty", "GET / HTTP/1.1\r\nHost:\r\n", Refused(400)),
    ("Host with userinfo", "GET / HTTP/1.1\r\nHost: a@b\r\n", Refused(400)),
    ("Host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n", Refused(400)),
    ("Host with space", "GET / HTTP/1.1\r\nHost: a b\r\n", Refused(400)),
    ("Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n", Refused(400)),
    ("Host with a large port", "GET / HTTP/1.1\r\nHost: a:65536\r\n", Refused(400)),
    ("Host with two ports", "GET / HTTP/1.1\r\nHost: a:80:81\r\n", Refused(400)),
    ("Host with an empty port", "GET / HTTP/1.1\r\nHost: a:\r\n", Refused(400)),
    ("Host percent-encoded", "GET / HTTP/1.1\r\nHost: %61\r\n", Refused(400)),
    ("absolute form agrees", "GET http://A:80/b HTTP/1.1\r\nHost: a:80\r\n", Read(Framing::None)),
    ("absolute form differs", "GET http://b/ HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    ("absolute form, port differs", "GET http://a:81/ HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    ("absolute form with userinfo", "GET http://a@b/ HTTP/1.1\r\nHost: b\r\n", Refused(400)),
    ("absolute form, other scheme", "GET file:///etc HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    ("authority form without CONNECT", "GET a:80 HTTP/1.1\r\nHost: a:80\r\n", Refused(400)),
    ("asterisk form without OPTIONS", "GET * HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    (
        "CONNECT with body",
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 5\r\n",
        Refused(400),
    ),
    ("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: A:443\r\n", Read(Framing::None)),
    ("CONNECT, Host without port", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n", Read(Framing::None)),
    (
        "CONNECT v6, Host without port",
        "CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]\r\n",
        Read(Framing::None),
    ),
    ("CONNECT, other port", "CONNECT a:443 HTTP/1.1\r\nHost: a:44\r\n", Refused(400)),
    ("CONNECT, beginning of a port", "CONNECT a:443 HTTP/1.1\r\nHost: a:4\r\n", Refused(400)),
    ("CONNECT, beginning of a name", "CONNECT ab:443 HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    (
        "CONNECT, beginning of an address",
        "CONNECT [::1]:443 HTTP/1.1\r\nHost: [:\r\n",
        Refused(400),
    ),
    ("CONNECT, no port", "CONNECT a HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    ("CONNECT, userinfo", "CONNECT a@b:443 HTTP/1.1\r\nHost: b:443\r\n", Refused(400)),
    ("CONNECT, two Hosts", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nHost: a\r\n", Refused(400)),
    (
        "CONNECT chunked",
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nTransfer-Encoding: chunked\r\n",
        Refused(400),
    ),
    ("absolute form, Host without port", "GET http://a:80/ HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    ("CONNECT, Host differs", "CONNECT a:443 HTTP/1.1\r\nHost: b:443\r\n", Refused(400)),
    ("fragment in the target", "GET /a#b HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    ("backslash in the path", "GET /a\\..\\b HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    ("raw UTF-8 in the target", "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    ("NUL in the target", "GET /\0 HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    ("space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    ("two spaces after the method", "GET  / HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    ("tab after the method", "GET\t/ HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    ("space after the version", "GET / HTTP/1.1 \r\nHost: a\r\n", Refused(400)),
    ("a second version", "GET / HTTP/1.1 HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    ("no version", "GET /\r\nHost: a\r\n", Refused(400)),
    ("HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n", Refused(505)),
    ("HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n", Refused(505)),
    ("HTTP/0.9", "GET / HTTP/0.9\r\nHost: a\r\n", Refused(505)),
    ("version in small letters", "GET / http/1.1\r\nHost: a\r\n", Refused(400)),
    ("version with two digits", "GET / HTTP/1.10\r\nHost: a\r\n", Refused(400)),
    ("HTTP/2 preface", "PRI * HTTP/2.0\r\n", Refused(505)),
    ("method is no token", "GE(T / HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    ("space before the method", " GET / HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    ("TLS to a plain port", "\x16\x03\x01\x02\r\n", Refused(400)),
    ("bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n", Refused(400)),
    ("bare LF before the request line", "\nGET / HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    ("space before the first field", "GET / HTTP/1.1\r\n Host: a\r\n", Refused(400)),
    ("three blank lines before", "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n", Refused(400)),
    ("two blank lines before", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n", Read(Framing::None)),
    (
        "a method of one's own",
        "X-Y!z /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n",
        Read(Framing::Length(5)),
    ),
];

/// Chunked bodies; `Some` is the data and what follows the body.
type Body = (&'static str, &'static str, Option<(&'static str, &'static str)>);
const BODIES: &[Body] = &[
    ("plain, another request behind", "3\r\nabc\r\n0\r\n\r\nGET /", Some(("abc", "GET /"))),
    ("size with plus", "+3\r\nabc\r\n0\r\n\r\n", None),
    ("size with minus", "-3\r\nabc\r\n0\r\n\r\n", None),
    ("size with 0x", "0x3\r\nabc\r\n0\r\n\r\n", None),
    ("size with underscore", "0_3\r\nabc\r\n0\r\n\r\n", None),
    ("size with space before", " 3\r\nabc\r\n0\r\n\r\n", None),
    ("size with space after", "3 \r\nabc\r\n0\r\n\r\n", None),
    ("size with tab after", "3\t\r\nabc\r\n0\r\n\r\n", None),
    ("space before an extension", "3 ;a\r\nabc\r\n0\r\n\r\n", None),
    ("size quoted", "\"3\"\r\nabc\r\n0\r\n\r\n", None),
    ("size empty", "\r\nabc\r\n0\r\n\r\n", None),
    ("size of 64 bits", "ffffffffffffffff\r\nabc", None),
    ("size that wraps to 3", "10000000000000003\r\nabc\r\n0\r\n\r\n", None),
    ("size that wraps 32 bits stays large", "100000003\r\nabc\r\n0\r\n\r\n", None),
    ("size ended by LF", "3\nabc\r\n0\r\n\r\n", None),
    ("size ended by CR", "3\rabc\r\n0\r\n\r\n", None),
    ("size ended by CR CR LF", "3\r\r\nabc\r\n0\r\n\r\n", None),
    ("data ended by LF", "3\r\nabc\n0\r\n\r\n", None),
    ("data ended by two wrong bytes", "3\r\nabcXX0\r\n\r\n", None),
    ("data longer than its size", "3\r\nabcd\r\n0\r\n\r\n", None),
    ("extension", "3;a=b;c=\"d;\"\r\nabc\r\n0;e\r\n\r\n", Some(("abc", ""))),
    ("TERM.EXT: LF in an extension", "3;a\nabc\r\n0\r\n\r\n", None),
    ("EXT.TERM: CR in an extension", "3;a\rb\r\nabc\r\n0\r\n\r\n", None),
    ("NUL in an extension", "3;\0\r\nabc\r\n0\r\n\r\n", None),
    ("last chunk in many zeros", "3\r\nabc\r\n00000\r\n\r\n", Some(("abc", ""))),
    ("last chunk ended by LF", "3\r\nabc\r\n0\n\n", None),
    ("end by LF", "3\r\nabc\r\n0\r\n\n", None),
    ("end by CR and a letter", "3\r\nabc\r\n0\r\n\rX", None),
    ("trailer", "0\r\nX: y\r\n\r\nrest", Some(("", "rest"))),
    ("trailer folded", "0\r\nX: y\r\n z\r\n\r\n", None),
    ("trailer, space before the colon", "0\r\nX : y\r\n\r\n", None),
    ("trailer behind bare LF", "0\r\nX: y\nZ: w\r\n\r\n", None),
    ("a request as trailer", "0\r\nGET / HTTP/1.1\r\n\r\n", None),
];

/// Responses to POST, without their blank line.
const RESPONSES: &[(&str, &str, Option<Framing>)] = &[
    (
        "both framings",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        None,
    ),
    ("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n", None),
    ("unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n", None),
    ("chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n", None),
    (
        "both framings in a 304",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        None,
    ),
    ("unasked upgrade", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n", None),
    ("no framing", "HTTP/1.1 200 OK\r\n", Some(Framing::UntilClose)),
    ("204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n", Some(Framing::None)),
    (
        "304 with a length",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n",
        Some(Framing::None),
    ),
    ("interim", "HTTP/1.1 103 Early Hints\r\n", Some(Framing::None)),
    ("status out of range", "HTTP/1.1 600 X\r\n", None),
    ("status of two digits", "HTTP/1.1 20 OK\r\n", None),
    ("status of four digits", "HTTP/1.1 2000 OK\r\n", None),
    ("two spaces before the status", "HTTP/1.1  200 OK\r\n", None),
    ("another version", "HTTP/2.0 200 OK\r\n", None),
    ("blank line before", "\r\nHTTP/1.1 200 OK\r\n", None),
    ("bare LF", "HTTP/1.1 200 OK\nContent-Length: 5\r\n", None),
    ("bare CR in the reason", "HTTP/1.1 200 O\rK\r\n", None),
    ("folded field", "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n", None),
    ("no reason", "HTTP/1.1 200\r\nContent-Length: 5\r\n", Some(Framing::Length(5))),
];

fn parse(head: &str) -> Expected {
    let mut request = RequestHead::new();
    match request.parse(head.as_bytes(), &LIMITS) {
        Ok(Some(end)) => {
            assert_eq!(end, head.len(), "the head ends elsewhere: {head:?}");
            Read(request.framing)
        }
        Ok(None) => panic!("the head hangs: {head:?}"),
        Err(error) => Refused(error.status()),
    }
}

#[test]
fn no_request_is_read_in_two_ways() {
    for (name, fields, expected) in FIELDS {
        let head = format!("POST /mcp HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        assert_eq!(parse(&head), *expected, "{name}");
    }
    for (name, head, expected) in HEADS {
        assert_eq!(parse(&format!("{head}\r\n")), *expected, "{name}");
    }
}

#[test]
fn no_chunked_body_is_read_in_two_ways() {
    for (name, body, expected) in BODIES {
        let mut data = Vec::new();
        let result = Chunked::new(ChunkLimits::default()).feed(body.as_bytes(), |piece| {
            if piece.data {
                data.extend_from_slice(piece.span.of(body.as_bytes()));
            }
        });
        match (result, expected) {
            (Ok(fed), Some((expected, rest))) => {
                assert!(fed.ended, "{name}");
                assert_eq!(
                    (&data[..], &body[fed.consumed..]),
                    (expected.as_bytes(), *rest),
                    "{name}"
                );
            }
            // A size beyond what came waits for more, which is no second reading.
            (Ok(fed), None) => assert!(!fed.ended && name.contains("stays large"), "{name}"),
            (Err(error), None) => assert_eq!(error.status(), 400, "{name}"),
            (Err(error), Some(_)) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn no_response_is_read_in_two_ways() {
    for (name, head, expected) in RESPONSES {
        let head = format!("{head}\r\n");
        let mut response = ResponseHead::new();
        let result = response.parse(head.as_bytes(), &LIMITS, Verb::Post);
        match expected {
            Some(framing) => {
                assert_eq!(result, Ok(Some(head.len())), "{name}");
                assert_eq!(response.framing, *framing, "{name}");
            }
            None => assert!(result.is_err(), "{name}: {result:?}"),
        }
    }
}

#[test]
fn a_body_where_none_can_be_ends_the_connection() {
    let keep_alive = |head: &str, verb| {
        let mut response = ResponseHead::new();
        response.parse(head.as_bytes(), &LIMITS, verb).unwrap().unwrap();
        response.keep_alive
    };
    assert!(!keep_alive("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", Verb::Post));
    assert!(!keep_alive(
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
        Verb::Post
    ));
    assert!(keep_alive("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", Verb::Post));
    assert!(keep_alive("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Verb::Head));
    assert!(!keep_alive("HTTP/1.1 200 OK\r\n\r\n", Verb::Get));
}

#[test]
fn what_is_too_large_is_refused_before_it_has_come() {
    let status = |head: &[u8]| RequestHead::new().parse(head, &LIMITS).unwrap_err().status();
    let long = "a".repeat(LIMITS.bytes);
    assert_eq!(status(format!("GET /{long}").as_bytes()), 414);
    assert_eq!(
        status(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", &long[..256]).as_bytes()),
        414
    );
    assert_eq!(status(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}").as_bytes()), 431);
    let many = "X: y\r\n".repeat(LIMITS.fields);
    assert_eq!(status(format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n").as_bytes()), 431);
}

#[test]
fn a_bare_line_end_never_waits_for_more() {
    for head in ["GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nHost: a\n", "GET / HTTP/1.1\rH"] {
        let result = RequestHead::new().parse(head.as_bytes(), &LIMITS);
        assert!(
            matches!(result, Err(HeadError::BareLf { .. } | HeadError::BareCr { .. })),
            "{head:?}: {result:?}"
        );
    }
}

#[test]
fn refusals_say_what_to_do_and_quote_nobody() {
    let mut request = RequestHead::new();
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nX-Secret : hunter2\r\n\r\n";
    let error = request.parse(head, &LIMITS).unwrap_err();
    assert_eq!(error, HeadError::SpaceBeforeColon { line: 3 });
    assert_eq!(error.to_string(), "field line 3 has white space before its colon; remove it");
    let error = ChunkError::SizeTooLarge.to_string();
    assert_eq!(error, "a chunk size is not below 2^63; send smaller chunks");
}
