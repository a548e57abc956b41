//! One entry of a client's list.

use serde_json::{Map, Value};

use super::Import;
use crate::references::is_variable;
use crate::url::Url;

/// A server, as the configuration will say it. Texts hold references as the configuration writes
/// them.
pub(super) enum Target {
    Command {
        command: String,
        args: Vec<String>,
        env: Vec<(String, String)>,
        directory: Option<String>,
    },
    Http {
        url: String,
        sse: bool,
    },
}

/// Keys that are carried over, or that say nothing a gateway needs.
const KNOWN: &[&str] = &[
    "type",
    "transport",
    "command",
    "args",
    "env",
    "cwd",
    "url",
    "serverUrl",
    "headers",
    "disabled",
];

pub(super) fn read(import: &mut Import, name: &str, value: &Value) -> Option<Target> {
    let Some(entry) = value.as_object() else {
        import.note(name, "left out: its entry is not an object");
        return None;
    };
    if entry.get("disabled").and_then(Value::as_bool) == Some(true) {
        import.note(name, "left out: it is disabled");
        return None;
    }
    let unknown: Vec<_> = entry.keys().filter(|key| !KNOWN.contains(&key.as_str())).collect();
    for key in unknown {
        import.note(name, &format!("`{key}` is not carried over: penstock has no such key"));
    }
    if entry.contains_key("command") {
        return command(import, name, entry);
    }
    http(import, name, entry)
}

fn command(import: &mut Import, name: &str, entry: &Map<String, Value>) -> Option<Target> {
    let Some(command) = entry.get("command").and_then(Value::as_str) else {
        import.note(name, "left out: its `command` is not a text");
        return None;
    };
    let command = carry(import, name, command);
    let given = entry.get("args").and_then(Value::as_array);
    let args: Vec<_> = given.into_iter().flatten().filter_map(text_of).collect();
    if args.len() != given.map_or(0, Vec::len) {
        import.note(name, "some of its `args` are not texts and are left out");
    }
    if args.iter().any(|arg| names_secret(arg)) {
        let note = "an argument looks like a secret and is copied as it stands: better pass it by \
                    `env`, or write it as `${env:NAME}`";
        import.note(name, note);
    }
    let args = args.iter().map(|arg| carry(import, name, arg)).collect();
    let directory = entry.get("cwd").and_then(Value::as_str).map(|cwd| carry(import, name, cwd));
    Some(Target::Command { command, args, env: env(import, name, entry), directory })
}

/// The environment, every value of it by reference.
fn env(import: &mut Import, name: &str, entry: &Map<String, Value>) -> Vec<(String, String)> {
    let mut env = Vec::new();
    for (variable, value) in entry.get("env").and_then(Value::as_object).into_iter().flatten() {
        if !is_variable(variable) {
            import.note(name, &format!("`env`: `{variable}` is no name of a variable; left out"));
            continue;
        }
        let Some(value) = text_of(value) else {
            import.note(name, &format!("`env`: `{variable}` has no value; left out"));
            continue;
        };
        // Of a reference only: with anything beside it, the value may be a secret.
        let reference = value.starts_with("${") && value.find('}') == Some(value.len() - 1);
        let value = if reference {
            carry(import, name, &value)
        } else if value.is_empty() {
            value
        } else {
            format!("${{env:{}}}", import.export(name, variable, Some(&value)))
        };
        env.push((variable.clone(), value));
    }
    env
}

fn http(import: &mut Import, name: &str, entry: &Map<String, Value>) -> Option<Target> {
    let url = entry.get("url").or_else(|| entry.get("serverUrl")).and_then(Value::as_str);
    let Some(url) = url else {
        import.note(name, "left out: it has neither `command` nor `url`");
        return None;
    };
    // A URL with references is checked when they are filled in.
    if let (false, Err(error)) = (url.contains("${"), Url::parse(url)) {
        import.note(name, &format!("left out: its `url` cannot be used: {error}"));
        return None;
    }
    if url.contains('?') {
        let note = "the query of its `url` is copied as it stands; where it is a secret, write it \
                    as `${env:NAME}`";
        import.note(name, note);
    }
    let headers: Vec<_> =
        entry.get("headers").and_then(Value::as_object).into_iter().flatten().collect();
    if !headers.is_empty() {
        let names: Vec<_> = headers.iter().map(|(header, _)| header.as_str()).collect();
        let note = format!(
            "`headers` ({}) are not carried over: penstock does not set headers. Keep them in the \
             client's entry, they pass through as they are",
            names.join(", ")
        );
        import.note(name, &note);
    }
    let kind = entry.get("type").or_else(|| entry.get("transport")).and_then(Value::as_str);
    let sse = match kind {
        Some("sse") => true,
        None if url.split('?').next().is_some_and(|url| url.ends_with("/sse")) => {
            let note = "taken for a server that only speaks HTTP+SSE, by the end of its `url`; \
                        remove `transport: sse` if it speaks Streamable HTTP";
            import.note(name, note);
            true
        }
        _ => false,
    };
    Some(Target::Http { url: carry(import, name, url), sse })
}

/// `text` with the references that clients know turned into ours: `${NAME}`, `${NAME:-default}`,
/// `${env:NAME}` and `${input:id}`. Others stay as text, and are noted.
fn carry(import: &mut Import, server: &str, text: &str) -> String {
    let mut carried = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((reference, after)) = after.split_once('}') else { break };
        carried.push_str(before);
        rest = after;
        let name = reference.strip_prefix("env:").unwrap_or(reference);
        let (name, default) = match name.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (name, None),
        };
        let input = reference.strip_prefix("input:").map(variable_of);
        // `workspaceFolder` and the like are the editor's own; variables are in capitals.
        let variable = reference.starts_with("env:") || !name.contains(char::is_lowercase);
        if let Some(input) = input.filter(|input| is_variable(input)) {
            import.note(
                server,
                &format!("`${{{reference}}}` is asked by the client: penstock reads {input}"),
            );
            carried.extend(["${env:", &import.export(server, &input, None), "}"]);
        } else if variable && is_variable(name) {
            if default.is_some() {
                import.note(
                    server,
                    &format!("the default of {name} is not carried over: set the variable"),
                );
            }
            carried.extend(["${env:", &import.export(server, name, None), "}"]);
        } else {
            import.note(
                server,
                &format!(
                    "`${{{reference}}}` is known to the client alone: write what it stands for"
                ),
            );
            carried.extend(["$${", reference, "}"]);
        }
    }
    // What is left may hold a `${` that nothing closes.
    carried.push_str(&rest.replace("${", "$${"));
    carried
}

fn variable_of(input: &str) -> String {
    input
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
        .collect()
}

fn names_secret(arg: &str) -> bool {
    let arg = arg.to_lowercase().replace('_', "-");
    ["token", "secret", "password", "api-key", "apikey"].iter().any(|word| arg.contains(word))
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
