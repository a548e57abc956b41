//! "Did you mean …?"

/// The candidate that `word` was probably meant to be.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Edit distance is quadratic; nothing this long is a misspelt word.
    const LENGTH_MAX: usize = 64;
    if word.is_empty() || word.len() > LENGTH_MAX {
        return None;
    }
    let word = word.to_lowercase();
    let near = candidates.into_iter().map(|known| (strsim::osa_distance(&word, known), known));
    let (distance, known) = near.min_by_key(|(distance, _)| *distance)?;
    let begins = known.len() > 1 && (word.starts_with(known) || known.starts_with(&word));
    (begins || distance <= (known.len() / 3).max(1)).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_none() {
        let words = ["call", "list", "read", "prompt", "init"];
        for (word, meant) in [
            ("calls", Some("call")),
            ("Call", Some("call")),
            ("initialize", Some("init")),
            ("lsit", Some("list")),
            ("banana", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, words), meant, "{word}");
        }
    }
}
