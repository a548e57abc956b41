//! Connections to HTTP/1.1 servers: SSE upstreams, and penstock's own shards.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use penstock_config::{Endpoint, HostHeader, HttpTarget, UpstreamTls};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::resolve::Names;

/// Why a server cannot be reached or understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("{0}")]
    Resolve(String),
    #[error("cannot connect to {to}: {error}")]
    Connect { to: String, error: std::io::Error },
    #[error("no connection to {to} within {within:?}")]
    Slow { to: String, within: Duration },
    #[error("TLS with {to}: {error}")]
    Handshake { to: String, error: std::io::Error },
    #[error("{file}: {error}; check the upstream's `tls`")]
    File { file: String, error: String },
    #[error("HTTP with {to}: {error}")]
    Http { to: String, error: hyper::Error },
}

/// How one server is reached.
pub(crate) struct Dialer {
    target: HttpTarget,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    connect_timeout: Duration,
    names: Arc<Names>,
}

impl Dialer {
    /// Reads the certificates that the target's TLS names.
    pub(crate) fn new(
        target: HttpTarget,
        connect_timeout: Duration,
        names: Arc<Names>,
    ) -> Result<Self, DialError> {
        let tls = target.tls.as_ref().map(tls).transpose()?;
        Ok(Self { target, tls, connect_timeout, names })
    }

    pub(crate) fn target(&self) -> &HttpTarget {
        &self.target
    }

    /// What the server sees as `Host`. A caller's own is not known behind the shards.
    pub(crate) fn host(&self) -> Option<HeaderValue> {
        let host = match &self.target.host {
            HostHeader::Literal(host) => host,
            HostHeader::Upstream | HostHeader::Preserve => &self.target.authority,
        };
        HeaderValue::from_str(host).ok()
    }

    pub(crate) async fn connect(&self) -> Result<SendRequest<Body>, DialError> {
        let within = self.connect_timeout;
        match timeout(within, self.connect_in_time()).await {
            Ok(connection) => connection,
            Err(_) => Err(DialError::Slow { to: self.target.authority.clone(), within }),
        }
    }

    async fn connect_in_time(&self) -> Result<SendRequest<Body>, DialError> {
        let to = || self.target.authority.clone();
        let addresses = match &self.target.endpoint {
            Endpoint::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(|error| {
                    DialError::Connect { to: path.display().to_string(), error }
                })?;
                return self.speak(stream).await;
            }
            Endpoint::Address(address) => vec![*address],
            Endpoint::Name(host, port) => {
                self.names.addresses(host, *port).await.map_err(DialError::Resolve)?
            }
        };
        let stream = self.connect_any(&addresses).await?;
        // Messages are small and each is waited for.
        let _ = stream.set_nodelay(true);
        match &self.tls {
            None => self.speak(stream).await,
            Some((connector, name)) => {
                let stream = connector
                    .connect(name.clone(), stream)
                    .await
                    .map_err(|error| DialError::Handshake { to: to(), error })?;
                self.speak(stream).await
            }
        }
    }

    /// One address after another, none given more than its share of the time.
    async fn connect_any(&self, addresses: &[SocketAddr]) -> Result<TcpStream, DialError> {
        let share = self.connect_timeout / u32::try_from(addresses.len().max(1)).unwrap_or(1);
        let mut failure = DialError::Resolve(format!("{} has no address", self.target.authority));
        for address in addresses {
            let to = address.to_string();
            failure = match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => DialError::Connect { to, error },
                Err(_) => DialError::Slow { to, within: share },
            };
        }
        Err(failure)
    }

    async fn speak<S>(&self, stream: S) -> Result<SendRequest<Body>, DialError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| DialError::Http { to: self.target.authority.clone(), error })?;
        tokio::spawn(async move {
            // Whoever waits for an answer on it learns of its failure.
            let _ = connection.await;
        });
        Ok(sender)
    }

    /// Sends a request on a connection of its own; `Host` is set here.
    pub(crate) async fn send(
        &self,
        connection: &mut SendRequest<Body>,
        mut request: Request<Body>,
    ) -> Result<Response<Incoming>, DialError> {
        if let Some(host) = self.host() {
            request.headers_mut().insert(header::HOST, host);
        }
        let failed = |error| DialError::Http { to: self.target.authority.clone(), error };
        connection.ready().await.map_err(failed)?;
        connection.send_request(request).await.map_err(failed)
    }
}

fn tls(tls: &UpstreamTls) -> Result<(TlsConnector, ServerName<'static>), DialError> {
    let bad = |file: &std::path::Path, error: String| DialError::File {
        file: file.display().to_string(),
        error,
    };
    let mut roots = RootCertStore::empty();
    // A system without roots of its own may still have the configured one.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = &tls.ca {
        for certificate in certificates(file).map_err(|error| bad(file, error))? {
            roots.add(certificate).map_err(|error| bad(file, error.to_string()))?;
        }
    }
    let builder =
        ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|error| DialError::File {
                file: tls.server_name.clone(),
                error: error.to_string(),
            })?
            .with_root_certificates(roots);
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some((chain, key_file)) => {
            let key = PrivateKeyDer::from_pem_file(key_file)
                .map_err(|error| bad(key_file, error.to_string()))?;
            let chain_read = certificates(chain).map_err(|error| bad(chain, error))?;
            builder
                .with_client_auth_cert(chain_read, key)
                .map_err(|error| bad(chain, error.to_string()))?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(tls.server_name.clone()).map_err(|error| DialError::File {
        file: tls.server_name.clone(),
        error: error.to_string(),
    })?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

fn certificates(file: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let all = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| error.to_string())?;
    if all.is_empty() { Err("holds no PEM certificate".into()) } else { Ok(all) }
}
