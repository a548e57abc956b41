//! Reports for the terminal.

mod comparison;
mod summary;
mod table;

use super::alerts::{Alert, Level};
use super::assertions::{Assertion, INTERRUPTED};
use crate::terminal::{Paint, Style, clean};

pub(crate) use comparison::comparison;
pub(crate) use summary::summary;

/// What must be known before the numbers.
fn warnings(alerts: &[Alert], paint: Paint) -> String {
    let mut shown = String::new();
    for alert in alerts {
        let (style, word) = match alert.level {
            Level::Void => (Style::Bad, "!!"),
            Level::Bad => (Style::Bad, "error:"),
            Level::Warning => (Style::Warning, "warning:"),
        };
        let text = match alert.level {
            Level::Void => paint.paint(Style::Bad, &clean(&alert.text)),
            _ => clean(&alert.text).into_owned(),
        };
        shown.push_str(&format!("{} {text}\n", paint.paint(style, word)));
        for detail in &alert.details {
            shown.push_str(&format!("   - {}\n", clean(detail)));
        }
    }
    if !shown.is_empty() {
        shown.push('\n');
    }
    shown
}

/// The verdicts, a line each.
fn verdicts(assertions: &[Assertion], subject: Option<&str>, paint: Paint) -> String {
    if assertions.is_empty() {
        return String::new();
    }
    let width = assertions.iter().map(|it| it.text.chars().count()).max().unwrap_or(0);
    let mut shown = String::from("\n");
    if let Some(subject) = subject {
        shown.push_str(&format!("Of {subject}:\n"));
    }
    for Assertion { text, held, interrupted, actual } in assertions {
        let word = match held {
            _ if *interrupted => paint.paint(Style::Warning, INTERRUPTED),
            true => paint.paint(Style::Good, "held  "),
            false => paint.paint(Style::Bad, "BROKEN"),
        };
        shown.push_str(&format!("{word}  {:<width$}  {}\n", clean(text), clean(actual)));
    }
    shown
}
