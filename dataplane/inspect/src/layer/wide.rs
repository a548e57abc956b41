//! UTF-16, in which some programs write what they put into base64.

use super::Layer;
use super::fold::{Folded, fold};

/// In which order the bytes of a unit stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    /// In which order bytes are UTF-16 of ASCII for the most part, if they are.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let pairs = bytes.as_chunks::<2>().0;
        let shown = |byte: u8| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t');
        let ascii = |order: Self| {
            let counts = |pair: &&[u8; 2]| match (order, **pair) {
                (Self::Little, [low, 0]) | (Self::Big, [0, low]) => shown(low),
                _ => false,
            };
            pairs.iter().filter(counts).count()
        };
        let most = |order: &Self| pairs.len() >= 4 && ascii(*order) * 8 >= pairs.len() * 7;
        [Self::Little, Self::Big].into_iter().find(most)
    }

    fn unit(self, pair: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(pair),
            Self::Big => u16::from_be_bytes(pair),
        }
    }

    /// As it is written so.
    pub(crate) fn encode(self, text: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(text);
        let bytes = |unit: u16| match self {
            Self::Little => unit.to_le_bytes(),
            Self::Big => unit.to_be_bytes(),
        };
        text.encode_utf16().flat_map(bytes).collect()
    }
}

/// Appends `source` as UTF-8.
pub(crate) fn narrow(source: &[u8], order: Order, layer: &mut Layer) {
    let units = source.as_chunks::<2>().0.iter().map(|pair| order.unit(*pair));
    for character in char::decode_utf16(units) {
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        let bytes = character.len_utf16() * 2;
        match fold(character) {
            Folded::Nothing => layer.hide(character, bytes),
            Folded::Ascii(byte) => layer.decoded(&[byte], bytes),
            Folded::Itself => {
                layer.decoded(character.encode_utf8(&mut [0; 4]).as_bytes(), bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_in_either_order_is_read_and_leads_back() {
        for order in [Order::Little, Order::Big] {
            let source = order.encode("$token = 'ä\u{200b}b'; $other = 1".as_bytes());
            assert_eq!(Order::of(&source), Some(order));
            let mut layer = Layer::default();
            layer.reset(0, 1024);
            narrow(&source, order, &mut layer);
            assert_eq!(layer.text(), "$token = 'äb'; $other = 1".as_bytes());
            assert_eq!(layer.source(1..6), 2..12);
        }
        assert_eq!(Order::of(b"plain text is none"), None);
    }
}
