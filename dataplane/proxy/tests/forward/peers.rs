//! Clients and servers that do what a test tells them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::rig::{PATIENCE, Rig};

/// Runs `serve` on a thread for each connection.
pub(crate) fn server(serve: impl Fn(TcpStream) + Send + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            std::thread::spawn(move || {
                let _ = stream.set_read_timeout(Some(PATIENCE));
                serve(stream);
            });
        }
    });
    address
}

/// Sends back what comes, and ends when the peer does.
pub(crate) fn echo() -> SocketAddr {
    server(|mut stream| {
        let mut reader = stream.try_clone().expect("a descriptor");
        let _ = std::io::copy(&mut reader, &mut stream);
    })
}

pub(crate) fn connect(rig: &Rig) -> TcpStream {
    let stream = TcpStream::connect(rig.address()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// Reads an answer: its head, and a body of the length that it says.
pub(crate) fn answer(stream: &mut impl Read) -> (u16, String) {
    let (head, body) = whole_answer(stream);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no status in {head:?}")), body)
}

/// Reads to the end of a head; `None` where none came.
pub(crate) fn head(stream: &mut impl Read) -> Option<String> {
    let (mut seen, mut byte) = (Vec::new(), [0]);
    while !seen.ends_with(b"\r\n\r\n") {
        // Unlike `read`, this goes on after an interruption.
        stream.read_exact(&mut byte).ok()?;
        seen.push(byte[0]);
    }
    Some(String::from_utf8(seen).expect("text"))
}

pub(crate) fn whole_answer(stream: &mut impl Read) -> (String, String) {
    let head = head(stream).expect("a head");
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a length"))];
    stream.read_exact(&mut body).expect("the body");
    (head, String::from_utf8(body).expect("text"))
}

/// The answer to one head.
pub(crate) fn ask(rig: &Rig, head: &str) -> (u16, String) {
    let mut stream = connect(rig);
    stream.write_all(head.as_bytes()).expect("it is sent");
    answer(&mut stream)
}

/// The answer to `CONNECT`, and the connection behind it.
pub(crate) fn tunnel(rig: &Rig, to: &str) -> (u16, String, TcpStream) {
    let mut stream = connect(rig);
    let head = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it is sent");
    let (status, body) = answer(&mut stream);
    (status, body, stream)
}

/// A tunnel that must be.
pub(crate) fn opened(rig: &Rig, to: &str) -> TcpStream {
    let (status, body, stream) = tunnel(rig, to);
    assert_eq!(status, 200, "{body}");
    stream
}

/// Whether `stream` carries bytes both ways.
pub(crate) fn echoes(stream: &mut TcpStream, text: &[u8]) -> bool {
    let mut back = vec![0; text.len()];
    stream.write_all(text).is_ok() && stream.read_exact(&mut back).is_ok() && back == text
}

/// Reads to the end; what came before it.
pub(crate) fn rest(stream: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end, too.
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

/// A TLS server that sends back what comes, and the root of its certificate.
pub(crate) fn tls_echo(names: &[&str]) -> (SocketAddr, RootCertStore) {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into());
    let config = Arc::new(config.expect("a server"));
    let address = server(move |stream| {
        let session = ServerConnection::new(Arc::clone(&config)).expect("a session");
        let mut tls = rustls::StreamOwned::new(session, stream);
        let mut byte = [0];
        while tls.read_exact(&mut byte).is_ok() && tls.write_all(&byte).is_ok() {}
    });
    (address, roots)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A TLS client that asks for `name`.
pub(crate) fn tls_client(name: &str, roots: RootCertStore) -> ClientConnection {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    ClientConnection::new(Arc::new(config), name).expect("a client")
}

/// The `ClientHello` that asks for `name`.
pub(crate) fn hello(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    tls_client(name, RootCertStore::empty()).write_tls(&mut out).expect("a hello");
    out
}
