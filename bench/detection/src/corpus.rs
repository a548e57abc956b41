//! Labelled texts: JSON Lines, a case a line.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// A text, and what is in it.
#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) spans: Vec<Label>,
}

/// A value in a text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Label {
    /// In bytes of the text's UTF-8.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// As classes are named in rules; `none` marks a part in which nothing is to be found.
    pub(crate) class: String,
}

impl Label {
    pub(crate) fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// Every case of a file, or of the files `*.jsonl` of a folder.
pub(crate) fn read(path: &Path) -> Result<Vec<Case>> {
    let mut files = Vec::new();
    if path.is_dir() {
        let entries =
            fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
        for entry in entries {
            files.push(entry?.path());
        }
        files.retain(|file: &PathBuf| file.extension().is_some_and(|end| end == "jsonl"));
        files.sort();
        ensure!(!files.is_empty(), "{} holds no file *.jsonl", path.display());
    } else {
        files.push(path.to_owned());
    }
    let mut cases = Vec::new();
    for file in files {
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let place = || format!("{}:{}", file.display(), number + 1);
            let case: Case = serde_json::from_str(line).with_context(place)?;
            for label in &case.spans {
                let part = case.text.get(label.range());
                ensure!(
                    part.is_some_and(|part| !part.is_empty()),
                    "{}: case `{}`: {}..{} is no part of its text of {} bytes",
                    place(),
                    case.id,
                    label.start,
                    label.end,
                    case.text.len()
                );
            }
            cases.push(case);
        }
    }
    Ok(cases)
}
