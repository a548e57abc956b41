//! `Host` and `Origin`: which a listener serves.
//!
//! A page in a browser can make it connect to a local listener under a name of the page's own (DNS
//! rebinding); the two headers tell, and behind the proxy nobody else can check them.

use penstock_config::Hosts;

/// The rules of one listener.
pub(crate) struct HostRules {
    /// `None`: any.
    hosts: Option<Vec<Served>>,
    origins: Vec<String>,
}

/// A host that is served.
struct Served {
    host: Vec<u8>,
    /// Whether it names a port; on any other it is not served then.
    has_port: bool,
}

impl HostRules {
    pub(crate) fn new(hosts: &Hosts, origins: &[String]) -> Self {
        let served = |host: &String| {
            let host = host.as_bytes();
            Served { host: host.to_vec(), has_port: without_port(host).len() < host.len() }
        };
        let hosts = match hosts {
            Hosts::Any => None,
            Hosts::These(names) => Some(names.iter().map(served).collect()),
        };
        Self { hosts, origins: origins.to_vec() }
    }

    /// Whether a `Host` value, `name[:port]`, is served.
    pub(crate) fn host(&self, host: &[u8]) -> bool {
        let Some(hosts) = &self.hosts else { return true };
        let name = without_port(host);
        hosts.iter().any(|served| {
            let asked = if served.has_port { host } else { name };
            served.host.eq_ignore_ascii_case(asked)
        })
    }

    /// Whether an `Origin` value is served: one that is listed, or whose host is served.
    pub(crate) fn origin(&self, origin: &[u8]) -> bool {
        if self.origins.iter().any(|o| o == "*" || o.as_bytes().eq_ignore_ascii_case(origin)) {
            return true;
        }
        // With any host served, an unlisted origin could be anybody's.
        if self.hosts.is_none() {
            return false;
        }
        let host = origin.strip_prefix(b"http://").or_else(|| origin.strip_prefix(b"https://"));
        host.is_some_and(|host| self.host(host))
    }
}

/// A host without its `:port`; brackets of IPv6 literals stay.
fn without_port(host: &[u8]) -> &[u8] {
    match memchr::memrchr(b':', host) {
        Some(colon) if host[colon + 1..].iter().all(u8::is_ascii_digit) => &host[..colon],
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> HostRules {
        let names = ["localhost", "127.0.0.1", "[::1]", "gateway.example:8443"];
        HostRules::new(
            &Hosts::These(names.iter().map(ToString::to_string).collect()),
            &["https://app.example".into()],
        )
    }

    #[test]
    fn hosts_are_served_with_any_port_unless_the_entry_names_one() {
        for host in ["localhost", "LocalHost:80", "127.0.0.1:8808", "[::1]", "[::1]:9"] {
            assert!(local().host(host.as_bytes()), "{host}");
        }
        assert!(local().host(b"gateway.example:8443"));
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "gateway.example",
            "gateway.example:80",
            "localhost:80:evil",
            "[::1].evil",
        ] {
            assert!(!local().host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn origins_are_served_when_listed_or_of_a_served_host() {
        for origin in ["http://localhost:6274", "https://127.0.0.1", "https://app.example"] {
            assert!(local().origin(origin.as_bytes()), "{origin}");
        }
        for origin in [
            "null",
            "http://evil.example",
            "https://app.example:444",
            "http://localhost@evil.example",
            "ftp://localhost",
            "http://localhost/",
        ] {
            assert!(!local().origin(origin.as_bytes()), "{origin}");
        }
        assert!(!HostRules::new(&Hosts::Any, &[]).origin(b"http://localhost"));
        assert!(HostRules::new(&Hosts::Any, &["*".into()]).origin(b"null"));
    }
}
