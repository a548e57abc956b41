//! The configuration as text.

use std::fmt::Write;

use super::ADDRESS;
use super::entry::Target;
use crate::schema::SCHEMA_URL;

pub(super) fn configuration(upstreams: &[(String, Target)]) -> String {
    let mut yaml = format!(
        "# yaml-language-server: $schema={SCHEMA_URL}\n\nlisteners:\n  - address: {ADDRESS}\n\n\
         upstreams:\n"
    );
    let mut servers = "\nservers:\n".to_owned();
    for (name, target) in upstreams {
        // Writing to a String does not fail.
        let _ = writeln!(yaml, "  {name}:");
        match target {
            Target::Http { url, sse } => {
                let _ = writeln!(yaml, "    url: {}", scalar(url));
                if *sse {
                    yaml.push_str("    transport: sse\n");
                }
            }
            Target::Command { command, args, env, directory } => {
                if command.contains(char::is_whitespace) {
                    // A list: one text would be taken for a program with its arguments.
                    let words = [std::slice::from_ref(command), args].concat();
                    let _ = writeln!(yaml, "    command: {}", list(&words));
                } else {
                    let _ = writeln!(yaml, "    command: {}", scalar(command));
                    if !args.is_empty() {
                        let _ = writeln!(yaml, "    args: {}", list(args));
                    }
                }
                if !env.is_empty() {
                    yaml.push_str("    env:\n");
                    for (variable, value) in env {
                        let _ = writeln!(yaml, "      {variable}: {}", scalar(value));
                    }
                }
                if let Some(directory) = directory {
                    let _ = writeln!(yaml, "    directory: {}", scalar(directory));
                }
            }
        }
        let _ = writeln!(servers, "  {name}: {name}");
    }
    yaml + &servers
}

fn list(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| scalar(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// `text` as it stands where nothing could take it for anything else, otherwise between quotes.
fn scalar(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/@:".contains(&byte);
    let safe = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && !text.ends_with(':')
        && text.bytes().all(plain)
        && !["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_lowercase().as_str());
    if safe {
        return text.to_owned();
    }
    // A JSON string is a YAML double-quoted one, where no character is one that YAML calls
    // unprintable (YAML 1.2.2, section 5.1) or takes for a line break.
    let unprintable = |c: char| {
        matches!(
            c,
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
    };
    let mut quoted = String::new();
    for c in serde_json::Value::from(text).to_string().chars() {
        if unprintable(c) {
            let _ = write!(quoted, "\\u{:04x}", u32::from(c));
        } else {
            quoted.push(c);
        }
    }
    quoted
}
