//! Certificates made for a test, and peers that use them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
};

use crate::common::{Client, Folder, PATIENCE, upstream};

/// A root that certificates are issued from.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

/// A certificate and its key.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) der: CertificateDer<'static>,
    secret: PrivateKeyDer<'static>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let root = params.self_signed(&key).expect("a root");
        let (pem, der) = (root.pem(), root.der().clone());
        Self { issuer: Issuer::new(params, key), pem, der }
    }

    /// A certificate for a host name, for a server or a client.
    pub(crate) fn issue(&self, name: &str) -> Identity {
        self.sign(name, 2100)
    }

    pub(crate) fn issue_expired(&self, name: &str) -> Identity {
        self.sign(name, 2001)
    }

    fn sign(&self, name: &str, until: i32) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let leaf = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity {
            certificate: leaf.pem(),
            key: key.serialize_pem(),
            der: leaf.der().clone(),
            secret: PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
        }
    }

    pub(crate) fn save(&self, folder: &Folder, name: &str) {
        folder.write(name, &self.pem);
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).expect("a root");
        roots.into()
    }
}

impl Identity {
    /// Writes `<name>.pem` and `<name>.key`.
    pub(crate) fn save(&self, folder: &Folder, name: &str) {
        folder.write(&format!("{name}.key"), &self.key);
        folder.write(&format!("{name}.pem"), &self.certificate);
    }
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            der: self.der.clone(),
            secret: self.secret.clone_key(),
        }
    }
}

/// An agent that speaks TLS.
pub(crate) type TlsClient = Client<StreamOwned<ClientConnection, TcpStream>>;

/// An upstream's side of a TLS connection.
pub(crate) type TlsServer = StreamOwned<ServerConnection, TcpStream>;

/// An agent's settings: whom it trusts, who it is, what it offers by ALPN.
pub(crate) fn agent(trusts: &Authority, is: Option<&Identity>, alpn: &[&str]) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("TLS versions")
        .with_root_certificates(trusts.roots());
    let mut config = match is {
        None => builder.with_no_client_auth(),
        Some(identity) => builder
            .with_client_auth_cert(vec![identity.der.clone()], identity.secret.clone_key())
            .expect("a client's certificate"),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

/// A connection to `localhost` whose handshake was completed by this side.
pub(crate) fn connect(address: SocketAddr, config: ClientConfig) -> io::Result<TlsClient> {
    let name = ServerName::try_from("localhost").expect("a name");
    let tls = ClientConnection::new(config.into(), name).map_err(io::Error::other)?;
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut stream = StreamOwned::new(tls, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(Client::over(stream))
}

/// Asks once; an error where the connection or its handshake is refused.
pub(crate) fn ask(
    address: SocketAddr,
    config: ClientConfig,
    request: &[u8],
) -> io::Result<(u16, String)> {
    let mut client = connect(address, config)?;
    client.stream.write_all(request)?;
    match client.answer() {
        Some(answer) => Ok(answer),
        // Reading again says why.
        None => client.stream.read(&mut [0]).and(Err(io::ErrorKind::UnexpectedEof.into())),
    }
}

/// An upstream's settings; with `demands`, a client needs a certificate of that authority.
pub(crate) fn server(is: &Identity, demands: Option<&Authority>) -> Arc<ServerConfig> {
    let provider = || Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("TLS versions");
    let builder = match demands {
        None => builder.with_no_client_auth(),
        Some(authority) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(authority.roots(), provider())
                .build()
                .expect("a verifier"),
        ),
    };
    let mut config = builder
        .with_single_cert(vec![is.der.clone()], is.secret.clone_key())
        .expect("a server's certificate");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.into()
}

/// An upstream that speaks TLS; connections whose handshake fails never reach `serve`.
pub(crate) fn tls_upstream(
    config: &Arc<ServerConfig>,
    serve: impl Fn(TlsServer) + Send + Clone + 'static,
) -> SocketAddr {
    let config = Arc::clone(config);
    upstream(move |socket| {
        let tls = ServerConnection::new(Arc::clone(&config)).expect("a server's side");
        let mut stream = StreamOwned::new(tls, socket);
        while stream.conn.is_handshaking() {
            if stream.conn.complete_io(&mut stream.sock).is_err() {
                return;
            }
        }
        serve(stream);
    })
}

/// Ends a TLS connection as a crash does (without `close_notify`), or properly.
pub(crate) fn close(mut stream: TlsServer, properly: bool) {
    if properly {
        stream.conn.send_close_notify();
    }
    let _ = stream.flush();
    let _ = stream.sock.shutdown(std::net::Shutdown::Write);
    let _ = stream.sock.read(&mut [0; 64]);
}
