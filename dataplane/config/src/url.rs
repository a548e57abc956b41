//! The part of RFC 3986 that an upstream's URL needs: `http(s)://host[:port][/path][?query]`.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// An upstream's URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) https: bool,
    pub(crate) host: Host,
    /// The port, the scheme's own where none is written.
    pub(crate) port: u16,
    /// `host[:port]` as written.
    pub(crate) authority: String,
    /// Path and query, beginning with `/`.
    pub(crate) path: String,
}

/// The host of an authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    Address(IpAddr),
    /// In lower case.
    Name(String),
}

/// Why a text is no URL for an upstream, and what to write. Never says the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    #[error("it has no scheme")]
    Scheme,
    #[error("its scheme is not http or https")]
    OtherScheme,
    #[error("it holds a user name or a password")]
    Userinfo,
    #[error("it has a fragment (`#…`)")]
    Fragment,
    #[error("its host is empty or not a name or an IP address")]
    Host,
    #[error("its port is not a number from 1 to 65535")]
    Port,
    #[error("it holds a space or a character that must be percent-encoded")]
    Character,
}

impl UrlError {
    pub(crate) fn help(self) -> &'static str {
        match self {
            Self::Scheme => "begin it with http:// or https://",
            Self::OtherScheme => "write http:// or https://; a local program goes to `command:`",
            Self::Userinfo => "remove what stands before the `@`: the log shows URLs",
            Self::Fragment => "remove the `#` and what follows: it is never sent to a server",
            Self::Host => "write a host as in https://mcp.example/mcp or http://[::1]:3000/mcp",
            Self::Port => "write a port from 1 to 65535, or none for the scheme's own",
            Self::Character => "percent-encode it, as in %20 for a space",
        }
    }
}

impl Url {
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(UrlError::OtherScheme),
        };
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(UrlError::Userinfo);
        }
        // RFC 3986, section 3.3, and what field practice also leaves unencoded.
        if !target.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)) {
            return Err(UrlError::Character);
        }
        let (host, port) = host_and_port(authority)?;
        let port = port.unwrap_or(if https { 443 } else { 80 });
        let slash = if target.starts_with('/') { "" } else { "/" };
        let path = format!("{slash}{target}");
        Ok(Self { https, host, port, authority: authority.to_owned(), path })
    }

    /// The socket address, where the host is an IP address.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self.host {
            Host::Address(address) => Some(SocketAddr::new(address, self.port)),
            Host::Name(_) => None,
        }
    }

    /// The host as TLS names it: without brackets.
    pub(crate) fn server_name(&self) -> String {
        match &self.host {
            Host::Address(address) => address.to_string(),
            Host::Name(name) => name.clone(),
        }
    }
}

/// Takes `host[:port]` apart; an IPv6 address stands in brackets.
pub(crate) fn host_and_port(authority: &str) -> Result<(Host, Option<u16>), UrlError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or(UrlError::Host)?;
        let address: Ipv6Addr = address.parse().map_err(|_| UrlError::Host)?;
        return Ok((Host::Address(address.into()), port_of(after)?));
    }
    let end = authority.find(':').unwrap_or(authority.len());
    let (host, after) = authority.split_at_checked(end).ok_or(UrlError::Host)?;
    let port = port_of(after)?;
    if let Ok(address) = host.parse() {
        return Ok((Host::Address(IpAddr::V4(address)), port));
    }
    if !is_name(host) {
        return Err(UrlError::Host);
    }
    Ok((Host::Name(host.to_ascii_lowercase()), port))
}

/// The port in `:port`, or none in nothing.
fn port_of(text: &str) -> Result<Option<u16>, UrlError> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.strip_prefix(':').ok_or(UrlError::Host)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UrlError::Port);
    }
    match digits.parse() {
        Ok(0) | Err(_) => Err(UrlError::Port),
        Ok(port) => Ok(Some(port)),
    }
}

/// A DNS name (RFC 1123, section 2.1), with the underscore that container networks use.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    // A name of digits and dots alone is a mistyped address.
    let address_like = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    host.len() <= 253 && !address_like && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let url = Url::parse("https://MCP.example:8443/a/mcp?x=1").unwrap();
        assert_eq!(url.host, Host::Name("mcp.example".to_owned()));
        assert_eq!((url.https, url.port), (true, 8443));
        assert_eq!((url.authority.as_str(), url.path.as_str()), ("MCP.example:8443", "/a/mcp?x=1"));
        let url = Url::parse("http://[::1]:3000").unwrap();
        assert_eq!(url.address(), Some("[::1]:3000".parse().unwrap()));
        assert_eq!(url.path, "/");
        assert_eq!(Url::parse("http://h?q").unwrap().path, "/?q");
    }

    #[test]
    fn what_is_no_url_says_why() {
        for (text, error) in [
            ("mcp.example", UrlError::Scheme),
            ("ftp://a/", UrlError::OtherScheme),
            ("http://u:p@a/", UrlError::Userinfo),
            ("http://a/#x", UrlError::Fragment),
            ("http:///mcp", UrlError::Host),
            ("http://a b/", UrlError::Host),
            ("http://[::1/", UrlError::Host),
            ("http://127.0.0.300/", UrlError::Host),
            ("http://a:0/", UrlError::Port),
            ("http://a:99999/", UrlError::Port),
            ("http://a:+1/", UrlError::Port),
            ("http://a/b c", UrlError::Character),
            ("http://a/\r\nX: y", UrlError::Character),
        ] {
            assert_eq!(Url::parse(text), Err(error), "{text}");
        }
    }
}
