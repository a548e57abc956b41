//! TLS settings from PEM files.

use std::path::Path;
use std::sync::Arc;

use penstock_config::{ListenerTls, UpstreamTls};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::world::WorldError;

fn bad(path: &Path, what: &str, error: impl std::fmt::Display) -> WorldError {
    WorldError::Tls { path: path.to_owned(), what: format!("{what}: {error}") }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, WorldError> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| bad(path, "certificates cannot be read", error))?;
    if chain.is_empty() {
        return Err(bad(path, "certificates cannot be read", "the file holds none in PEM"));
    }
    Ok(chain)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, WorldError> {
    PrivateKeyDer::from_pem_file(path)
        .map_err(|error| bad(path, "the private key cannot be read", error))
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A listener's side.
pub(crate) fn server_config(tls: &ListenerTls) -> Result<Arc<ServerConfig>, WorldError> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(&tls.certificate, "TLS cannot be set up", error))?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| bad(path, "not a root", error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider());
            let verifier =
                if tls.client_required { verifier } else { verifier.allow_unauthenticated() };
            let verifier =
                verifier.build().map_err(|error| bad(path, "clients cannot be verified", error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(certificates(&tls.certificate)?, key(&tls.key)?)
        .map_err(|error| bad(&tls.certificate, "certificate and key do not fit", error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// An upstream's side: the system's roots and those configured.
pub(crate) fn client_config(tls: &UpstreamTls) -> Result<Arc<ClientConfig>, WorldError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for certificate in system.certs {
        // A root that webpki cannot use helps nobody; the others still do.
        let _ = roots.add(certificate);
    }
    if let Some(path) = &tls.ca {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| bad(path, "not a root", error))?;
        }
    }
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(Path::new("upstream"), "TLS cannot be set up", error))?
        .with_root_certificates(roots);
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, private)) => builder
            .with_client_auth_cert(certificates(certificate)?, key(private)?)
            .map_err(|error| bad(certificate, "certificate and key do not fit", error))?,
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
