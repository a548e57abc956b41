//! Whom a connection is known to come from before anything is said on it.

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, GeneralName, ParsedExtension, X509Certificate};

/// Names that a client certificate carries, after TLS has verified it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// URIs of the subject's alternative names, a SPIFFE id among them.
    pub(crate) uris: Vec<String>,
    /// DNS names of the same.
    pub(crate) dns: Vec<String>,
    /// The subject's distinguished name, as RFC 4514 writes it.
    pub(crate) subject: String,
}

impl Identity {
    /// Reads a verified leaf; `None` where it is none that can be read.
    pub(crate) fn of(leaf: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
        let mut identity =
            Self { uris: Vec::new(), dns: Vec::new(), subject: certificate.subject().to_string() };
        for extension in certificate.extensions() {
            let ParsedExtension::SubjectAlternativeName(names) = extension.parsed_extension()
            else {
                continue;
            };
            for name in &names.general_names {
                match name {
                    GeneralName::URI(uri) => identity.uris.push((*uri).to_owned()),
                    GeneralName::DNSName(dns) => identity.dns.push((*dns).to_owned()),
                    _ => {}
                }
            }
        }
        Some(identity)
    }

    /// The most telling name, for a log.
    pub(crate) fn name(&self) -> &str {
        self.uris.first().or(self.dns.first()).unwrap_or(&self.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    fn leaf(names: Vec<SanType>) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "agent-7");
        params.subject_alt_names = names;
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().clone()
    }

    #[test]
    fn the_uri_names_before_the_dns_name_before_the_subject() {
        let uri = SanType::URI("spiffe://example.org/agent/7".try_into().expect("a URI"));
        let dns = SanType::DnsName("agent.example.org".try_into().expect("a name"));
        let both = Identity::of(&leaf(vec![dns.clone(), uri])).expect("it is read");
        assert_eq!(both.name(), "spiffe://example.org/agent/7");
        assert_eq!(both.dns, ["agent.example.org"]);
        assert_eq!(Identity::of(&leaf(vec![dns])).expect("it is read").name(), "agent.example.org");
        assert!(Identity::of(&leaf(vec![])).expect("it is read").name().contains("CN=agent-7"));
    }

    #[test]
    fn what_is_no_certificate_has_no_identity() {
        assert_eq!(Identity::of(&CertificateDer::from(&b"not one"[..])), None);
    }
}
