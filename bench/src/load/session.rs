//! What happens on a connection before it is measured: a session is opened where the era has them,
//! and a first call is made, so that what is set up on first use is not in what is measured.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use penstock_http1::ResponseHead;

use super::answer::{Whole, whole};
use crate::call::{Call, Era, initialize, initialized, tools_call};

/// Gateways connect to their servers on the first call.
const PATIENCE: Duration = Duration::from_secs(20);
const READ_BYTES: usize = 64 << 10;

/// The bytes of the call, to be sent on this connection again and again.
pub(super) fn prepare(
    stream: &mut TcpStream,
    address: SocketAddr,
    call: &Call<'_>,
) -> Result<Vec<u8>> {
    let session = match call.era {
        Era::Legacy => open(stream, address, call.path).context("no session could be opened")?,
        Era::Modern => None,
    };
    let request = tools_call(address, call, session.as_deref());
    exchange(stream, &request).context("the first call is not answered")?;
    Ok(request)
}

/// The session's id. A server may do without.
fn open(stream: &mut TcpStream, address: SocketAddr, path: &str) -> Result<Option<String>> {
    let (answer, head, bytes) = exchange(stream, &initialize(address, path))?;
    ensure!(
        answer.status == 200,
        "`initialize` is answered {}: {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    let session = head.value(&bytes, "mcp-session-id").map(String::from_utf8_lossy);
    let session = session.map(std::borrow::Cow::into_owned);
    let said = initialized(address, path, session.as_deref());
    let (answer, ..) = exchange(stream, &said)?;
    ensure!(
        (200..300).contains(&answer.status),
        "`notifications/initialized` is answered {}",
        answer.status
    );
    Ok(session)
}

/// The answer that the server at this address itself gives to a request.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> Result<Whole> {
    let mut stream =
        TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    Ok(exchange(&mut stream, request)?.0)
}

fn exchange(stream: &mut TcpStream, request: &[u8]) -> Result<(Whole, ResponseHead, Vec<u8>)> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let (mut bytes, mut piece) = (Vec::new(), vec![0; READ_BYTES]);
    let mut head = ResponseHead::new();
    loop {
        let read = stream.read(&mut piece).with_context(|| format!("nothing for {PATIENCE:?}"))?;
        ensure!(read > 0, "the connection was closed");
        bytes.extend_from_slice(piece.get(..read).unwrap_or_default());
        head.reset();
        if let Some(answer) = whole(&mut head, &bytes)? {
            return Ok((answer, head, bytes));
        }
    }
}
