//! What a tunnel begins with, and the name that TLS asks for in it.
//!
//! A `ClientHello` (RFC 8446 section 4.1.2) may be cut into records, and these into reads, anywhere. It
//! is read strictly: what two readers could take differently is refused.

/// Bytes within which a `ClientHello` must end, record headers included. Those of today, with
/// post-quantum key shares, take two thousand.
pub(super) const HELLO_BYTES_MAX: usize = 16 << 10;

const RECORD_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;

/// The alert that ends a tunnel: fatal, `unrecognized_name` (RFC 6066 section 3).
pub(super) const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// What the first bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Opening {
    /// Too few to tell.
    More,
    /// Not TLS.
    Other,
    /// A `ClientHello`, with the name in its SNI extension. With an encrypted one (ECH) it is the outer
    /// name, which is all that is to be seen.
    Tls(Option<String>),
}

/// Why it is no `ClientHello` that every reader reads alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum HelloError {
    #[error("its ClientHello is over {HELLO_BYTES_MAX} bytes")]
    TooLarge,
    #[error("it begins as TLS and not with a well-formed ClientHello")]
    Malformed,
}

/// Reads all that has come so far.
pub(super) fn read(bytes: &[u8]) -> Result<Opening, HelloError> {
    match bytes {
        [] | [RECORD_HANDSHAKE] => return Ok(Opening::More),
        [RECORD_HANDSHAKE, 3, ..] => {}
        _ => return Ok(Opening::Other),
    }
    let mut message = Vec::new();
    let mut records = Reader(bytes);
    loop {
        if let [kind, a, b, c, body @ ..] = message.as_slice() {
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            if *kind != CLIENT_HELLO {
                return Err(HelloError::Malformed);
            }
            if length > HELLO_BYTES_MAX {
                return Err(HelloError::TooLarge);
            }
            if let Some(body) = body.get(..length) {
                return server_name(body).map(Opening::Tls).ok_or(HelloError::Malformed);
            }
        }
        let Some([kind, major, _, high, low]) = records.take(5) else { break };
        // A record of nothing is never handshake's (RFC 8446 section 5.1).
        if (*kind, *major) != (RECORD_HANDSHAKE, 3) || (*high, *low) == (0, 0) {
            return Err(HelloError::Malformed);
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let here = length.min(records.0.len());
        message.extend_from_slice(records.take(here).unwrap_or_default());
        if here < length && message.len() < 4 {
            break;
        }
        if here < length {
            // The kind and length at its beginning are looked at before more is waited for.
            records = Reader(&[]);
        }
    }
    if bytes.len() >= HELLO_BYTES_MAX { Err(HelloError::TooLarge) } else { Ok(Opening::More) }
}

/// The name that a `ClientHello` asks for; an outer `None` where it is malformed.
#[expect(clippy::option_option, reason = "the inner one is the answer, the outer one for `?`")]
fn server_name(body: &[u8]) -> Option<Option<String>> {
    let mut body = Reader(body);
    body.take(2 + 32)?;
    body.vector_u8()?;
    body.vector_u16()?;
    body.vector_u8()?;
    if body.0.is_empty() {
        // TLS 1.2 may go without extensions.
        return Some(None);
    }
    let mut extensions = Reader(body.vector_u16()?);
    let mut found = None;
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let value = extensions.vector_u16()?;
        if kind == SERVER_NAME {
            if found.is_some() {
                return None;
            }
            found = Some(host_name(value)?);
        }
    }
    body.0.is_empty().then_some(found)
}

/// The one name in a `server_name` extension (RFC 6066 section 3).
fn host_name(value: &[u8]) -> Option<String> {
    let mut value = Reader(value);
    let mut list = Reader(value.vector_u16()?);
    let kind = *list.take(1)?.first()?;
    let name = list.vector_u16()?;
    let alone = value.0.is_empty() && list.0.is_empty() && kind == HOST_NAME;
    let usual = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    (alone && usual).then(|| String::from_utf8_lossy(name).into_owned())
}

/// Bytes taken from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn vector_u8(&mut self) -> Option<&'a [u8]> {
        let length = *self.take(1)?.first()?;
        self.take(length.into())
    }

    fn vector_u16(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::pki_types::ServerName;

    use super::*;

    /// What rustls says first, in one record.
    fn hello(name: &'static str) -> Vec<u8> {
        let provider = rustls::crypto::ring::default_provider();
        let config = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let name = ServerName::try_from(name).expect("a name");
        let mut client = rustls::ClientConnection::new(Arc::new(config), name).expect("a client");
        let mut out = Vec::new();
        client.write_tls(&mut out).expect("a hello");
        out
    }

    /// The same hello in records of `size` bytes.
    fn recut(hello: &[u8], size: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in hello[5..].chunks(size) {
            out.extend([22, 3, 1]);
            out.extend(u16::try_from(piece.len()).expect("short").to_be_bytes());
            out.extend(piece);
        }
        out
    }

    /// A hello of our own making, with these extensions.
    fn made(extensions: Option<&[u8]>) -> Vec<u8> {
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).expect("short").to_be_bytes();
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 1, 1, 0]);
        if let Some(extensions) = extensions {
            body.extend(length(extensions));
            body.extend(extensions);
        }
        let mut message = vec![1, 0];
        message.extend(length(&body));
        message.extend(body);
        let mut record = vec![22, 3, 1];
        record.extend(length(&message));
        record.extend(message);
        record
    }

    const A: &[u8] = &[0, 0, 0, 6, 0, 4, 0, 0, 1, b'a'];

    fn asked(name: &str) -> Opening {
        Opening::Tls(Some(name.into()))
    }

    #[test]
    fn the_name_is_found_however_the_hello_is_cut() {
        let whole = hello("pypi.org");
        for record in [whole.len(), 300, 7, 1] {
            let bytes = recut(&whole, record);
            for end in 0..bytes.len() {
                assert_eq!(read(&bytes[..end]), Ok(Opening::More), "{end} of {}", bytes.len());
            }
            assert_eq!(read(&bytes), Ok(asked("pypi.org")));
            let behind = [&bytes[..], b"early data"].concat();
            assert_eq!(read(&behind), Ok(asked("pypi.org")));
        }
    }

    #[test]
    fn a_hello_without_a_name_has_none() {
        assert_eq!(read(&hello("127.0.0.1")), Ok(Opening::Tls(None)));
        assert_eq!(read(&made(None)), Ok(Opening::Tls(None)));
        assert_eq!(read(&made(Some(&[]))), Ok(Opening::Tls(None)));
        assert_eq!(read(&made(Some(A))), Ok(asked("a")));
    }

    #[test]
    fn what_is_no_tls_is_told_by_its_first_two_bytes() {
        for other in
            [&b"SSH-2.0-x"[..], b"G", b"\x80\x2e\x01", b"\x16\x02", b"\x15\x03", b"\x17\x03"]
        {
            assert_eq!(read(other), Ok(Opening::Other), "{other:?}");
        }
    }

    #[test]
    fn a_hello_that_two_readers_take_differently_is_refused() {
        let twice = [A, A].concat();
        let two = [0, 0, 0, 10, 0, 8, 0, 0, 1, b'a', 0, 0, 1, b'b'];
        let other_kind = [0, 0, 0, 6, 0, 4, 1, 0, 1, b'a'];
        let empty = [0, 0, 0, 5, 0, 3, 0, 0, 0];
        let behind = [0, 0, 0, 7, 0, 4, 0, 0, 1, b'a', 0];
        let short = [0, 0, 0, 6, 0, 4, 0, 0, 2, b'a'];
        let control = [0, 0, 0, 6, 0, 4, 0, 0, 1, 0];
        let lists: [&[u8]; 7] = [&twice, &two, &other_kind, &empty, &behind, &short, &control];
        for extensions in lists {
            let bytes = made(Some(extensions));
            assert_eq!(read(&bytes), Err(HelloError::Malformed), "{extensions:?}");
        }
        let server_hello = [22, 3, 3, 0, 4, 2, 0, 0, 0];
        assert_eq!(read(&server_hello), Err(HelloError::Malformed));
        let no_record = [22, 3, 1, 0, 0];
        assert_eq!(read(&no_record), Err(HelloError::Malformed));
        let alert_between = [22, 3, 1, 0, 1, 1, 21, 3, 3, 0, 2];
        assert_eq!(read(&alert_between), Err(HelloError::Malformed));
    }

    #[test]
    fn a_hello_has_a_largest_size() {
        assert_eq!(read(&[22, 3, 1, 0, 4, 1, 0, 0x40, 1]), Err(HelloError::TooLarge));
        let endless = recut(&[&[0; 5][..], &[1, 0, 0x3f, 0xff], &[0; 16_000]].concat(), 2);
        assert_eq!(read(&endless[..HELLO_BYTES_MAX]), Err(HelloError::TooLarge));
        assert_eq!(read(&endless[..HELLO_BYTES_MAX - 1]), Ok(Opening::More));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let good = recut(&hello("pypi.org"), 97);
        for _ in 0..200_000 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let mut bytes = good.clone();
            for shift in [0, 16, 32] {
                let at = usize::try_from((seed >> shift) & 0xfff).expect("small") % bytes.len();
                bytes[at] = u8::try_from((seed >> (shift + 4)) & 0xff).expect("a byte");
            }
            let _ = read(&bytes);
        }
    }
}
