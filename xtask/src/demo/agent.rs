//! The demo's agent: it tries to send something to whoever it can, and says how far it got. It takes
//! nobody's word for where it is: confined or not, it does the same.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, Socket, Type};

use super::http::Client;

const PATIENCE: Duration = Duration::from_secs(3);
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"forecast","arguments":{"city":"Delft"}}}"#;
/// Where systemd-resolved listens.
const RESOLVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53)), 53);

/// How a line of the agent's begins.
pub(super) const REACHED: &str = "reached";
pub(super) const REFUSED: &str = "refused";
/// In the line of the way that it should go.
pub(super) const THROUGH: &str = "through penstock";

/// Tries the MCP server, something on UDP and something on IPv6 directly, what needs no address, and
/// penstock last.
pub(crate) fn run(targets: &[&str]) -> Result<()> {
    let address = |at: usize| -> Result<SocketAddr> {
        let text = targets.get(at).context("an address is missing")?;
        text.parse().with_context(|| format!("`{text}` is no address"))
    };
    let (server, udp, v6, gateway) = (address(0)?, address(1)?, address(2)?, address(3)?);
    tell("the MCP server itself, over TCP", call(server, "/mcp"));
    tell("another program, over UDP", sent(udp));
    tell("a name server, by DNS", sent(RESOLVER));
    tell("another program, over IPv6", TcpStream::connect_timeout(&v6, PATIENCE).map(drop));
    let icmp = Some(Protocol::ICMPV4);
    tell(
        "anybody, by raw packets (root's alone)",
        Socket::new(Domain::IPV4, Type::RAW, icmp).map(drop),
    );
    tell("the hypervisor, by vsock", Socket::new(Domain::VSOCK, Type::STREAM, None).map(drop));
    tell(&format!("the MCP server {THROUGH}"), call(gateway, "/mcp/weather"));
    Ok(())
}

fn tell(whom: &str, tried: io::Result<()>) {
    match tried {
        Ok(()) => println!("{REACHED}  {whom}"),
        Err(error) => println!("{REFUSED}  {whom}: {error}"),
    }
}

/// A call of a tool, answered.
fn call(to: SocketAddr, path: &'static str) -> io::Result<()> {
    // For the kernel's own word, which the client wraps into one of its own.
    drop(TcpStream::connect_timeout(&to, PATIENCE)?);
    let answer = Client::connect(to, path).and_then(|mut client| client.post(&[], CALL));
    match answer {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => Err(io::Error::other(format!("status {}: {}", answer.status, answer.body))),
        Err(error) => Err(io::Error::other(format!("{error:#}"))),
    }
}

fn sent(to: SocketAddr) -> io::Result<()> {
    Socket::new(Domain::IPV4, Type::DGRAM, None)?.send_to(b"secret", &to.into()).map(drop)
}
