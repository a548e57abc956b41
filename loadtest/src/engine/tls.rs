//! TLS settings of the connections to the target.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::exit::Ending;
use crate::plan::Tls;

/// Whom to speak TLS with, and how.
#[derive(Clone)]
pub(super) struct Secure {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
}

/// An error is of a file that the command line, or the scenario, names.
pub(super) fn secure(tls: &Tls) -> Result<Secure> {
    settings(tls).context(Ending::usage("TLS cannot be set up"))
}

fn settings(tls: &Tls) -> Result<Secure> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &tls.ca {
        for certificate in certificates(path)? {
            roots
                .add(certificate)
                .with_context(|| format!("{} holds what is no root", path.display()))?;
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        ensure!(
            !roots.is_empty(),
            "this system has no root certificates to verify {} by; name a file of them with --ca",
            tls.server_name
        );
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("no version of TLS")?
        .with_root_certificates(roots);
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let private = PrivateKeyDer::from_pem_file(key)
                .with_context(|| format!("{} holds no private key in PEM", key.display()))?;
            builder.with_client_auth_cert(certificates(certificate)?, private).with_context(
                || format!("{} and {} do not fit", certificate.display(), key.display()),
            )?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(tls.server_name.clone())
        .with_context(|| format!("`{}` is no name that a certificate has", tls.server_name))?;
    Ok(Secure { config: Arc::new(config), name })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain =
        read.with_context(|| format!("certificates in {} cannot be read", path.display()))?;
    ensure!(!chain.is_empty(), "{} holds no certificate in PEM", path.display());
    Ok(chain)
}
