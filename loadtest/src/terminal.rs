//! The terminal: when to colour, and what may be written to it.

use std::borrow::Cow;
use std::env;
use std::ffi::OsStr;
use std::io::{self, ErrorKind, IsTerminal, Write};

use anyhow::{Context, Result};

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// What is wrong.
    Bad,
    /// What should be looked at.
    Warning,
    Good,
    Heading,
    Quiet,
}

/// Whether one stream is coloured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    #[cfg(test)]
    pub(crate) const NONE: Self = Self { on: false };

    pub(crate) fn for_stdout() -> Self {
        // https://no-color.org: set and not empty.
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = is_dumb(env::var_os("TERM").as_deref());
        Self { on: io::stdout().is_terminal() && !refused && !dumb }
    }

    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        let code = match style {
            _ if !self.on => return text.to_owned(),
            Style::Bad => "1;31",
            Style::Warning => "1;33",
            Style::Good => "32",
            Style::Heading => "1",
            Style::Quiet => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Whether a terminal of this name takes no escape sequence.
pub(crate) fn is_dumb(term: Option<&OsStr>) -> bool {
    term.is_some_and(|term| term == "dumb")
}

/// Text from outside as a terminal may have it: nothing that moves the cursor, colours, rings, or
/// turns the direction of what follows.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if is_harmful(c) { '\u{fffd}' } else { c }).collect())
}

/// Controls (C0, DEL, C1), line and paragraph separators, and the marks of the bidirectional
/// algorithm (UAX #9).
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The start of a text, with a mark where something is left out.
pub(crate) fn shortened(text: &str, chars_max: usize) -> Cow<'_, str> {
    if text.chars().nth(chars_max).is_none() {
        return Cow::Borrowed(text);
    }
    let Some(kept) = chars_max.checked_sub(1) else { return Cow::Borrowed("") };
    Cow::Owned(text.chars().take(kept).chain(['…']).collect())
}

/// Writes to stdout. A reader that has gone away (`… | head`) is no failure.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to stdout")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_steers_the_terminal() {
        let hostile = "a\x1b[2Jb\r\nc\u{9b}31md\u{202e}e\u{2066}\x07\x7f";
        let cleaned = clean(hostile);
        assert!(!cleaned.contains(is_harmful), "{cleaned:?}");
        assert_eq!(cleaned.replace('\u{fffd}', ""), "a[2Jbc31mde");
        assert_eq!(clean("tools/call écho 日本"), "tools/call écho 日本");
    }

    #[test]
    fn what_is_left_out_is_marked() {
        assert_eq!(shortened("abc", 3), "abc");
        assert_eq!(shortened("abcd", 3), "ab…");
        assert_eq!(shortened("äöüß", 3), "äö…");
        assert_eq!((shortened("ab", 1), shortened("ab", 0)), ("…".into(), "".into()));
    }

    #[test]
    fn a_dumb_terminal_is_known_by_its_name() {
        assert!(is_dumb(Some(OsStr::new("dumb"))));
        assert!(!is_dumb(Some(OsStr::new("xterm-256color"))) && !is_dumb(None));
    }
}
