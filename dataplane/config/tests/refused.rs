//! A wrong file is refused with the line, the column, the offending value and the fix of everything
//! that is wrong with it, and without its secrets.

mod world;

use std::fmt::Write as _;
use std::path::Path;

use penstock_config::{Errors, Problem, Severity};
use world::{SECRET, World};

struct Row {
    name: &'static str,
    /// Whether the JSON Schema refuses it too.
    schema: bool,
    file: String,
    expected: Vec<&'static str>,
}

/// The rows of `refused.txt`, whose head says how they are written.
fn rows() -> Vec<Row> {
    let rows = include_str!("refused.txt").split("\n=== ").skip(1);
    let row = |row: &'static str| {
        let (title, body) = row.split_once('\n').expect("a row has a title line");
        let (expected, file): (Vec<_>, Vec<_>) =
            body.lines().partition(|line| line.starts_with(">>> "));
        let mut file = file.join("\n");
        file.push('\n');
        Row {
            name: title.trim_end_matches(" (schema)"),
            schema: title.ends_with(" (schema)"),
            file,
            expected: expected.iter().filter_map(|line| line.strip_prefix(">>> ")).collect(),
        }
    };
    rows.map(row).collect()
}

fn problems(text: &str) -> Vec<Problem> {
    match penstock_config::parse(text, Path::new("/etc/penstock/penstock.yaml"), &World) {
        Ok(_) => Vec::new(),
        Err(Errors::Invalid { problems }) => problems,
        Err(error @ Errors::Unreadable { .. }) => panic!("{error}"),
    }
}

/// Entries are counted with those that are wrong.
#[test]
fn an_action_that_is_never_reached_names_the_one_before_it() {
    let file = "listeners: [{ address: 127.0.0.1:8808 }]
upstreams: { a: { url: http://127.0.0.1:3000/mcp } }
servers: { a: a }
inspection: { actions: [{ class: cards, action: block }, { class: email, action: redact }, { class: email, action: block }] }
";
    let warnings = problems(file).into_iter().filter(|one| one.severity == Severity::Warning);
    let said: Vec<_> = warnings.map(|problem| problem.message).collect();
    let never =
        "`inspection.actions[2]` is never reached: `inspection.actions[1]` fits all that it does";
    assert_eq!(said, [never]);
}

#[test]
fn every_problem_of_a_wrong_file_is_said_where_it_is_and_how_to_mend_it() {
    let rows = rows();
    assert!(rows.len() >= 80);
    for row in rows {
        let errors = problems(&row.file).into_iter();
        let errors = errors.filter(|problem| problem.severity == Severity::Error);
        let said: Vec<_> = errors.map(|problem| problem.to_string()).collect();
        let said: Vec<_> = said
            .iter()
            .map(|said| said.trim_start_matches("/etc/penstock/penstock.yaml:"))
            .collect();
        assert_eq!(said, row.expected, "{}\n{}", row.name, row.file);
    }
}

/// Without the error there would be a key, tools, an action, or a server whose messages are looked into.
#[test]
fn nothing_follows_from_what_of_inspection_cannot_be_read() {
    let head = "listeners: [{ address: 127.0.0.1:8808 }]\nupstreams: { a: { url: http://127.0.0.1:3000/mcp } }\n";
    let seals = "actions: [{ class: card, action: tokenise }]";
    for (server, file) in [
        ("{ open_for: [x] }", format!("{{ key: '${{file:missing.key}}', {seals} }}")),
        ("{ open_for: pay }", format!("{{ {seals} }}")),
        ("{ open_for: [pay] }", format!("{{ {} }}", seals.replace("tokenise", "tokenize"))),
        ("on", "{}".to_owned()),
    ] {
        let file = format!(
            "{head}servers: {{ a: {{ upstream: a, inspection: {server} }} }}\ninspection: {file}\n"
        );
        let said = problems(&file);
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(said[0].severity, Severity::Error);
    }
}

#[test]
fn no_problem_shows_a_secret() {
    for row in rows() {
        for problem in problems(&row.file) {
            let shown = format!("{problem:?}");
            assert!(!shown.contains(SECRET), "{}: {shown}", row.name);
        }
    }
}

#[test]
fn a_secret_in_clear_is_masked_on_the_line_of_another_problem() {
    let files = [
        "upstreams: { a: { command: x, cmd: y, env: { TOKEN: hunter2 } } }\n",
        "upstreams: { a: { cmd: y, url: 'http://h/?key=hunter2' } }\n",
        "upstreams: { a: { cmd: y, env: &e { T: hunter2 } }, b: { env: *e } }\n",
        // No valid YAML, so that nobody knows where a secret is.
        "upstreams:\n  a:\n    command: x\n    env:\n      TOKEN: 'hunter2' oh\n",
        "upstreams: { a: { command: x, env: { TOKEN: hunter2 }, ] }\n",
    ];
    for file in files {
        let problems = problems(file);
        assert!(!problems.is_empty());
        for problem in problems {
            assert!(!format!("{problem:?}").contains(SECRET), "{problem:?}");
        }
    }
}

#[test]
fn the_excerpt_marks_the_offending_value() {
    let problems = problems("log:\n  level: loud\n");
    let problem = problems.iter().find(|problem| problem.line == 2).expect("the level");
    let excerpt = problem.excerpt.as_ref().expect("an excerpt");
    let marked: String = excerpt.text.chars().skip(excerpt.start).take(excerpt.width).collect();
    assert_eq!(marked, "loud");
}

#[test]
fn a_small_file_cannot_become_a_large_tree() {
    let mut file = "log: &l0 [a, a, a, a, a, a, a, a]\n".to_owned();
    for level in 1..30 {
        let aliases = vec![format!("*l{}", level - 1); 8].join(", ");
        writeln!(file, "k{level}: &l{level} [{aliases}]").expect("a String");
    }
    let said = problems(&file);
    assert!(said.iter().any(|problem| problem.message.contains("aliases repeat")), "{said:?}");
}

#[test]
fn a_file_of_problems_reports_a_bounded_number_of_them() {
    let lines: Vec<_> = (0..50_000).map(|key| format!("key{key}: 1")).collect();
    assert_eq!(problems(&lines.join("\n")).len(), 100);
    let large = format!("# {}\n", "x".repeat(penstock_config::FILE_BYTES_MAX));
    assert!(problems(&large)[0].message.contains("larger than"));
}

#[test]
fn the_schema_refuses_what_a_schema_can() {
    let validator = jsonschema::validator_for(&penstock_config::schema()).expect("a valid schema");
    let rows: Vec<_> = rows().into_iter().filter(|row| row.schema).collect();
    assert!(rows.len() >= 40);
    for row in rows {
        let file: serde_json::Value = serde_saphyr::from_str(&row.file).expect("valid YAML");
        assert!(!validator.is_valid(&file), "{}\n{}", row.name, row.file);
    }
}
