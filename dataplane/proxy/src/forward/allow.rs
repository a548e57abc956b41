//! An agent's rules.

use std::net::SocketAddr;

use penstock_config::{ForwardRule, HostPattern};

use super::destination::{Destination, Host};

/// Whether a rule names the destination.
pub(super) fn destination(rules: &[ForwardRule], to: &Destination) -> bool {
    rules.iter().any(|rule| {
        rule.port == to.port
            && match (&rule.host, &to.host) {
                (HostPattern::Name(name), Host::Name(asked)) => name == asked,
                (HostPattern::Below(name), Host::Name(asked)) => {
                    asked.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'))
                }
                (HostPattern::Address(address), Host::Address(asked)) => address == asked,
                (HostPattern::Address(_), Host::Name(_)) | (_, Host::Address(_)) => false,
            }
    })
}

/// Whether a rule names this very address, so that it may be one that no name leads to otherwise.
pub(super) fn address(rules: &[ForwardRule], to: SocketAddr) -> bool {
    let to = Destination { host: Host::Address(to.ip()), port: to.port() };
    destination(rules, &to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(host: &str, port: u16) -> Destination {
        let host = match host.parse() {
            Ok(address) => Host::Address(address),
            Err(_) => Host::Name(host.into()),
        };
        Destination { host, port }
    }

    #[test]
    fn a_rule_is_for_a_host_and_a_port() {
        let rules = [
            ForwardRule { host: HostPattern::Name("pypi.org".into()), port: 443 },
            ForwardRule { host: HostPattern::Below("pythonhosted.org".into()), port: 443 },
            ForwardRule { host: HostPattern::Address([10, 0, 0, 7].into()), port: 8080 },
        ];
        for allowed in [
            to("pypi.org", 443),
            to("files.pythonhosted.org", 443),
            to("a.b.pythonhosted.org", 443),
            to("10.0.0.7", 8080),
        ] {
            assert!(destination(&rules, &allowed), "{allowed}");
        }
        for denied in [
            to("pypi.org", 80),
            to("www.pypi.org", 443),
            to("pythonhosted.org", 443),
            to("evilpythonhosted.org", 443),
            to("pypi.org.evil.example", 443),
            to("10.0.0.7", 443),
            to("10.0.0.8", 8080),
        ] {
            assert!(!destination(&rules, &denied), "{denied}");
        }
        assert!(address(&rules, SocketAddr::from(([10, 0, 0, 7], 8080))));
        assert!(!address(&rules, SocketAddr::from(([10, 0, 0, 7], 443))));
    }
}
