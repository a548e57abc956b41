//! JSON as VS Code writes it: with comments and trailing commas.

/// `text` without comments and trailing commas; lines stay lines, so that an error of the JSON parser
/// names the right one.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    // Where the last comma stands, if nothing but space came after it.
    let mut comma = None;
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('"', _) => {
                comma = None;
                plain.push(c);
                string(&mut rest, &mut plain);
            }
            ('/', Some('/')) => while rest.next_if(|c| *c != '\n').is_some() {},
            ('/', Some('*')) => {
                rest.next();
                let mut star = false;
                for c in rest.by_ref() {
                    plain.push(if c == '\n' { '\n' } else { ' ' });
                    if star && c == '/' {
                        break;
                    }
                    star = c == '*';
                }
            }
            (']' | '}', _) => {
                if let Some(at) = comma.take() {
                    plain.replace_range(at..=at, " ");
                }
                plain.push(c);
            }
            (',', _) => {
                comma = Some(plain.len());
                plain.push(c);
            }
            // Some editors write a byte-order mark.
            ('\u{feff}', _) if plain.is_empty() => {}
            _ => {
                if !c.is_whitespace() {
                    comma = None;
                }
                plain.push(c);
            }
        }
    }
    plain
}

/// Copies the rest of a string, its closing quote included.
fn string(rest: &mut impl Iterator<Item = char>, plain: &mut String) {
    let mut escaped = false;
    for c in rest {
        plain.push(c);
        match c {
            '"' if !escaped => return,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_trailing_commas_go_and_strings_stay() {
        let text = "{ // one\n \"a\": \"//, \\\" /* no */\", /* two\n */ \"b\": [1, 2,], }";
        let value: serde_json::Value = serde_json::from_str(&plain(text)).unwrap();
        assert_eq!(value, serde_json::json!({ "a": "//, \" /* no */", "b": [1, 2] }));
        assert_eq!(plain(text).lines().count(), text.lines().count());
    }

    #[test]
    fn what_is_no_json_stays_none() {
        for text in ["", "/*", "\"", "[1 2]", "/"] {
            assert!(serde_json::from_str::<serde_json::Value>(&plain(text)).is_err(), "{text}");
        }
    }
}
