//! Addresses of crypto currencies.

/// The alphabet of Bitcoin, without 0, O, I and l.
const BITCOIN: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// The same letters in the order of the XRP Ledger.
const RIPPLE: &[u8; 58] = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";
/// More characters than any address has.
const LONGEST: usize = 120;

/// A version, a payload and the start of their double SHA-256 in base 58: addresses of Bitcoin,
/// Litecoin, Dogecoin, Dash and Tron (25 bytes), of Zcash and Tezos with longer versions (26 or 27), private keys for
/// import (37 or 38), extended keys (82) (Bitcoin wiki, "`Base58Check` encoding" and "Wallet import format"; BIP-32;
/// Zcash protocol 5.6; Tezos, "Base58 prefixes").
pub(super) fn base58check(text: &[u8]) -> bool {
    base58(text, BITCOIN)
        .is_some_and(|bytes| matches!(bytes.len(), 25..=27 | 37 | 38 | 82) && summed(&bytes))
}

/// The address of an account in the XRP Ledger: the same under another alphabet, version 0
/// (xrpl.org, "base58 Encodings").
pub(super) fn xrp(text: &[u8]) -> bool {
    base58(text, RIPPLE)
        .is_some_and(|bytes| bytes.len() == 25 && bytes.first() == Some(&0) && summed(&bytes))
}

/// A public key of 32 bytes in base 58, with no checksum (Solana, "Accounts").
pub(super) fn solana(text: &[u8]) -> bool {
    base58(text, BITCOIN).is_some_and(|bytes| bytes.len() == 32)
}

fn base58(text: &[u8], alphabet: &[u8; 58]) -> Option<Vec<u8>> {
    if text.len() > LONGEST {
        return None;
    }
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    for letter in text {
        let value = alphabet.iter().position(|known| known == letter)?;
        let mut carry = u32::try_from(value).ok()?;
        for byte in &mut bytes {
            let [low, high, ..] = (u32::from(*byte) * 58 + carry).to_le_bytes();
            *byte = low;
            carry = u32::from(high);
        }
        // What is carried out of the last byte is less than 59.
        if let Some(byte) = u8::try_from(carry).ok().filter(|carry| *carry > 0) {
            bytes.push(byte);
        }
    }
    // A leading zero byte leaves nothing in the number: it is written as the first letter.
    let [zero, ..] = alphabet;
    let zeros = text.iter().take_while(|letter| *letter == zero).count();
    bytes.extend(std::iter::repeat_n(0, zeros));
    bytes.reverse();
    Some(bytes)
}

/// Whether the last four bytes are the first ones of the double SHA-256 of the others.
fn summed(bytes: &[u8]) -> bool {
    use sha2::{Digest, Sha256};
    let Some((payload, check)) = bytes.split_last_chunk::<4>() else { return false };
    let hash = Sha256::digest(Sha256::digest(payload));
    let hash: &[u8] = hash.as_ref();
    hash.starts_with(check)
}

/// The address of an account of Stellar: version 6 << 3, a key of 32 bytes and their CRC-16, low byte first, in
/// base 32 (SEP-23).
pub(super) fn stellar(text: &[u8]) -> bool {
    let letters: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let Some(bytes) = bits(text, letters, 5) else { return false };
    let Some((payload, check)) = bytes.split_last_chunk::<2>() else { return false };
    bytes.len() == 35 && bytes.first() == Some(&48) && *check == crc16(payload).to_le_bytes()
}

/// An address of TON: a tag, a workchain, a hash of 32 bytes and their CRC-16, high byte first, in base 64 for URLs
/// (TEP-2).
pub(super) fn ton(text: &[u8]) -> bool {
    let letters: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let Some(bytes) = bits(text, letters, 6) else { return false };
    let Some((payload, check)) = bytes.split_last_chunk::<2>() else { return false };
    let tag = matches!(bytes.first(), Some(0x11 | 0x51 | 0x91 | 0xd1));
    bytes.len() == 36 && tag && *check == crc16(payload).to_be_bytes()
}

/// Letters of `each` bits as whole bytes.
fn bits(text: &[u8], letters: &[u8], each: u32) -> Option<Vec<u8>> {
    if text.len() > LONGEST {
        return None;
    }
    let (mut bytes, mut held, mut count) = (Vec::with_capacity(text.len()), 0_u32, 0);
    for letter in text {
        let value = letters.iter().position(|known| known == letter)?;
        held = (held << each | u32::try_from(value).ok()?) & 0xffff;
        count += each;
        if count >= 8 {
            count -= 8;
            let [.., byte] = (held >> count).to_be_bytes();
            bytes.push(byte);
        }
    }
    Some(bytes)
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum: u16, byte| {
        (0..8).fold(sum ^ u16::from(*byte) << 8, |sum, _| {
            if sum & 0x8000 == 0 { sum << 1 } else { sum << 1 ^ 0x1021 }
        })
    })
}

/// An address in Bech32 or, for a segregated witness of version 1 and up, in Bech32m (BIP-173,
/// BIP-350).
pub(super) fn bech32(text: &[u8]) -> bool {
    let (lower, upper) =
        (text.iter().any(u8::is_ascii_lowercase), text.iter().any(u8::is_ascii_uppercase));
    let text = text.to_ascii_lowercase();
    let Some(split) = text.iter().rposition(|byte| *byte == b'1') else { return false };
    let Some((prefix, [_, data @ ..])) = text.split_at_checked(split) else { return false };
    let Some(data) = quintets(data) else { return false };
    let Some((payload, _)) = data.split_last_chunk::<6>() else { return false };
    let sum = bech32_sum(prefix, &data);
    if prefix.is_empty() || (lower && upper) || text.len() > LONGEST {
        return false;
    }
    match (prefix, payload) {
        (b"bc" | b"tb" | b"bcrt" | b"ltc" | b"tltc", [version, program @ ..]) => {
            witness(*version, program) && sum == if *version == 0 { BECH32 } else { BECH32M }
        }
        (b"bc" | b"tb" | b"bcrt" | b"ltc" | b"tltc", []) => false,
        _ => sum == BECH32 && !payload.is_empty(),
    }
}

/// What the sum of a good address is in the two encodings.
const BECH32: u32 = 1;
const BECH32M: u32 = 0x2bc8_30a3;

fn quintets(text: &[u8]) -> Option<Vec<u8>> {
    const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    text.iter()
        .map(|byte| {
            let value = LETTERS.iter().position(|letter| letter == byte)?;
            u8::try_from(value).ok()
        })
        .collect()
}

/// Whether a witness program has a length that its version allows and nothing but zeros to fill the
/// last byte.
fn witness(version: u8, program: &[u8]) -> bool {
    let bits = program.len().saturating_mul(5);
    let spare = u32::try_from(bits % 8).unwrap_or(u32::MAX);
    let filled = program.last().is_none_or(|last| last.trailing_zeros() >= spare);
    let length = match version {
        0 => matches!(bits / 8, 20 | 32),
        1..=16 => (2..=40).contains(&(bits / 8)),
        _ => false,
    };
    length && spare < 5 && filled
}

fn bech32_sum(prefix: &[u8], data: &[u8]) -> u32 {
    let high = prefix.iter().map(|byte| byte >> 5);
    let low = prefix.iter().map(|byte| byte & 31);
    high.chain([0]).chain(low).chain(data.iter().copied()).fold(1, |sum: u32, value| {
        let top = sum >> 25;
        let shifted = ((sum & 0x01ff_ffff) << 5) ^ u32::from(value);
        let turns = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
        (0_u32..).zip(turns).fold(
            shifted,
            |sum, (bit, turn)| {
                if (top >> bit) & 1 == 1 { sum ^ turn } else { sum }
            },
        )
    })
}

/// An address of Ethereum with the checksum that its capitals are (EIP-55).
pub(super) fn eip55(text: &[u8]) -> bool {
    let Some(digits) = hex(text) else { return false };
    let mixed =
        digits.iter().any(u8::is_ascii_lowercase) && digits.iter().any(u8::is_ascii_uppercase);
    mixed && capitals_hold(digits)
}

/// An address of Ethereum with or without a checksum: in one case it has none (EIP-55).
pub(super) fn ethereum(text: &[u8]) -> bool {
    let Some(digits) = hex(text) else { return false };
    let mixed =
        digits.iter().any(u8::is_ascii_lowercase) && digits.iter().any(u8::is_ascii_uppercase);
    // Addresses of zeros with little at the end are precompiled contracts and sentinels.
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    zeros < 30 && (!mixed || capitals_hold(digits))
}

fn hex(text: &[u8]) -> Option<&[u8; 40]> {
    let digits: &[u8; 40] = text.strip_prefix(b"0x")?.try_into().ok()?;
    digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)
}

/// A letter is a capital where the digit of the Keccak-256 hash at its place is 8 or more.
fn capitals_hold(digits: &[u8; 40]) -> bool {
    use sha3::{Digest, Keccak256};
    let hash = Keccak256::digest(digits.to_ascii_lowercase());
    let hash: &[u8] = hash.as_ref();
    let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .iter()
        .zip(nibbles)
        .all(|(digit, nibble)| digit.is_ascii_digit() || digit.is_ascii_uppercase() == (nibble > 7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base58_addresses() {
        assert!(base58check(b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"));
        assert!(base58check(b"3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"));
        assert!(base58check(b"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"));
        assert!(base58check(b"5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"));
        assert!(!base58check(b"5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTK"));
        assert!(!base58check(b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"));
        assert!(!base58check(b"1A1zP1eP5QGefi2DMPTfTL5SLmv7Divf0a"));
        assert!(!base58check(b""));
        assert!(xrp(b"rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"));
        assert!(!xrp(b"rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTi"));
        assert!(solana(b"TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"));
        assert!(solana(b"11111111111111111111111111111111"));
        assert!(!solana(b"TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5"));
    }

    #[test]
    fn bech32_addresses() {
        assert!(bech32(b"BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"));
        assert!(bech32(b"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"));
        assert!(!bech32(b"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"));
        assert!(!bech32(b"bc1qw508D6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"));
        assert!(!bech32(b"bc1gmk9yu"));
        assert!(!bech32(b"bc1"));
        assert!(!bech32(b"1"));
    }

    #[test]
    fn addresses_with_a_crc() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert!(stellar(b"GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ"));
        assert!(!stellar(b"GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGA"));
        assert!(!stellar(b"GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSG"));
        assert!(ton(b"EQDtFpEwcFAEcRe5mLVh2N6C0x-_hJEM7W61_JLnSF74p4q2"));
        assert!(!ton(b"EQDtFpEwcFAEcRe5mLVh2N6C0x-_hJEM7W61_JLnSF74p4q3"));
        assert!(!ton(b"EQDtFpEwcFAEcRe5mLVh2N6C"));
    }

    #[test]
    fn ethereum_addresses() {
        assert!(eip55(b"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"));
        assert!(!eip55(b"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed"));
        assert!(!eip55(b"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"));
        assert!(ethereum(b"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"));
        assert!(!ethereum(b"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed"));
        assert!(!ethereum(b"0x0000000000000000000000000000000000000001"));
        assert!(!ethereum(b"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae"));
    }
}
