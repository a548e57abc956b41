//! What the demo prints, in colour where that is a terminal.

use std::env;
use std::io::{IsTerminal, stdout};

/// Of a long line, its beginning and its end are shown: most often they tell the method and the result.
const SHOWN_FIRST: usize = 68;
const SHOWN_LAST: usize = 38;

/// The heading of a part.
pub(super) fn title(text: &str) {
    println!("\n{}", painted("1", &format!("── {text}")));
}

/// A line that explains.
pub(super) fn note(text: &str) {
    println!("  {text}");
}

/// What went to penstock.
pub(super) fn request(line: &str, headers: &[(&str, &str)], body: &str) {
    println!("\n  {} {line}", painted("36", "→"));
    if !headers.is_empty() {
        let headers: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        println!("    {}", painted("2", &headers.join(" · ")));
    }
    if !body.is_empty() {
        println!("    {}", shortened(body));
    }
}

/// What came back. Why something was refused is shown whole.
pub(super) fn answer(status: u16, about: &str, body: &str) {
    let (colour, refused) = if status < 400 { ("32", false) } else { ("33", true) };
    println!("  {} {about}", painted(colour, &format!("← {status}")));
    let fields = ["event:", "id:", "retry:", ":"];
    let data = |line: &&str| !line.is_empty() && !fields.iter().any(|name| line.starts_with(name));
    for line in body.lines().filter(data) {
        println!("    {}", if refused { line.to_owned() } else { shortened(line) });
    }
}

/// Of a try how it ended, and what it was.
pub(super) fn outcome(word: &str, refused: bool, what: &str) {
    let colour = if refused { "33" } else { "32" };
    println!("  {}{what}", painted(colour, word));
}

/// The text in a colour of ECMA-48, unless nobody would see it or wants it (<https://no-color.org>).
fn painted(code: &str, text: &str) -> String {
    let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if unwanted || !stdout().is_terminal() {
        return text.to_owned();
    }
    format!("\x1b[{code}m{text}\x1b[0m")
}

fn shortened(line: &str) -> String {
    let chars: Vec<char> = line.chars().collect();
    if chars.len() <= SHOWN_FIRST + SHOWN_LAST + 1 {
        return line.to_owned();
    }
    let (first, last) = (&chars[..SHOWN_FIRST], &chars[chars.len() - SHOWN_LAST..]);
    first.iter().chain(&['…']).chain(last).collect()
}
