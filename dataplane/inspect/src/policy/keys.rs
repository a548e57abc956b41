//! Keys for fingerprints and for placeholders that can be opened.

use ring::hkdf;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

/// A key's text is at least so long.
pub const KEY_CHARS_MIN: usize = 32;

/// What is derived from one key, each for one use.
pub struct Keys {
    pub(super) fingerprint: hmac::Key,
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
        let info: &[&[u8]] = &[b"fingerprint"];
        Some(Self { fingerprint: all.expand(info, hmac::HMAC_SHA256).ok()?.into() })
    }

    /// The same for the same value.
    pub(super) fn fingerprint(&self, value: &[u8]) -> [u8; 8] {
        let mut first = [0; 8];
        let tag = hmac::sign(&self.fingerprint, value);
        first.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        first
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[keys]")
    }
}
