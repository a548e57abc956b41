//! "Did you mean …?"

/// The candidate that `word` was probably meant to be.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Edit distance is quadratic; nothing this long is a misspelt key.
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase().replace(['-', ' '], "_");
    let fold = |candidate: &str| candidate.to_lowercase().replace('-', "_");
    let distance = |candidate: &str| strsim::osa_distance(&lower, &fold(candidate));
    let near = candidates.into_iter().map(|candidate| (distance(candidate), candidate));
    let (distance, candidate) = near.min_by_key(|(distance, _)| *distance)?;
    let longer_or_shorter = |long: &str, short: &str| short.len() > 2 && long.starts_with(short);
    let close = distance <= (candidate.len() / 3).max(1)
        || longer_or_shorter(&lower, &fold(candidate))
        || longer_or_shorter(&fold(candidate), &lower);
    close.then_some(candidate)
}

/// The candidate that has another name elsewhere: in `mcpServers` files, nginx, other gateways.
pub(crate) fn known_elsewhere<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    const NAMES: &[(&str, &str)] = &[
        ("backends", "upstreams"),
        ("bind", "address"),
        ("bind", "listeners"),
        ("ca_file", "ca"),
        ("cert", "certificate"),
        ("cmd", "command"),
        ("cwd", "directory"),
        ("endpoint", "url"),
        ("environment", "env"),
        ("listen", "address"),
        ("listen", "listeners"),
        ("logging", "log"),
        ("max_body_size", "body_bytes"),
        ("max_connections", "connections"),
        ("mcpservers", "upstreams"),
        ("port", "address"),
        ("private_key", "key"),
        ("server_names", "hosts"),
        ("sni", "server_name"),
        ("socket", "unix"),
        ("timeout", "first_byte_timeout"),
        ("type", "transport"),
        ("uri", "url"),
        ("workers", "shards"),
        ("working_directory", "directory"),
    ];
    let word = word.to_lowercase().replace('-', "_");
    let meant = NAMES.iter().filter(|(other, _)| *other == word).map(|(_, ours)| *ours);
    meant.into_iter().find_map(|ours| candidates.iter().copied().find(|key| *key == ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_key_and_a_stranger_none() {
        assert_eq!(nearest("upstreem", ["url", "upstream"]), Some("upstream"));
        assert_eq!(nearest("head-bytes", ["head_bytes", "body_bytes"]), Some("head_bytes"));
        assert_eq!(nearest("banana", ["url", "upstream"]), None);
        assert_eq!(known_elsewhere("cwd", &["url", "directory"]), Some("directory"));
    }
}
