//! How random a secret looks.

/// Shannon's entropy of the bytes' frequencies, in bits a byte: 0 of one byte repeated, 4 at most of hex
/// digits, 6 at most of base64. Short texts stay below what their alphabet allows: 20 bytes have at most
/// 4.3 bits.
#[allow(clippy::cast_precision_loss, reason = "no text is longer than 2^53 bytes")]
pub(crate) fn bits_per_byte(text: &[u8]) -> f64 {
    let mut counts = [0_u64; 256];
    for byte in text {
        counts[usize::from(*byte)] += 1;
    }
    let whole = text.len() as f64;
    let bits = |count: &u64| {
        let share = *count as f64 / whole;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(bits).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_that_of_the_frequencies() {
        let near = |text: &str, bits: f64| (bits_per_byte(text.as_bytes()) - bits).abs() < 1e-9;
        assert!(near("", 0.0) && near("aaaa", 0.0) && near("ab", 1.0) && near("abcdabcd", 2.0));
        assert!(near("0123456789abcdef", 4.0));
        assert!(near("aab", 0.918_295_834_054_489_6));
    }
}
