//! Where calls go: a URL, taken apart and resolved.

use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use http::Uri;

use super::settings::TlsFiles;
use super::words::Addresses;
use super::{Target, Tls};
use crate::exit::Ending;

/// How long one address of several may take to accept before it counts as dead.
const PROBE: Duration = Duration::from_secs(1);

/// A target, and what is to be said of it.
pub(super) fn target(
    url: &str,
    connect: Option<Addresses>,
    tls: TlsFiles,
    notes: &mut Vec<String>,
) -> Result<Target> {
    let parts = Parts::read(url)?;
    let addresses = match connect {
        Some(Addresses(addresses)) => addresses,
        None => parts.resolve(notes)?,
    };
    let TlsFiles { ca, cert, key } = tls;
    let identity = match (cert, key) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        (Some(_), None) => bail!("--cert needs the certificate's --key"),
        (None, Some(_)) => bail!("--key needs the --cert that it belongs to"),
    };
    let tls = if parts.https {
        Some(Tls { server_name: parts.host.clone(), ca, identity })
    } else {
        ensure!(
            ca.is_none() && identity.is_none(),
            "--ca, --cert and --key mean something with an https URL only; this one is {url}"
        );
        None
    };
    Ok(Target { url: url.to_owned(), authority: parts.authority, path: parts.path, addresses, tls })
}

/// A URL, taken apart.
#[derive(Debug, PartialEq, Eq)]
struct Parts {
    https: bool,
    /// `host[:port]` as it was written.
    authority: String,
    /// Without brackets.
    host: String,
    port: u16,
    /// And query.
    path: String,
}

impl Parts {
    fn read(url: &str) -> Result<Self> {
        let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        let https = match scheme.as_deref() {
            Some("http") => false,
            Some("https") => true,
            Some(other) => {
                bail!("the URL's scheme is {other}: write http:// or https://")
            }
            None if !url.is_empty() && url.bytes().all(|byte| byte.is_ascii_digit()) => bail!(
                "`{url}` is no URL; if it is a process, --pid takes one: write $(pidof -s penstock)"
            ),
            None => bail!("the URL `{url}` has no scheme: begin it with http:// or https://"),
        };
        // What may hold a password is not shown.
        let (_, rest) = url.split_once("://").unwrap_or_default();
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        ensure!(
            !authority.contains('@'),
            "the URL holds a user name or a password: remove what stands before the `@`, and use \
             --token-file or --header"
        );
        ensure!(
            !url.contains('#'),
            "the URL `{url}` has a fragment, which is never sent: remove the `#` and what follows"
        );
        let wrong = || format!("`{url}` is no URL: write one as http://127.0.0.1:8808/mcp/files");
        ensure!(url.is_ascii(), wrong());
        let uri: Uri = url.parse().with_context(wrong)?;
        let digits = |port: &str| port.parse().ok().filter(|_| !port.starts_with('+'));
        let host = uri.host().filter(|host| !host.is_empty()).with_context(wrong)?;
        let port = match authority.strip_prefix(host).with_context(wrong)? {
            "" => {
                if https {
                    443
                } else {
                    80
                }
            }
            port => port.strip_prefix(':').and_then(digits).unwrap_or(0),
        };
        ensure!(port != 0, "the URL `{url}` has no port from 1 to 65535 after its host");
        let host = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self {
            https,
            authority: authority.to_owned(),
            host: host.to_owned(),
            port,
            path: format!("{slash}{path}"),
        })
    }

    /// The addresses of the host. Of several, those that accept connections: `localhost` has one
    /// of each family, and few servers listen on both.
    fn resolve(&self, notes: &mut Vec<String>) -> Result<Vec<SocketAddr>> {
        let Self { host, port, .. } = self;
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, *port)]);
        }
        let found = (host.as_str(), *port).to_socket_addrs();
        // The URL is one; that it leads nowhere is as if nothing answered there.
        let unknown = || Ending::failed(format!("cannot resolve the host `{host}`"));
        let found = found.with_context(unknown)?;
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in found {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        ensure!(!addresses.is_empty(), "the host `{host}` has no address");
        if addresses.len() == 1 {
            return Ok(addresses);
        }
        let accepts = |address: &SocketAddr| TcpStream::connect_timeout(address, PROBE).is_ok();
        let (alive, dead): (Vec<_>, Vec<_>) = addresses.iter().copied().partition(accepts);
        if alive.is_empty() {
            return Ok(addresses);
        }
        for address in dead {
            notes.push(format!("{host} is also {address}, where nothing accepts: left out"));
        }
        Ok(alive)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (url, https, authority, host, port, path) in [
            ("http://mcp.example/mcp", false, "mcp.example", "mcp.example", 80, "/mcp"),
            (
                "HTTPS://MCP.example:8443/a/mcp?x=1",
                true,
                "MCP.example:8443",
                "MCP.example",
                8443,
                "/a/mcp?x=1",
            ),
            ("https://mcp.example", true, "mcp.example", "mcp.example", 443, "/"),
            ("http://[::1]:3000/mcp", false, "[::1]:3000", "::1", 3000, "/mcp"),
            ("http://[2001:db8::7]", false, "[2001:db8::7]", "2001:db8::7", 80, "/"),
            ("http://127.0.0.1:8808?q", false, "127.0.0.1:8808", "127.0.0.1", 8808, "/?q"),
        ] {
            let (authority, host, path) = (authority.to_owned(), host.to_owned(), path.to_owned());
            let parts = Parts { https, authority, host, port, path };
            assert_eq!(Parts::read(url).unwrap(), parts, "{url}");
        }
    }

    #[test]
    fn what_is_no_url_says_why() {
        let no_url =
            |url: &str| format!("`{url}` is no URL: write one as http://127.0.0.1:8808/mcp/files");
        let no_port =
            |url: &str| format!("the URL `{url}` has no port from 1 to 65535 after its host");
        for (url, said) in [
            (
                "127.0.0.1:80/mcp",
                "the URL `127.0.0.1:80/mcp` has no scheme: begin it with http:// or https://"
                    .to_owned(),
            ),
            ("ftp://a/", "the URL's scheme is ftp: write http:// or https://".into()),
            (
                "http://user:hunter2@a/mcp",
                "the URL holds a user name or a password: remove what stands before the `@`, and \
                 use --token-file or --header"
                    .into(),
            ),
            (
                "http://a/mcp#x",
                "the URL `http://a/mcp#x` has a fragment, which is never sent: remove the `#` and \
                 what follows"
                    .into(),
            ),
            ("http:///mcp", no_url("http:///mcp")),
            ("http://", no_url("http://")),
            ("http://a b/", no_url("http://a b/")),
            ("http://a/b c", no_url("http://a/b c")),
            ("http://a/é", no_url("http://a/é")),
            ("http://[::1/", no_url("http://[::1/")),
            ("http://a:0/", no_port("http://a:0/")),
            ("http://a:/", no_port("http://a:/")),
        ] {
            let error = Parts::read(url).unwrap_err();
            assert_eq!(error.to_string(), said, "{url}");
        }
        for url in ["http://a:99999/", "http://a:+1/", "http://a:x/"] {
            assert!(Parts::read(url).is_err(), "{url}");
        }
    }

    #[test]
    fn tls_follows_from_the_scheme() {
        let files = |ca: Option<&str>, cert: Option<&str>, key: Option<&str>| TlsFiles {
            ca: ca.map(Into::into),
            cert: cert.map(Into::into),
            key: key.map(Into::into),
        };
        let made = |url: &str, tls: TlsFiles| target(url, None, tls, &mut Vec::new());
        let tls = made("https://[::1]/", files(Some("ca"), Some("c"), Some("k"))).unwrap().tls;
        let tls = tls.unwrap();
        assert_eq!(tls.server_name, "::1");
        assert_eq!(tls.identity, Some(("c".into(), "k".into())));
        assert!(made("http://127.0.0.1/", files(None, None, None)).unwrap().tls.is_none());
        for (url, tls, said) in [
            (
                "http://127.0.0.1/",
                files(Some("ca"), None, None),
                "--ca, --cert and --key mean something with an https URL only; this one is \
                 http://127.0.0.1/",
            ),
            (
                "https://127.0.0.1/",
                files(None, Some("c"), None),
                "--cert needs the certificate's --key",
            ),
            (
                "https://127.0.0.1/",
                files(None, None, Some("k")),
                "--key needs the --cert that it belongs to",
            ),
        ] {
            assert_eq!(made(url, tls).unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn of_several_addresses_those_count_that_accept() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut notes = Vec::new();
        let url = format!("http://localhost:{}/mcp", address.port());
        let made = target(&url, None, TlsFiles::default(), &mut notes).unwrap();
        assert_eq!(made.addresses, [address]);
        assert_eq!(made.authority, format!("localhost:{}", address.port()));
        let elsewhere = Addresses(vec!["127.0.0.1:9".parse().unwrap()]);
        let made = target(&url, Some(elsewhere), TlsFiles::default(), &mut notes).unwrap();
        assert_eq!(made.addresses, ["127.0.0.1:9".parse().unwrap()]);
    }
}
