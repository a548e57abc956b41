//! Tokens that carry a proof of their form.

/// A JSON Web Token: three parts in base64url, the first a JSON object that has an "alg" (RFC 7519,
/// section 7.2; RFC 7515, section 4.1.1).
pub(super) fn jwt(text: &[u8]) -> bool {
    let parts: Vec<&[u8]> = text.split(|byte| *byte == b'.').collect();
    let [header, payload, signature] = *parts.as_slice() else { return false };
    let spelt = |part: &[u8]| !part.is_empty() && part.iter().all(|byte| sextet(*byte).is_some());
    spelt(payload) && spelt(signature) && base64url(header).is_some_and(|json| names_alg(&json))
}

/// Base64 with the alphabet for addresses and without padding (RFC 4648, section 5).
fn base64url(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    for group in text.chunks(4) {
        let mut bits: u32 = 0;
        for byte in group {
            bits = (bits << 6) | u32::from(sextet(*byte)?);
        }
        let [_, first, second, third] = bits.to_be_bytes();
        let [_, _, high, low] = (bits >> 2).to_be_bytes();
        let [.., only] = (bits >> 4).to_be_bytes();
        match group.len() {
            4 => bytes.extend([first, second, third]),
            3 => bytes.extend([high, low]),
            2 => bytes.push(only),
            _ => return None,
        }
    }
    Some(bytes)
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

/// Whether a JSON object has a member "alg" itself, not in an object within it.
fn names_alg(json: &[u8]) -> bool {
    let json = json.trim_ascii();
    if !json.starts_with(b"{") || !json.ends_with(b"}") || std::str::from_utf8(json).is_err() {
        return false;
    }
    let (mut depth, mut found) = (0_usize, false);
    let mut rest = json;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' if depth == 0 => return false,
            b'}' | b']' => depth -= 1,
            b'"' => {
                let Some((string, after)) = string(rest) else { return false };
                found |= depth == 1 && string == b"alg" && after.trim_ascii().starts_with(b":");
                rest = after;
            }
            _ => {}
        }
    }
    found && depth == 0
}

/// A JSON string up to its closing quote, escapes as they stand, and what follows the quote.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut escaped = false;
    let end = text.iter().position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    })?;
    let (string, quoted) = text.split_at_checked(end)?;
    Some((string, quoted.get(1..)?))
}

/// A token whose last six characters are the CRC-32 of the 30 before them in base 62 (GitHub,
/// "Behind GitHub's new authentication token formats", 2021; npm uses it as well). The prefix up to
/// the underscore does not count.
pub(super) fn crc32_base62(text: &[u8]) -> bool {
    let Some(after) = text.iter().position(|byte| *byte == b'_') else { return false };
    let Some([_, token @ ..]) = text.get(after..) else { return false };
    let Some((random, check)) = token.split_last_chunk::<6>() else { return false };
    random.len() == 30 && base62(crc32(random)) == *check
}

/// CRC-32 as in Ethernet, bit by bit (ISO/IEC/IEEE 8802-3; the text is short).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

/// A number in base 62, digits, capitals, small letters, filled with zeros; six places hold any of
/// 32 bits.
fn base62(mut number: u32) -> [u8; 6] {
    let mut places = [b'0'; 6];
    for place in places.iter_mut().rev() {
        let [value, ..] = (number % 62).to_le_bytes();
        *place = match value {
            0..=9 => b'0' + value,
            10..=35 => b'A' + (value - 10),
            _ => b'a' + (value - 36),
        };
        number /= 62;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_web_tokens() {
        // RFC 7515, appendix A.1, its signature shortened.
        assert!(jwt(b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UifQ.dBjftJeZ4CVP"));
        assert!(!jwt(b"eyJ0eXAiOiJKV1QifQ.eyJpc3MiOiJqb2UifQ.dBjftJeZ4CVP"));
        assert!(!jwt(b"eyJhIjp7ImFsZyI6MX19.eyJpc3MiOiJqb2UifQ.dBjftJeZ4CVP"));
        assert!(!jwt(b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UifQ"));
        assert!(!jwt(b"com.sun.proxy"));
        assert!(!jwt(b".."));
    }

    #[test]
    fn tokens_with_a_checksum() {
        // The token in GitHub's own announcement.
        assert!(crc32_base62(b"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"));
        assert!(!crc32_base62(b"ghp_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq18"));
        assert!(!crc32_base62(b"ghp_0mLq17"));
        assert!(!crc32_base62(b"ghp"));
    }
}
