//! URL-encoded text.

use memchr::memchr;

use super::Layer;

/// Appends `source` to `layer` with each `%XX` decoded.
pub(crate) fn unpercent(mut source: &[u8], layer: &mut Layer) {
    while let Some(at) = memchr(b'%', source) {
        let (plain, rest) = source.split_at(at);
        layer.copy(plain);
        let (bytes, decoded) = match byte(rest) {
            Some(byte) => (3, byte),
            None => (1, b'%'),
        };
        if bytes == 3 {
            layer.decoded(&[decoded], bytes);
        } else {
            layer.copy(b"%");
        }
        source = rest.get(bytes..).unwrap_or_default();
    }
    layer.copy(source);
}

/// What the `%XX` stands for that `text` begins with.
pub(crate) fn byte(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = *text else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_lead_back() {
        let source = b"a%2fb%20%zz%4";
        let mut layer = Layer::default();
        layer.reset(0, 1024);
        unpercent(source, &mut layer);
        assert_eq!(layer.text(), b"a/b %zz%4");
        assert_eq!(layer.source(1..3), 1..5);
        assert_eq!(layer.source(0..9), 0..source.len());
    }
}
