//! Where an HTTP+SSE server wants its messages.

use axum::http::Uri;
use penstock_config::HttpTarget;

/// Resolves the URI of an `endpoint` event against the stream's (RFC 3986, section 5.2). Another
/// origin is refused: the messages carry what the caller trusts this server with.
pub(crate) fn resolve(target: &HttpTarget, reference: &str) -> Result<String, String> {
    let reference = reference.trim();
    let path = if let Some((scheme, rest)) = reference.split_once("://") {
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        same_origin(target, scheme, authority, reference)?;
        if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
    } else if let Some(rest) = reference.strip_prefix("//") {
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let scheme = if target.tls.is_some() { "https" } else { "http" };
        same_origin(target, scheme, authority, reference)?;
        if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
    } else {
        let base = target.path.split(['?', '#']).next().unwrap_or("/");
        match reference.chars().next() {
            None => return Err("it is empty".into()),
            Some('/') => reference.to_owned(),
            Some('?') => format!("{base}{reference}"),
            Some(_) => {
                let directory = base.rfind('/').and_then(|at| base.get(..=at)).unwrap_or("/");
                format!("{directory}{reference}")
            }
        }
    };
    let path = path.split('#').next().unwrap_or_default();
    match path.parse::<Uri>() {
        Ok(uri) if uri.path().starts_with('/') && uri.authority().is_none() => Ok(path.into()),
        _ => Err(format!("`{reference}` is no valid URI")),
    }
}

fn same_origin(
    target: &HttpTarget,
    scheme: &str,
    authority: &str,
    reference: &str,
) -> Result<(), String> {
    let (ours, port) = if target.tls.is_some() { ("https", ":443") } else { ("http", ":80") };
    let plain = |authority: &str| {
        let authority = authority.to_ascii_lowercase();
        authority.strip_suffix(port).map(str::to_owned).unwrap_or(authority)
    };
    if scheme.eq_ignore_ascii_case(ours) && plain(authority) == plain(&target.authority) {
        Ok(())
    } else {
        Err(format!("`{reference}` is not on {ours}://{}", target.authority))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use penstock_config::{Endpoint, HostHeader};

    fn target() -> HttpTarget {
        HttpTarget {
            endpoint: Endpoint::Name("mcp.test".into(), 80),
            tls: None,
            path: "/a/sse?x=1".into(),
            authority: "mcp.test".into(),
            host: HostHeader::Upstream,
        }
    }

    #[test]
    fn a_reference_is_resolved_against_the_stream() {
        for (reference, expected) in [
            ("/messages?session=1", "/messages?session=1"),
            ("messages/", "/a/messages/"),
            ("?session=1", "/a/sse?session=1"),
            ("http://mcp.test/m", "/m"),
            ("HTTP://MCP.test:80?s=1", "/?s=1"),
            ("//mcp.test/m#part", "/m"),
        ] {
            assert_eq!(resolve(&target(), reference).as_deref(), Ok(expected), "{reference}");
        }
    }

    #[test]
    fn another_origin_is_refused() {
        for reference in [
            "http://evil.test/m",
            "https://mcp.test/m",
            "http://mcp.test:81/m",
            "//evil.test/m",
            "http://mcp.test@evil.test/m",
            "",
            "/a b",
            "/a\r\nX: y",
        ] {
            assert!(resolve(&target(), reference).is_err(), "{reference}");
        }
    }
}
