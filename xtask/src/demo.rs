//! `demo`: a server, penstock in front of it, a session through both, and what it looked like.

mod http;
mod mock;

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::build::{Profile, build};
use crate::paths::Paths;
use crate::setup;
use crate::steps::Steps;
use crate::suites::{Gateway, scratch};

/// What happens when everything has been shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Everything ends.
    End,
    /// Server and penstock go on until Ctrl-C.
    Stay,
}

/// Timed calls each way; enough for a steady median, done in a blink.
const CALLS: usize = 500;

const SERVER: &str = "
upstreams:
  weather: {url: \"http://UPSTREAM/mcp\"}
servers:
  weather: {upstream: weather}
";

pub(crate) fn demo(paths: &Paths, after: After) -> Result<()> {
    let mut steps = Steps::new();
    steps.step("setup", setup::for_build)?;
    // The release build, so that the times are those that penstock has in use.
    steps.step("build", || build(paths, Profile::Release))?;
    let dir = scratch(paths, "demo")?;
    let upstream = mock::start()?;
    let config = SERVER.replace("UPSTREAM", &upstream.to_string());
    let mut gateway = Gateway::start(paths, Profile::Release, &dir, &config)?;
    println!("\nConfiguration, {}:\n", dir.join("penstock.yaml").display());
    for line in fs::read_to_string(dir.join("penstock.yaml"))?.lines() {
        println!("    {line}");
    }

    legacy_session(gateway.address)?;
    modern_calls(gateway.address)?;
    refusals(gateway.address)?;
    added_time(gateway.address, upstream)?;
    metrics(gateway.admin)?;

    if after == After::Stay {
        println!("\nRunning until Ctrl-C. Point a client at it:\n");
        println!(
            "    claude mcp add --transport http weather http://{}/mcp/weather",
            gateway.address
        );
        println!("    curl http://{}/metrics", gateway.admin);
        return gateway.wait();
    }
    gateway.stop()?;
    println!("\nEnded cleanly. `cargo xtask demo --stay` leaves it running.");
    Ok(())
}

/// Revision 2025-11-25: a session, and a call whose progress arrives as a stream.
fn legacy_session(address: SocketAddr) -> Result<()> {
    title("A session of revision 2025-11-25");
    let mut client = http::Client::connect(address, "/mcp/weather")?;
    let answer = client.show(
        &[],
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"demo","version":"1"}}}"#,
    )?;
    let session = answer.header("mcp-session-id").context("the server gave no session id")?;
    let headers = [("Mcp-Session-Id", session), ("MCP-Protocol-Version", "2025-11-25")];
    client.show(&headers, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)?;
    client.show(&headers, r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#)?;
    let answer = client.show(
        &headers,
        r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"forecast","arguments":{"city":"Utrecht"},"_meta":{"progressToken":"p"}}}"#,
    )?;
    ensure!(answer.status == 200, "the call was answered {}", answer.status);
    Ok(())
}

/// Revision 2026-07-28: no session; what a call is about stands in its headers too.
fn modern_calls(address: SocketAddr) -> Result<()> {
    title("Calls of revision 2026-07-28");
    let mut client = http::Client::connect(address, "/mcp/weather")?;
    let version = ("MCP-Protocol-Version", "2026-07-28");
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
    client.show(
        &[version, ("Mcp-Method", "server/discover")],
        &format!(r#"{{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{{{meta}}}}}"#),
    )?;
    let answer = client.show(
        &[version, ("Mcp-Method", "tools/call"), ("Mcp-Name", "forecast")],
        &format!(
            r#"{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{{"name":"forecast","arguments":{{"city":"Delft"}},{meta}}}}}"#
        ),
    )?;
    ensure!(answer.status == 200, "the call was answered {}", answer.status);
    Ok(())
}

/// What penstock answers itself.
fn refusals(address: SocketAddr) -> Result<()> {
    title("What does not reach the server");
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let mut client = http::Client::connect(address, "/mcp/weather")?;
    let answer = client.show(&[("Origin", "https://evil.example")], body)?;
    ensure!(answer.status == 403, "a foreign Origin was answered {}", answer.status);
    let mut client = http::Client::connect(address, "/mcp/weather")?;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"forecast","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let headers = [
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "harmless"),
    ];
    let answer = client.show(&headers, body)?;
    ensure!(answer.status == 400, "a header that lies was answered {}", answer.status);
    Ok(())
}

fn added_time(gateway: SocketAddr, upstream: SocketAddr) -> Result<()> {
    title("What penstock adds to a call");
    // One after the other in turns, so that whatever else the machine does touches both alike.
    let mut direct = http::Client::connect(upstream, "/mcp")?;
    let mut through = http::Client::connect(gateway, "/mcp/weather")?;
    let (mut direct_times, mut through_times) = (Vec::new(), Vec::new());
    for _ in 0..CALLS {
        direct_times.push(timed(&mut direct)?);
        through_times.push(timed(&mut through)?);
    }
    let (direct, through) = (median(direct_times), median(through_times));
    println!(
        "  median of {CALLS} calls: {} µs directly, {} µs through penstock: {} µs more",
        direct.as_micros(),
        through.as_micros(),
        through.saturating_sub(direct).as_micros()
    );
    Ok(())
}

fn timed(client: &mut http::Client) -> Result<Duration> {
    let body = r#"{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"forecast","arguments":{"city":"Delft"}}}"#;
    let started = Instant::now();
    let answer = client.post(&[("MCP-Protocol-Version", "2025-11-25")], body)?;
    ensure!(answer.status == 200, "a call was answered {}: {}", answer.status, answer.body);
    Ok(started.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn metrics(admin: SocketAddr) -> Result<()> {
    title("What the metrics say");
    let answer = http::Client::connect(admin, "/metrics")?.get()?;
    ensure!(answer.status == 200, "/metrics was answered {}", answer.status);
    let samples = answer.body.lines().filter(|line| !line.starts_with('#'));
    let counted = samples.filter(|line| !line.ends_with(" 0") && !line.contains("_bucket{"));
    for line in counted.take(16) {
        println!("  {line}");
    }
    Ok(())
}

fn title(text: &str) {
    println!("\n── {text}");
}
