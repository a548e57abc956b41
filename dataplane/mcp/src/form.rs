//! Whether the body is what it looks like: JSON in UTF-8 (RFC 8259 section 8.1), not coded.
//!
//! A server that inflates a body, or decodes it from the character set that its header names, reads
//! another message than the one that was scanned here. Bytes that are a message both ways exist:
//! UTF-7 is ASCII, and `+ACI-` in it is a quote.

use crate::Refusal;
use crate::admit::shown;
use crate::refusal::Reason;

const CODING: &str = "Content-Encoding";
const TYPE: &str = "Content-Type";

/// Refuses the body of a POST with these headers if another reader could decode it first.
pub fn plain_form<'h>(headers: impl Iterator<Item = (&'h [u8], &'h [u8])>) -> Result<(), Refusal> {
    for (name, value) in headers {
        let (header, plain) = if name.eq_ignore_ascii_case(CODING.as_bytes()) {
            (CODING, value.trim_ascii().eq_ignore_ascii_case(b"identity"))
        } else if name.eq_ignore_ascii_case(TYPE.as_bytes()) {
            (TYPE, value.split(|byte| *byte == b';').all(names_no_other_charset))
        } else {
            continue;
        };
        if !plain {
            let value = shown(&String::from_utf8_lossy(value));
            return Err(Reason::OtherForm { header, value }.into());
        }
    }
    Ok(())
}

/// Strict rather than clever: where readers of parameters differ, so may their character sets.
fn names_no_other_charset(parameter: &[u8]) -> bool {
    const NAME: &[u8] = b"charset";
    let named = parameter.windows(NAME.len()).any(|part| part.eq_ignore_ascii_case(NAME));
    let parameter = parameter.trim_ascii();
    !named
        || [&b"charset=utf-8"[..], b"charset=\"utf-8\""]
            .iter()
            .any(|utf8| parameter.eq_ignore_ascii_case(utf8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn passes(header: &str, value: &str) -> bool {
        match plain_form([(header.as_bytes(), value.as_bytes())].into_iter()) {
            Ok(()) => true,
            Err(refusal) => {
                assert_eq!(refusal.error, ErrorKind::UnsupportedMediaType);
                false
            }
        }
    }

    #[test]
    fn only_plain_utf_8_passes() {
        for value in [
            "application/json",
            "application/json; charset=utf-8",
            "Application/JSON;Charset=\"UTF-8\"; profile=x",
            "text/plain",
        ] {
            assert!(passes("content-type", value), "{value}");
        }
        for value in [
            "application/json; charset=utf-7",
            "application/json; charset=utf-16le",
            "application/json; CHARSET = utf-7",
            "application/json; charset*=us-ascii''utf-7",
            "application/json; charset*0=utf-; charset*1=7",
            "application/json; charset=utf-8; charset=utf-7",
            "application/json; a=\"; charset=utf-8\"; charset=utf-7",
        ] {
            assert!(!passes("Content-Type", value), "{value}");
        }
        assert!(passes("Content-Encoding", "identity"));
        for value in ["gzip", "deflate", "br", "identity, deflate", ""] {
            assert!(!passes("content-encoding", value), "{value}");
        }
    }
}
