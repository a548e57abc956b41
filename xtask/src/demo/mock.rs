//! The demo's MCP server: one tool, both eras, in a thread. It believes its only client and looks
//! for words instead of parsing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// Starts the server; it ends with xtask.
pub(super) fn start() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no free port on 127.0.0.1")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away in the middle of something ends its own thread only.
            thread::spawn(move || serve(stream));
        }
    });
    Ok(address)
}

fn serve(stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream)? {
        respond(stream.get_mut(), &request)?;
    }
    Ok(())
}

struct Request {
    is_post: bool,
    body: String,
}

fn read(stream: &mut BufReader<TcpStream>) -> Result<Option<Request>> {
    let mut first = String::new();
    if stream.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let mut body = String::new();
    stream.by_ref().take(length).read_to_string(&mut body)?;
    Ok(Some(Request { is_post: first.starts_with("POST "), body }))
}

fn respond(stream: &mut TcpStream, request: &Request) -> Result<()> {
    let body = request.body.as_str();
    let id = word_after(body, "\"id\":");
    let result = match word_after(body, "\"method\":").trim_matches('"') {
        _ if !request.is_post => return send(stream, "405 Method Not Allowed", "", ""),
        _ if id.is_empty() => return send(stream, "202 Accepted", "", ""),
        "initialize" => {
            let result = r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"weather","version":"1"}}"#;
            return send(stream, "200 OK", "Mcp-Session-Id: demo-1\r\n", &message(id, result));
        }
        "server/discover" => {
            r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":3600000,"cacheScope":"public"}"#
        }
        "tools/list" => {
            r#"{"tools":[{"name":"forecast","description":"Tomorrow's weather of a city.","inputSchema":{"type":"object","properties":{"city":{"type":"string"}}}}]}"#
        }
        "tools/call" => {
            r#"{"resultType":"complete","content":[{"type":"text","text":"Rain, then more rain."}]}"#
        }
        _ => {
            let error = r#"{"code":-32601,"message":"Method not found"}"#;
            let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#);
            return send(stream, "404 Not Found", "", &body);
        }
    };
    let token = word_after(body, "\"progressToken\":");
    if token.is_empty() {
        return send(stream, "200 OK", "", &message(id, result));
    }
    stream_progress(stream, token, &message(id, result))
}

/// Answers as an event stream: two steps of progress, then the result.
fn stream_progress(stream: &mut TcpStream, token: &str, result: &str) -> Result<()> {
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    )?;
    for step in 1..=2 {
        let progress = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{step},"total":2}}}}"#
        );
        event(stream, &progress)?;
        thread::sleep(Duration::from_millis(40));
    }
    event(stream, result)?;
    stream.write_all(b"0\r\n\r\n")?;
    Ok(())
}

fn event(stream: &mut TcpStream, data: &str) -> Result<()> {
    let event = format!("event: message\ndata: {data}\n\n");
    write!(stream, "{:x}\r\n{event}\r\n", event.len())?;
    Ok(())
}

fn message(id: &str, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

fn send(stream: &mut TcpStream, status: &str, headers: &str, body: &str) -> Result<()> {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let answer =
        format!("HTTP/1.1 {status}\r\n{kind}{headers}Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes())?;
    Ok(())
}

/// The JSON word that follows `key`; empty where the key is not there.
fn word_after<'a>(body: &'a str, key: &str) -> &'a str {
    let Some((_, rest)) = body.split_once(key) else { return "" };
    rest.split([',', '}']).next().unwrap_or("")
}
