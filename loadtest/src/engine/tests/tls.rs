//! The same over TLS, with certificates of both sides.

use std::fs;
use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::spawn;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::rig::{plan, read, run};
use crate::engine::run_until;
use crate::plan::{Plan, Tls};

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    /// A certificate of this name, and its key.
    fn certify(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }
}

/// Serves over TLS; with `clients`, only those whom this authority has certified.
fn serve(authority: &Authority, clients: Option<&Authority>) -> SocketAddr {
    let (certificate, key) = authority.certify("mcp.test");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients.issuer.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = Arc::new(builder.with_single_cert(vec![certificate.der().clone()], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    spawn(move || {
        for stream in listener.incoming() {
            let config = Arc::clone(&config);
            spawn(move || {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                let session = ServerConnection::new(config).unwrap();
                let mut stream = BufReader::new(StreamOwned::new(session, stream));
                while let Some(request) = read(&mut stream) {
                    // Large ones go in many records.
                    let text = "x".repeat(if request.number % 2 == 0 { 100_000 } else { 100 });
                    let result = serde_json::json!({"content": [{"type": "text", "text": text}]});
                    if stream.get_mut().write_all(&request.answer(&result)).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn secure(address: SocketAddr, name: &str, ca: &Path) -> Plan {
    let mut plan = plan(address);
    plan.target.url = format!("https://{name}:{}/mcp", address.port());
    plan.target.tls =
        Some(Tls { server_name: name.to_owned(), ca: Some(ca.to_owned()), identity: None });
    plan
}

#[test]
fn calls_go_over_tls_to_whom_the_certificate_names() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, other) = (Authority::new("ours"), Authority::new("theirs"));
    let (ca, other_ca) = (dir.path().join("ca.pem"), dir.path().join("other.pem"));
    fs::write(&ca, ours.issuer.pem()).unwrap();
    fs::write(&other_ca, other.issuer.pem()).unwrap();
    let address = serve(&ours, None);
    let report = run(&secure(address, "mcp.test", &ca));
    assert_eq!((report.total.calls, report.total.succeeded), (200, 200), "{:?}", report.errors);
    // In plain text, as without TLS.
    assert!(report.total.bytes_received > 200 * 100_000);

    let refused =
        |plan: &Plan| format!("{:#}", run_until(plan, || false, |_| {}).expect_err("refused"));
    let untrusted = refused(&secure(address, "mcp.test", &other_ca));
    assert!(untrusted.contains("UnknownIssuer") && untrusted.contains("--ca FILE"), "{untrusted}");
    let misnamed = refused(&secure(address, "other.test", &ca));
    assert!(misnamed.contains("other.test") && misnamed.contains("mcp.test"), "{misnamed}");
    assert!(misnamed.contains("--connect"), "{misnamed}");
    let bare = refused(&plan(address));
    assert!(bare.contains("use https://"), "{bare}");
    let missing = refused(&secure(address, "mcp.test", &dir.path().join("none.pem")));
    assert!(missing.contains("none.pem"), "{missing}");
    let plain = super::rig::serve_bytes(super::rig::Request::good);
    let no_tls = refused(&secure(plain, "mcp.test", &ca));
    assert!(no_tls.contains("TLS"), "{no_tls}");
}

#[test]
fn a_certificate_of_our_own_is_shown_to_whoever_asks() {
    let dir = tempfile::tempdir().unwrap();
    let (servers, clients) = (Authority::new("ours"), Authority::new("theirs"));
    let file = |name: &str, text: String| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let ca = file("ca.pem", servers.issuer.pem());
    let (certificate, key) = clients.certify("agent.test");
    let identity = (file("agent.pem", certificate.pem()), file("agent.key", key.serialize_pem()));
    let address = serve(&servers, Some(&clients));
    let mut plan = secure(address, "mcp.test", &ca);
    if let Some(tls) = &mut plan.target.tls {
        tls.identity = Some(identity);
    }
    assert_eq!(run(&plan).total.succeeded, 200);
    let without = run_until(&secure(address, "mcp.test", &ca), || false, |_| {});
    let without = format!("{:#}", without.expect_err("it wants a certificate"));
    assert!(without.contains("--cert and --key"), "{without}");
}
