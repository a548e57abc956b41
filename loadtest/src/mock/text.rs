//! What answers say: prose and records in JSON, as tools answer them, made once from the seed; or what a
//! file says.
//!
//! It is kept as it stands within a JSON string, so that an answer is a copy of its start. Its only
//! escapes have two bytes.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::secret::SECRET_BYTES_MAX;
use crate::random::Random;

/// Sentences from one record to the next.
const SENTENCES: usize = 6;

const WHO: &[&str] = &[
    "The worker that settles payments",
    "A customer of the northern region",
    "The nightly export",
    "Support",
    "The engineer on call",
    "This service",
    "The retry queue",
    "The gateway of a partner",
    "The second replica",
    "Every client of the older version",
];
const DOES: &[&str] = &[
    "reports",
    "still waits for",
    "has lost",
    "retries",
    "does not see",
    "confirmed",
    "wrote down",
    "rejects",
    "compares",
    "asked about",
];
const WHAT: &[&str] = &[
    "the refund that was captured twice",
    "an order without its address",
    "the answer of the search index",
    "the invoice of the month before",
    "a timeout while the report is built",
    "the change of the delivery date",
    "two entries with the same number",
    "the file that the scanner left behind",
    "the schema of the new release",
    "a label that nobody has used since spring",
];
const WHEN: &[&str] = &[
    "since the last deployment",
    "whenever the cache is cold",
    "after about thirty seconds",
    "in both regions",
    "but only on weekdays",
    "as described in the runbook",
    "before the lock is released",
    "although the flag is off",
    "for a small part of all requests",
    "until it is started again",
];
const STATES: &[&str] = &["open", "closed", "in review", "blocked"];
const TEAMS: &[&str] = &["payments", "search", "delivery", "identity", "reporting"];

/// Text to cut answers from.
#[derive(Debug)]
pub(crate) struct Text {
    escaped: Vec<u8>,
    /// Where a secret can stand: in prose, with room for it. The first is 0.
    places: Vec<usize>,
}

/// How much text an answer holds, and what is hidden in it.
#[derive(Debug)]
pub(crate) struct Choice<'a> {
    pub(crate) bytes: usize,
    pub(crate) secret: Option<Hidden<'a>>,
}

/// A secret, and what says where it stands.
#[derive(Debug)]
pub(crate) struct Hidden<'a> {
    pub(crate) secret: &'a str,
    pub(crate) random: Random,
}

impl Choice<'_> {
    /// The text's bytes: an answer too small for its secret grows.
    pub(crate) fn len(&self) -> usize {
        self.secret.as_ref().map_or(0, |hidden| hidden.secret.len()).max(self.bytes)
    }
}

impl Text {
    /// At least so many bytes.
    pub(crate) fn new(seed: u64, bytes: usize) -> Self {
        let mut random = Random::new(seed);
        let mut text = Self { escaped: Vec::with_capacity(bytes + 2048), places: Vec::new() };
        while text.escaped.len() < bytes || text.places.is_empty() {
            text.paragraph(&mut random);
            for _ in 0..=random.below(3) {
                text.record(&mut random);
            }
        }
        text
    }

    /// What a file says, again and again until there are so many bytes.
    pub(crate) fn of_file(file: &Path, bytes: usize) -> Result<Self> {
        let read = std::fs::read_to_string(file);
        let said = read.with_context(|| format!("`--text`: cannot read {}", file.display()))?;
        let escaped = escaped(&said).with_context(|| format!("`--text {}`", file.display()))?;
        ensure!(!escaped.is_empty(), "`--text {}`: the file is empty", file.display());
        let times = bytes.div_ceil(escaped.len()).max(1);
        Ok(Self { escaped: escaped.repeat(times), places: Vec::new() })
    }

    fn paragraph(&mut self, random: &mut Random) {
        let mut starts = Vec::new();
        for _ in 0..SENTENCES {
            starts.push(self.escaped.len());
            let [who, does, what, when] =
                [WHO, DOES, WHAT, WHEN].map(|words| random.pick(words, ""));
            self.escaped.extend_from_slice(format!("{who} {does} {what} {when}. ").as_bytes());
        }
        let end = self.escaped.len();
        self.places.extend(starts.into_iter().filter(|start| start + SECRET_BYTES_MAX <= end));
        self.escaped.extend_from_slice(br"\n");
    }

    fn record(&mut self, random: &mut Random) {
        let number = 1000 + random.below(9000);
        let team = random.pick(TEAMS, "");
        let record = serde_json::json!({
            "id": format!("{}-{number}", team.get(..3).unwrap_or_default().to_uppercase()),
            "title": format!("{} {}", random.pick(WHAT, ""), random.pick(WHEN, "")),
            "state": random.pick(STATES, ""),
            "team": team,
            "created": format!(
                "2026-{:02}-{:02}T{:02}:{:02}:00Z",
                1 + random.below(12),
                1 + random.below(28),
                random.below(24),
                random.below(60)
            ),
            "comments": random.below(40),
            "urgent": random.below(5) == 0,
        });
        self.escaped.extend_from_slice(record.to_string().replace('"', r#"\""#).as_bytes());
        self.escaped.extend_from_slice(br"\n");
    }

    /// Appends what was chosen: [`Choice::len`] bytes that can stand in a JSON string.
    pub(crate) fn write(&self, out: &mut Vec<u8>, choice: Choice<'_>) {
        let start = out.len();
        out.extend_from_slice(self.escaped.get(..choice.bytes).unwrap_or(&self.escaped));
        dot_what_is_cut(out.get_mut(start..).unwrap_or_default());
        let Some(Hidden { secret, mut random }) = choice.secret else { return };
        let places = self.places.partition_point(|place| place + secret.len() <= choice.bytes);
        let place = self.places.get(random.below(places)).filter(|_| places > 0);
        let covered = place.map(|place| start + place..start + place + secret.len());
        if let Some(covered) = covered.and_then(|covered| out.get_mut(covered)) {
            covered.copy_from_slice(secret.as_bytes());
        } else {
            out.truncate(start);
            out.extend_from_slice(secret.as_bytes());
        }
    }
}

/// As it stands in a JSON string.
fn escaped(text: &str) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 8);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(br"\n"),
            b'\r' => out.extend(br"\r"),
            b'\t' => out.extend(br"\t"),
            0..0x20 => anyhow::bail!("byte {at} is the control character {byte:#04x}; take it out"),
            _ => out.push(byte),
        }
    }
    Ok(out)
}

/// At the end of a text the first half of an escape and the beginning of a character become dots.
fn dot_what_is_cut(text: &mut [u8]) {
    let backslashes = text.iter().rev().take_while(|byte| **byte == b'\\').count();
    let whole = match std::str::from_utf8(text.get(last_of_character(text)..).unwrap_or_default()) {
        Ok(_) => text.len() - backslashes % 2,
        Err(error) => last_of_character(text) + error.valid_up_to(),
    };
    text.get_mut(whole..).unwrap_or_default().fill(b'.');
}

/// Where the last character begins.
fn last_of_character(text: &[u8]) -> usize {
    text.iter().rposition(|byte| byte & 0xc0 != 0x80).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &Text, choice: Choice<'_>) -> String {
        let (length, mut out) = (choice.len(), b"\"".to_vec());
        text.write(&mut out, choice);
        assert_eq!(out.len(), length + 1);
        out.push(b'"');
        serde_json::from_slice(&out).expect("a JSON string")
    }

    #[test]
    fn every_size_is_exact_and_valid_within_json() {
        let text = Text::new(1, 5000);
        for bytes in 0..5000 {
            let said = written(&text, Choice { bytes, secret: None });
            assert!(said.is_ascii());
        }
    }

    #[test]
    fn what_a_file_says_is_said_as_far_as_there_is_room_and_again_where_there_is_more() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let said = "a\\b \"c\"\n\té€😀 end. ";
        std::fs::write(file.path(), said).unwrap();
        let text = Text::of_file(file.path(), 100).unwrap();
        for bytes in 0..100 {
            let cut = written(&text, Choice { bytes, secret: None });
            let right = cut.trim_end_matches('.');
            assert!(said.repeat(9).starts_with(right), "{cut:?}");
            assert!(cut.len() - right.len() <= 3, "{cut:?}");
        }
        assert!(written(&text, Choice { bytes: 100, secret: None }).contains(said));
        std::fs::write(file.path(), "a\u{1}b").unwrap();
        let error = format!("{:#}", Text::of_file(file.path(), 100).unwrap_err());
        assert!(error.contains("byte 1 is the control character 0x01"), "{error}");
        std::fs::write(file.path(), "").unwrap();
        let error = format!("{:#}", Text::of_file(file.path(), 100).unwrap_err());
        assert!(error.ends_with("the file is empty"), "{error}");
    }

    #[test]
    fn it_reads_like_what_tools_answer() {
        let said = written(&Text::new(1, 4096), Choice { bytes: 4096, secret: None });
        let lines: Vec<&str> = said.lines().collect();
        let records = lines.iter().filter(|line| line.starts_with('{')).collect::<Vec<_>>();
        let (_, whole) = records.split_last().expect("records");
        for record in whole {
            let record: serde_json::Value = serde_json::from_str(record).expect("JSON");
            assert!(record["title"].is_string() && record["comments"].is_u64());
        }
        assert!(whole.len() >= 2 && lines[0].ends_with(". "), "{said}");
        let words: std::collections::HashSet<&str> = said.split_whitespace().collect();
        assert!(words.len() > 100, "{}", words.len());
    }

    #[test]
    fn the_seed_decides_what_is_said() {
        let said = |seed| written(&Text::new(seed, 500), Choice { bytes: 500, secret: None });
        assert_eq!(said(1), said(1));
        assert_ne!(said(1), said(2));
    }

    #[test]
    fn a_secret_stands_in_prose_wherever_there_is_room() {
        let text = Text::new(1, 5000);
        let secret = "The key is 0123456789abcdef0123456789abcdef. ";
        let mut places = std::collections::HashSet::new();
        for bytes in 0..3000 {
            let random = Random::new(bytes as u64);
            let hidden = Some(Hidden { secret, random });
            let said = written(&text, Choice { bytes, secret: hidden });
            let at = said.find(secret).expect("the secret");
            places.insert(at);
            // Records stay whole.
            let records = said.lines().filter(|line| line.starts_with('{'));
            for record in records.filter(|line| line.ends_with('}')) {
                assert!(serde_json::from_str::<serde_json::Value>(record).is_ok(), "{record}");
            }
        }
        assert!(places.len() > 10, "{places:?}");
    }
}
