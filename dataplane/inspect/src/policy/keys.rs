//! Keys for fingerprints and for placeholders that can be opened.
//!
//! A value is sealed with AES-256-GCM under a nonce that is a keyed hash of the value and of all that goes with
//! it, as SIV does it (RFC 5297 §1.1): the same value has the same placeholder, so that two occurrences can
//! be joined, and a nonce comes again only with the same plaintext. What goes with it, the class and the
//! virtual server, is authenticated: a placeholder of one server is none of another.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use crate::class::Class;

/// A key's text is at least so long.
pub const KEY_CHARS_MIN: usize = 32;

/// A longer value is redacted instead of sealed: a placeholder goes through a model.
pub(super) const VALUE_BYTES_MAX: usize = 4096;

/// What is derived from one key, each for one use.
pub struct Keys {
    fingerprint: hmac::Key,
    nonce: hmac::Key,
    seal: LessSafeKey,
}

/// Why there are no keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Too short to be no guess.
    #[error(
        "the key has {chars} characters; at least {KEY_CHARS_MIN} are needed: `openssl rand -hex 32` makes one"
    )]
    Short {
        /// Its length.
        chars: usize,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes for a key")]
    Random,
}

/// How a value stood, so that it can stand like this again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sealed {
    /// As text.
    Text,
    /// As a number of JSON.
    Number,
}

impl Sealed {
    fn byte(self) -> u8 {
        match self {
            Self::Text => b't',
            Self::Number => b'n',
        }
    }
}

impl Keys {
    /// Of an operator's key: what was sealed with it can be opened with it at any later time, anywhere.
    pub fn from_text(key: &str) -> Result<Self, KeyError> {
        let chars = key.chars().count();
        if chars < KEY_CHARS_MIN {
            return Err(KeyError::Short { chars });
        }
        Self::derive(key.as_bytes()).ok_or(KeyError::Random)
    }

    /// Of chance: they hold as long as they are kept.
    pub fn random() -> Result<Self, KeyError> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| KeyError::Random)?;
        Self::derive(&bytes).ok_or(KeyError::Random)
    }

    fn derive(secret: &[u8]) -> Option<Self> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"penstock inspection 1");
        let all = salt.extract(secret);
        Some(Self {
            fingerprint: all.expand(&[b"fingerprint"], hmac::HMAC_SHA256).ok()?.into(),
            nonce: all.expand(&[b"nonce"], hmac::HMAC_SHA256).ok()?.into(),
            seal: LessSafeKey::new(UnboundKey::from(all.expand(&[b"seal"], &AES_256_GCM).ok()?)),
        })
    }

    /// The same for the same value.
    pub(super) fn fingerprint(&self, value: &[u8]) -> [u8; 8] {
        first(hmac::sign(&self.fingerprint, value).as_ref())
    }

    /// A value of a virtual server's messages, sealed; `None` of one that is too long.
    pub(super) fn seal(
        &self,
        server: &str,
        class: Class,
        stood: Sealed,
        value: &str,
    ) -> Option<String> {
        if value.len() > VALUE_BYTES_MAX {
            return None;
        }
        let with = beside(server, class);
        let mut text = Vec::with_capacity(NONCE_LEN + 1 + value.len() + AES_256_GCM.tag_len());
        text.push(stood.byte());
        text.extend_from_slice(value.as_bytes());
        let nonce: [u8; NONCE_LEN] = self.nonce_of(&with, &text);
        let sealing = Nonce::assume_unique_for_key(nonce);
        self.seal.seal_in_place_append_tag(sealing, Aad::from(&with), &mut text).ok()?;
        let all = [nonce.as_slice(), &text].concat();
        Some(URL_SAFE_NO_PAD.encode(all))
    }

    /// What was sealed for this class and virtual server with these keys; nothing else.
    pub(super) fn open(&self, server: &str, class: Class, token: &str) -> Option<(Sealed, String)> {
        let all = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, text) = all.split_first_chunk::<NONCE_LEN>()?;
        let with = beside(server, class);
        let mut text = text.to_vec();
        let opening = Nonce::assume_unique_for_key(*nonce);
        let plain = self.seal.open_in_place(opening, Aad::from(&with), &mut text).ok()?;
        // As it can only have been sealed here.
        if self.nonce_of::<NONCE_LEN>(&with, plain) != *nonce {
            return None;
        }
        let (stood, value) = plain.split_first()?;
        let stood = [Sealed::Text, Sealed::Number].into_iter().find(|one| one.byte() == *stood)?;
        Some((stood, std::str::from_utf8(value).ok()?.to_owned()))
    }

    fn nonce_of<const N: usize>(&self, with: &[u8], text: &[u8]) -> [u8; N] {
        let mut of = hmac::Context::with_key(&self.nonce);
        of.update(with);
        of.update(text);
        first(of.sign().as_ref())
    }
}

/// What is authenticated with a value; no other class and server come to the same bytes, as no name has a NUL.
fn beside(server: &str, class: Class) -> Vec<u8> {
    ["1", class.name(), server, ""].join("\0").into_bytes()
}

fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[keys]")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CARD: &str = "4111 1111 1111 1111";

    fn keys(of: char) -> Keys {
        Keys::from_text(&of.to_string().repeat(KEY_CHARS_MIN)).expect("keys")
    }

    fn sealed(keys: &Keys) -> String {
        keys.seal("billing", Class::Card, Sealed::Text, CARD).expect("a token")
    }

    #[test]
    fn a_value_is_opened_as_it_was_sealed_and_the_same_has_the_same_token() {
        let token = sealed(&keys('a'));
        assert_eq!(token, sealed(&keys('a')));
        let open = keys('a').open("billing", Class::Card, &token);
        assert_eq!(open, Some((Sealed::Text, CARD.to_owned())));
        let number = keys('a').seal("billing", Class::Card, Sealed::Number, CARD);
        assert_ne!(Some(token), number, "how it stood is a part of it");
    }

    #[test]
    fn a_token_opens_nowhere_else() {
        let token = sealed(&keys('a'));
        assert_eq!(keys('b').open("billing", Class::Card, &token), None, "another key");
        assert_eq!(keys('a').open("search", Class::Card, &token), None, "another server");
        assert_eq!(keys('a').open("billing", Class::Email, &token), None, "another class");
        let random = Keys::random().expect("keys");
        assert_eq!(random.open("billing", Class::Card, &token), None);
        assert_ne!(sealed(&random), sealed(&Keys::random().expect("keys")));
    }

    /// Each bit of a token, each length, and each letter written in the other case.
    #[test]
    fn a_token_that_was_touched_does_not_open() {
        let keys = keys('a');
        let token = sealed(&keys);
        let opens = |token: &str| keys.open("billing", Class::Card, token).is_some();
        let bytes = URL_SAFE_NO_PAD.decode(&token).expect("base64");
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(&URL_SAFE_NO_PAD.encode(forged)), "bit {bit}");
        }
        for end in 0..token.len() {
            assert!(!opens(&token[..end]) && !opens(&token[token.len() - end..]), "{end}");
        }
        for at in 0..token.len() {
            let letter = &token[at..=at];
            let other = if letter.to_uppercase() == letter {
                letter.to_lowercase()
            } else {
                letter.to_uppercase()
            };
            let forged = format!("{}{other}{}", &token[..at], &token[at + 1..]);
            assert!(other == letter || !opens(&forged), "{forged}");
        }
        assert!(!opens(&format!("{token}A")) && !opens(&format!("{token}=")));
        assert!(!opens(&format!(" {token}")) && !opens(""));
        assert!(!opens(&[token.as_str(), &token].concat()));
    }

    #[test]
    fn a_value_is_sealed_up_to_its_limit() {
        let of = |bytes| keys('a').seal("a", Class::Secret, Sealed::Text, &"x".repeat(bytes));
        assert!(of(VALUE_BYTES_MAX).is_some() && of(VALUE_BYTES_MAX + 1).is_none());
    }

    #[test]
    fn a_key_is_long_and_never_printed() {
        let short = Keys::from_text(&"k".repeat(KEY_CHARS_MIN - 1)).expect_err("too short");
        assert_eq!(short, KeyError::Short { chars: KEY_CHARS_MIN - 1 });
        assert_eq!(format!("{:?}", keys('k')), "[keys]");
    }

    #[test]
    fn a_fingerprint_joins_what_is_the_same_under_one_key() {
        assert_eq!(keys('a').fingerprint(b"x"), keys('a').fingerprint(b"x"));
        assert_ne!(keys('a').fingerprint(b"x"), keys('a').fingerprint(b"y"));
        assert_ne!(keys('a').fingerprint(b"x"), keys('b').fingerprint(b"x"));
    }

    proptest! {
        #[test]
        fn no_random_token_opens(token in "[A-Za-z0-9_-]{39,90}") {
            prop_assert_eq!(keys('a').open("billing", Class::Card, &token), None);
        }

        #[test]
        fn any_value_comes_back(value in "\\PC{0,60}", server in "[a-z0-9-]{1,9}") {
            let token = keys('a').seal(&server, Class::Name, Sealed::Text, &value).expect("a token");
            let open = keys('a').open(&server, Class::Name, &token);
            prop_assert_eq!(open, Some((Sealed::Text, value)));
        }
    }
}
