//! Headers that a user adds to every request.

use std::collections::BTreeMap;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

/// The most headers.
const HEADERS_MAX: usize = 64;
/// The most bytes of one.
const HEADER_BYTES_MAX: usize = 8 << 10;

/// What a header of the user's would break, and what to use instead.
const OWN: &[(&str, &str)] = &[
    ("accept", "the protocol needs its own"),
    ("accept-encoding", "answers are read as they are"),
    ("connection", "connections are kept or closed by the run itself"),
    ("content-encoding", "bodies are sent as they are"),
    ("content-length", "it follows from the body"),
    ("content-type", "bodies are JSON"),
    ("expect", "bodies are sent with their heads"),
    ("host", "it follows from the URL; --connect goes elsewhere"),
    ("keep-alive", "connections are kept or closed by the run itself"),
    ("last-event-id", "streams are not resumed"),
    ("mcp-method", "it follows from the call"),
    ("mcp-name", "it follows from the call"),
    ("mcp-protocol-version", "it follows from --era"),
    ("mcp-session-id", "the server gives it"),
    ("te", "it is of the connection"),
    ("trailer", "it is of the connection"),
    ("transfer-encoding", "it follows from the body"),
    ("upgrade", "it is of the connection"),
];

/// A header that can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(super) name: String,
    pub(super) value: String,
}

impl Header {
    fn new(name: &str, value: &str) -> Result<Self, String> {
        let (name, value) = (name.trim(), value.trim());
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            return Err(format!("`{name}` is no name of a header: write one as X-Tenant"));
        }
        // The value may be a secret: it is not shown.
        if !value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
            return Err(format!("the value of `{name}` has characters that are not visible ASCII"));
        }
        if name.len() + value.len() > HEADER_BYTES_MAX {
            return Err(format!("`{name}` is longer than the limit of {HEADER_BYTES_MAX} bytes"));
        }
        match OWN.iter().find(|(own, _)| name.eq_ignore_ascii_case(own)) {
            Some((_, why)) => Err(format!("`{name}` cannot be set: {why}")),
            None => Ok(Self { name: name.to_owned(), value: value.to_owned() }),
        }
    }

    /// Whether it says who calls.
    pub(super) fn is_authorization(&self) -> bool {
        self.name.eq_ignore_ascii_case("authorization")
    }
}

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) =
            text.split_once(':').ok_or("it has no `:`: write it as 'X-Tenant: acme'")?;
        Self::new(name, value)
    }
}

/// Headers as a file has them, each under its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "BTreeMap<String, String>")]
#[schemars(with = "BTreeMap<String, String>")]
pub(crate) struct Headers(pub(super) Vec<Header>);

impl TryFrom<BTreeMap<String, String>> for Headers {
    type Error = String;

    fn try_from(map: BTreeMap<String, String>) -> Result<Self, String> {
        let headers = map.iter().map(|(name, value)| Header::new(name, value));
        headers.collect::<Result<_, _>>().map(Self)
    }
}

/// Those of a file, with those of the flags in place of others of their names.
pub(super) fn together(flags: Vec<Header>, file: Headers) -> anyhow::Result<Vec<(String, String)>> {
    let hidden =
        |header: &Header| flags.iter().any(|flag| flag.name.eq_ignore_ascii_case(&header.name));
    let mut headers: Vec<Header> = file.0.into_iter().filter(|header| !hidden(header)).collect();
    headers.extend(flags);
    anyhow::ensure!(
        headers.len() <= HEADERS_MAX,
        "{} headers are more than the limit of {HEADERS_MAX}",
        headers.len()
    );
    Ok(headers.into_iter().map(|Header { name, value }| (name, value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_name_and_a_value() {
        let header: Header = "X-Tenant:  acme: 7 ".parse().unwrap();
        assert_eq!((header.name.as_str(), header.value.as_str()), ("X-Tenant", "acme: 7"));
        assert!("authorization: Basic eDp5".parse::<Header>().unwrap().is_authorization());
        assert_eq!("X-Empty:".parse::<Header>().unwrap().value, "");
    }

    #[test]
    fn what_cannot_be_sent_says_why() {
        let long = format!("X-Long: {}", "a".repeat(9000));
        for (text, said) in [
            ("X-Tenant", "it has no `:`: write it as 'X-Tenant: acme'"),
            (": a", "`` is no name of a header: write one as X-Tenant"),
            ("X Tenant: a", "`X Tenant` is no name of a header: write one as X-Tenant"),
            ("X-A: a\r\nX-B: b", "the value of `X-A` has characters that are not visible ASCII"),
            ("X-A: é", "the value of `X-A` has characters that are not visible ASCII"),
            ("HOST: a", "`HOST` cannot be set: it follows from the URL; --connect goes elsewhere"),
            ("Mcp-Session-Id: 1", "`Mcp-Session-Id` cannot be set: the server gives it"),
            ("Content-Length: 1", "`Content-Length` cannot be set: it follows from the body"),
            (long.as_str(), "`X-Long` is longer than the limit of 8192 bytes"),
        ] {
            assert_eq!(text.parse::<Header>().unwrap_err(), said);
        }
    }

    #[test]
    fn a_flag_stands_in_place_of_the_file() {
        let file = |names: &[&str]| {
            let map: BTreeMap<_, _> =
                names.iter().map(|name| ((*name).to_owned(), "file".to_owned())).collect();
            Headers::try_from(map).unwrap()
        };
        let flags = vec!["x-b: flag".parse().unwrap()];
        let both = together(flags, file(&["X-A", "X-B"])).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(both, [pair("X-A", "file"), pair("x-b", "flag")]);
        let many = vec!["X-A: 1".parse().unwrap(); 65];
        assert_eq!(
            together(many, Headers::default()).unwrap_err().to_string(),
            "65 headers are more than the limit of 64"
        );
    }
}
