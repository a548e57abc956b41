//! What to do, where what went wrong is known to mean something.

use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::Said;
use crate::engine::stint::Setting;
use crate::plan::Era;

/// How long a target may take to say a word of TLS.
const HELLO: Duration = Duration::from_secs(2);

/// Of an answer, by what it says.
pub(super) fn on_answer(said: &Said, era: Era) -> String {
    let text = said.answer.as_ref().map(|(text, _)| text);
    let text = text.or(said.first.as_ref().map(|(text, _)| text));
    let body = String::from_utf8_lossy(text.map_or(&[][..], Vec::as_slice));
    let has = |what: &str| body.contains(what);
    match (said.status, era) {
        (400, _) if has("HTTPS server") || has("HTTPS port") => HTTPS.to_owned(),
        (401, _) => {
            let challenge = said.challenge.as_deref().unwrap_or("no WWW-Authenticate");
            format!(
                " ({challenge}): the server wants a token, or another one; give the agents theirs"
            )
        }
        (403, _) => ": the server refuses this agent, or this Host; check its token, and what the \
                     server allows"
            .to_owned(),
        (400, Era::Modern) if has("-32022") || has("ession") || has("ersion") || has("-32020") => {
            "; that is how a server of the older revisions answers: try --era legacy".to_owned()
        }
        (200 | 400, Era::Modern) if has("nitialize") || has("-32022") => {
            "; that is how a server of the older revisions answers: try --era legacy".to_owned()
        }
        (400 | 404 | 200, Era::Legacy)
            if has("-32022") || has("-32601") || has("_meta") || has("-32020") =>
        {
            "; that is how a server of revision 2026-07-28 answers: try --era modern".to_owned()
        }
        (301 | 302 | 303 | 307 | 308, _) => match &said.location {
            Some(to) => format!("; it leads to {to}: redirects are not followed, write that URL"),
            None => "; redirects are not followed, write the URL that it leads to".to_owned(),
        },
        (404 | 405, _) => "; is this the URL of an MCP server's endpoint?".to_owned(),
        (429, _) => "; the server limits the rate already for one call".to_owned(),
        (502..=504, _) => "; a gateway answered, and the server behind it does not".to_owned(),
        _ => String::new(),
    }
}

/// Of an error of the connection.
pub(super) fn on_error(error: &io::Error, setting: &Setting<'_>) -> &'static str {
    let text = error.to_string();
    match error.kind() {
        io::ErrorKind::ConnectionRefused => " (is the server running, and listening there?)",
        io::ErrorKind::TimedOut => " (is the address right, and no firewall between?)",
        io::ErrorKind::InvalidData
            if text.contains("UnknownIssuer") || text.contains("BadSignature") =>
        {
            " (its certificate is of an authority that is not trusted here; name the \
             authority's file with --ca FILE)"
        }
        io::ErrorKind::InvalidData if text.contains("CertificateRequired") => {
            " (it wants a client's certificate; name one with --cert and --key)"
        }
        io::ErrorKind::InvalidData if text.contains("not valid for name") => {
            " (write a URL with a name that the certificate has, and --connect ADDRESS:PORT for where \
             it is)"
        }
        io::ErrorKind::InvalidData if text.contains("InvalidContentType") => {
            " (it does not speak TLS there; is it http:// ?)"
        }
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
            if setting.secure.is_some() =>
        {
            " (it closed during the TLS handshake; does it want a client's certificate, or speak plain HTTP?)"
        }
        _ => "",
    }
}

/// Whether what was asked without TLS speaks it: it answers a greeting of TLS with a record of it.
pub(super) fn speaks_tls(address: SocketAddr) -> bool {
    greeted(address).is_ok_and(|speaks| speaks)
}

pub(super) const HTTPS: &str = "; it speaks TLS there: use https://";

fn greeted(address: SocketAddr) -> io::Result<bool> {
    /// An alert, or of a handshake (RFC 8446, section 5.1).
    const RECORDS: [[u8; 2]; 2] = [[0x15, 0x03], [0x16, 0x03]];
    let mut stream = TcpStream::connect_timeout(&address, HELLO)?;
    stream.set_read_timeout(Some(HELLO))?;
    stream.set_write_timeout(Some(HELLO))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        // Nothing is trusted: the answer is looked at and not taken.
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::IpAddress(address.ip().into());
    let mut session = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    session.write_tls(&mut stream)?;
    let mut start = [0; 2];
    stream.read_exact(&mut start)?;
    Ok(RECORDS.contains(&start))
}
