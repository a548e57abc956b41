//! What messages are made of: the texts of the labelled corpus that look like something and are nothing, by what a tool
//! answers with; or the files of this repository, as a coding agent reads them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use penstock_inspect::{Form, Inspector, Scratch};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::random::Random;

const CORPUS: &str = include_str!("../../detection/corpus.jsonl");
/// What kinds begin with that hold nothing to be found.
const NEGATIVE: &str = "hard-negative-";

/// What a tool answers with, in how many answers of a hundred, and which kinds of the corpus are that.
struct Source {
    name: &'static str,
    percent: usize,
    /// Whether its texts are records, that an answer gives as `structuredContent` too.
    records: bool,
    kinds: &'static [&'static str],
}

/// Guessed: nobody has published what agents' tools answer with. Coding agents read source most of all.
const SOURCES: [Source; 7] = [
    Source {
        name: "source code",
        percent: 30,
        records: false,
        kinds: &[
            "python-code",
            "javascript-code",
            "go-rust-java-code",
            "css",
            "form-and-types",
            "svg-and-html",
            "config-references",
            "shell-and-ci",
            "git-show",
        ],
    },
    Source {
        name: "issues",
        percent: 15,
        records: false,
        kinds: &["issue-list", "git-log", "review", "chat", "calendar"],
    },
    Source {
        name: "logs",
        percent: 15,
        records: false,
        kinds: &[
            "app-log",
            "ci-log",
            "nginx-log",
            "stack-trace",
            "auth-events",
            "process-lists",
            "http-exchange",
        ],
    },
    Source {
        name: "prose",
        percent: 15,
        records: false,
        kinds: &["prose", "readme", "languages", "security-prose", "token-docs"],
    },
    Source {
        name: "records",
        percent: 15,
        records: true,
        kinds: &["json-record", "schemas", "translation-file", "mcp-messages", "mcp-tools-list"],
    },
    Source {
        name: "lock files",
        percent: 5,
        records: false,
        kinds: &["package-lock", "yarn-lock", "other-locks", "docker-digests", "sha256sums"],
    },
    Source {
        name: "tables",
        percent: 5,
        records: false,
        kinds: &["csv-numbers", "sql-result", "catalogue", "metrics"],
    },
];

/// Where the files of this repository are, and of a hundred messages how many hold them.
const FILES: [(&str, usize, &[&str], &str); 4] = [
    ("Rust", 50, &["dataplane/http1/src", "dataplane/mcp/src", "dataplane/proxy/src"], "rs"),
    ("documents", 30, &["docs"], "md"),
    ("scripts", 10, &["tests/clients"], "py"),
    ("lock files", 10, &[""], "lock"),
];
/// A piece of a file is of whole lines, and no longer, but for one line.
const PIECE_BYTES: usize = 1500;

/// A text, as it stands in a message.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) text: String,
    /// Within a string of JSON.
    pub(crate) escaped: String,
    /// As a value of JSON by itself.
    pub(crate) record: String,
    /// That, within a string.
    pub(crate) escaped_record: String,
}

/// The pieces of one source.
pub(crate) struct Shelf {
    pub(crate) name: &'static str,
    percent: usize,
    pub(crate) records: bool,
    pub(crate) pieces: Vec<Piece>,
}

/// All pieces there are.
pub(crate) struct Stock {
    pub(crate) shelves: Vec<Shelf>,
    /// In each of which something is found.
    pub(crate) hits: Vec<Piece>,
    /// Texts without labels in which something is found nevertheless, and labelled ones in which nothing is; neither
    /// is used.
    pub(crate) left_out: usize,
}

#[derive(Deserialize)]
struct Case {
    kind: String,
    text: String,
    spans: Vec<IgnoredAny>,
}

impl Stock {
    /// Sorts the corpus by what these rules find in it.
    pub(crate) fn new(inspector: &Inspector) -> Result<Self> {
        let mut scratch = inspector.scratch()?;
        let empty = |source: &Source| Shelf {
            name: source.name,
            percent: source.percent,
            records: source.records,
            pieces: Vec::new(),
        };
        let mut stock =
            Self { shelves: SOURCES.iter().map(empty).collect(), hits: Vec::new(), left_out: 0 };
        for (number, line) in CORPUS.lines().enumerate() {
            let case: Case = serde_json::from_str(line)
                .with_context(|| format!("bench/detection/corpus.jsonl:{}", number + 1))?;
            let labelled = !case.spans.is_empty();
            let of = |source: &Source| {
                let kind = case.kind.strip_prefix(NEGATIVE);
                kind.is_some_and(|kind| source.kinds.contains(&kind))
            };
            let shelf = SOURCES.iter().position(of);
            if !labelled && shelf.is_none() {
                continue;
            }
            let piece = Piece::new(case.text)?;
            if is_found_in(&piece, inspector, &mut scratch)? != labelled {
                stock.left_out += 1;
            } else if labelled {
                stock.hits.push(piece);
            } else if let Some(shelf) = shelf.and_then(|at| stock.shelves.get_mut(at)) {
                let whole = piece.record == piece.text;
                if whole || !shelf.records {
                    shelf.pieces.push(piece);
                }
            }
        }
        for shelf in &stock.shelves {
            ensure!(!shelf.pieces.is_empty(), "the corpus has no {} to use", shelf.name);
        }
        ensure!(!stock.hits.is_empty(), "nothing is found in the whole corpus");
        Ok(stock)
    }

    /// The files of this repository, piece by piece.
    pub(crate) fn of_files(inspector: &Inspector) -> Result<Self> {
        let mut scratch = inspector.scratch()?;
        let mut stock = Self { shelves: Vec::new(), hits: Vec::new(), left_out: 0 };
        for (name, percent, folders, ending) in FILES {
            let mut pieces = Vec::new();
            for file in files(folders, ending)? {
                let text = fs::read_to_string(&file)
                    .with_context(|| format!("cannot read {}", file.display()))?;
                for piece in cut(&text) {
                    let piece = Piece::new(piece.to_owned())?;
                    if is_found_in(&piece, inspector, &mut scratch)? {
                        stock.left_out += 1;
                    } else {
                        pieces.push(piece);
                    }
                }
            }
            ensure!(!pieces.is_empty(), "there are no {name} to use");
            stock.shelves.push(Shelf { name, percent, records: false, pieces });
        }
        Ok(stock)
    }

    /// The source of an answer.
    pub(crate) fn shelf(&self, random: &mut Random) -> Option<&Shelf> {
        let mut at = random.below(self.shelves.iter().map(|shelf| shelf.percent).sum());
        self.shelves.iter().find(|shelf| {
            let here = at < shelf.percent;
            at = at.saturating_sub(shelf.percent);
            here
        })
    }
}

impl Piece {
    pub(crate) fn new(text: String) -> Result<Self> {
        let record = if serde_json::from_str::<IgnoredAny>(&text).is_ok() {
            text.clone()
        } else {
            format!("{{\"text\":\"{}\"}}", escaped(&text)?)
        };
        let (escaped, escaped_record) = (escaped(&text)?, escaped(&record)?);
        Ok(Self { text, escaped, record, escaped_record })
    }
}

/// All with this ending, in order.
fn files(folders: &[&str], ending: &str) -> Result<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut all = Vec::new();
    for folder in folders {
        let folder = root.join(folder);
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|own| own == ending) {
                all.push(path);
            }
        }
    }
    all.sort_unstable();
    Ok(all)
}

/// A text in pieces of whole lines.
fn cut(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut end) = (0, 0);
    for line in text.split_inclusive('\n') {
        if end > start && end + line.len() - start > PIECE_BYTES {
            pieces.extend(text.get(start..end));
            start = end;
        }
        end += line.len();
    }
    pieces.extend(text.get(start..end).filter(|last| !last.is_empty()));
    pieces
}

/// As it stands between the quotes of a string of JSON.
fn escaped(text: &str) -> Result<String> {
    let quoted = serde_json::to_string(text)?;
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    Ok(inner.context("a string has no quotes")?.to_owned())
}

/// Whether anything is, in either form in which a piece stands in messages.
fn is_found_in(piece: &Piece, inspector: &Inspector, scratch: &mut Scratch) -> Result<bool> {
    let mut found = false;
    for message in [format!("[\"{}\"]", piece.escaped), piece.record.clone()] {
        found |= !inspector.scan(message.as_bytes(), Form::Json, scratch)?.is_empty();
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_of_a_hundred_and_no_kind_is_of_two_sources() {
        assert_eq!(SOURCES.iter().map(|source| source.percent).sum::<usize>(), 100);
        let mut kinds: Vec<&str> =
            SOURCES.iter().flat_map(|source| source.kinds).copied().collect();
        let all = kinds.len();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), all);
        for kind in kinds {
            let kind = format!("\"kind\": \"{NEGATIVE}{kind}\"");
            assert!(CORPUS.contains(&kind), "{kind} is not in the corpus");
        }
    }

    #[test]
    fn a_file_is_cut_between_its_lines_and_nothing_of_it_is_lost() {
        let text = ["a\n", &"b\n".repeat(1000), &"c".repeat(2000), "\nd"].concat();
        let pieces = cut(&text);
        assert_eq!(pieces.concat(), text);
        assert_eq!(
            pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>(),
            [1500, 502, 2001, 1]
        );
        assert_eq!(FILES.iter().map(|(_, percent, ..)| percent).sum::<usize>(), 100);
    }

    #[test]
    fn what_is_json_is_a_record_by_itself() {
        let piece = Piece::new("{\"a\":\"b\"}".to_owned()).unwrap();
        assert_eq!(piece.record, piece.text);
        assert_eq!(piece.escaped, r#"{\"a\":\"b\"}"#);
        let piece = Piece::new("a\n\"b\"".to_owned()).unwrap();
        assert_eq!(piece.record, r#"{"text":"a\n\"b\""}"#);
        assert_eq!(piece.escaped_record, r#"{\"text\":\"a\\n\\\"b\\\"\"}"#);
    }
}
