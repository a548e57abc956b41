//! As much of an HTTP/1.1 client as a demonstration needs: one connection, one answer at a time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::screen;

const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to one path of one server.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
    path: &'static str,
}

/// An answer, read whole.
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    /// A header by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Client {
    pub(super) fn connect(host: SocketAddr, path: &'static str) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&host, PATIENCE)
            .with_context(|| format!("cannot connect to {host}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), host, path })
    }

    /// Posts a message and shows what went each way.
    pub(super) fn show(&mut self, headers: &[(&str, &str)], body: &str) -> Result<Answer> {
        screen::request(&format!("POST {}", self.path), headers, body);
        let started = Instant::now();
        let answer = self.post(headers, body)?;
        let kind = answer.header("content-type").unwrap_or("no body");
        let about = format!("{kind}  ({:.1?})", started.elapsed());
        screen::answer(answer.status, &about, &answer.body);
        Ok(answer)
    }

    /// Posts a message.
    pub(super) fn post(&mut self, headers: &[(&str, &str)], body: &str) -> Result<Answer> {
        let mut extra = String::new();
        for (name, value) in headers {
            extra.extend([name, ": ", value, "\r\n"]);
        }
        let Self { host, path, .. } = self;
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n{extra}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.exchange(&request)
    }

    /// Gets the path.
    pub(super) fn get(&mut self) -> Result<Answer> {
        let request = format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", self.path, self.host);
        self.exchange(&request)
    }

    /// Ends a session, and shows it.
    pub(super) fn delete(&mut self, session: &str) -> Result<Answer> {
        let Self { host, path, .. } = self;
        screen::request(&format!("DELETE {path}"), &[("Mcp-Session-Id", session)], "");
        let request =
            format!("DELETE {path} HTTP/1.1\r\nHost: {host}\r\nMcp-Session-Id: {session}\r\n\r\n");
        let answer = self.exchange(&request)?;
        screen::answer(answer.status, "no body", &answer.body);
        Ok(answer)
    }

    fn exchange(&mut self, request: &str) -> Result<Answer> {
        self.stream.get_mut().write_all(request.as_bytes()).context("cannot send the request")?;
        let status = self.line()?;
        let status: u16 = status
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .with_context(|| format!("`{status}` is no status line"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: String::new() };
        answer.body = String::from_utf8(self.body(&answer)?).context("the answer is not UTF-8")?;
        Ok(answer)
    }

    fn body(&mut self, answer: &Answer) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = self.line()?;
                let size = u64::from_str_radix(&size, 16)
                    .with_context(|| format!("`{size}` is no chunk size"))?;
                self.stream.by_ref().take(size).read_to_end(&mut body)?;
                self.line()?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        if let Some(length) = answer.header("content-length") {
            self.stream.by_ref().take(length.parse()?).read_to_end(&mut body)?;
        } else if ![202, 204].contains(&answer.status) {
            self.stream.read_to_end(&mut body)?;
        }
        Ok(body)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).context("cannot read the answer")? == 0 {
            bail!("{} closed the connection in the middle of an answer", self.host);
        }
        Ok(line.trim_end().to_owned())
    }
}
