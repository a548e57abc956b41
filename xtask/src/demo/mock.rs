//! The demo's MCP server: one tool, both eras, over HTTP in a thread or over stdio as a program. It
//! believes its only client and looks for words instead of parsing.

use std::io::{BufRead, BufReader, Read, Write, stdin, stdout};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// Between two messages of an answer, so that a stream can be seen to be one.
const PAUSE: Duration = Duration::from_millis(40);

/// Serves HTTP until xtask ends.
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

/// Serves a message a line until stdin ends.
pub(crate) fn stdio() -> Result<()> {
    let mut out = stdout().lock();
    for line in stdin().lines() {
        for (index, message) in answers(&line?).iter().enumerate() {
            if index > 0 {
                thread::sleep(PAUSE);
            }
            writeln!(out, "{message}")?;
            out.flush()?;
        }
    }
    Ok(())
}

/// What a message is answered with: nothing, a response, or progress and then a response.
fn answers(message: &str) -> Vec<String> {
    let id = word_after(message, "\"id\":");
    if id.is_empty() {
        return Vec::new();
    }
    let result = match word_after(message, "\"method\":").trim_matches('"') {
        "initialize" => {
            r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"weather","version":"1"}}"#
        }
        "server/discover" => {
            r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":3600000,"cacheScope":"public"}"#
        }
        "tools/list" => {
            r#"{"resultType":"complete","tools":[{"name":"forecast","description":"Tomorrow's weather of a city.","inputSchema":{"type":"object","properties":{"city":{"type":"string"}}}}],"ttlMs":3600000,"cacheScope":"public"}"#
        }
        "tools/call" => {
            r#"{"resultType":"complete","content":[{"type":"text","text":"Rain, then more rain."}]}"#
        }
        _ => {
            let error = r#"{"code":-32601,"message":"Method not found"}"#;
            return vec![format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)];
        }
    };
    let token = word_after(message, "\"progressToken\":");
    let steps = if token.is_empty() { 0 } else { 2 };
    let progress = (1..=steps).map(|step| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{step},"total":{steps}}}}}"#
        )
    });
    let response = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#);
    progress.chain([response]).collect()
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
    if !request.is_post {
        return send(stream, "405 Method Not Allowed", "", "");
    }
    match &*answers(&request.body) {
        [] => send(stream, "202 Accepted", "", ""),
        [only] if only.contains("\"error\":") => send(stream, "404 Not Found", "", only),
        [only] if request.body.contains("\"initialize\"") => {
            send(stream, "200 OK", "Mcp-Session-Id: demo-1\r\n", only)
        }
        [only] => send(stream, "200 OK", "", only),
        several => send_stream(stream, several),
    }
}

fn send_stream(stream: &mut TcpStream, messages: &[String]) -> Result<()> {
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    )?;
    for message in messages {
        let event = format!("event: message\ndata: {message}\n\n");
        write!(stream, "{:x}\r\n{event}\r\n", event.len())?;
        thread::sleep(PAUSE);
    }
    stream.write_all(b"0\r\n\r\n")?;
    Ok(())
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
