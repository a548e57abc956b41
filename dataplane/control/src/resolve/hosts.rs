//! `/etc/hosts`, which needs no name server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// Addresses that need nobody to be asked: from the hosts file, or of `localhost` and what is under
/// it, which RFC 6761 (section 6.3) makes loopback everywhere.
pub(crate) fn known(file: &Path, host: &str) -> Vec<IpAddr> {
    // Without a hosts file there is nothing in it.
    let text = std::fs::read(file).unwrap_or_default();
    let found = listed(&String::from_utf8_lossy(&text), host);
    if found.is_empty() && is_localhost(host) {
        return vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
    }
    found
}

fn is_localhost(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

fn listed(text: &str, host: &str) -> Vec<IpAddr> {
    let host = host.trim_end_matches('.');
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
        let Some(address) = words.next().and_then(|word| word.parse().ok()) else { continue };
        if words.any(|name| name.eq_ignore_ascii_case(host)) && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_found_whatever_their_case() {
        let text = "# comment\n127.0.0.1 localhost\n10.0.0.7\tMCP.internal mcp # mcp2\nbad mcp\nfd00::7 mcp\n";
        assert_eq!(
            listed(text, "mcp"),
            ["10.0.0.7", "fd00::7"].map(|a| a.parse::<IpAddr>().expect("IP"))
        );
        assert_eq!(listed(text, "mcp.INTERNAL.").len(), 1);
        assert!(listed(text, "mcp2").is_empty());
    }

    #[test]
    fn localhost_is_loopback_without_any_file() {
        assert_eq!(known(Path::new("/nonexistent"), "LocalHost.").len(), 2);
        assert_eq!(known(Path::new("/nonexistent"), "a.localhost").len(), 2);
        assert!(known(Path::new("/nonexistent"), "localhost.example").is_empty());
    }
}
