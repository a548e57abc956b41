//! Generated and mutated documents, held against `serde_json` by [`crate::fuzz`].

use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::fuzz;

fn spaces() -> impl Strategy<Value = &'static str> {
    prop_oneof![9 => Just(""), 1 => select(vec![" ", "\n", "\t", "\r\n", "\n            "])]
}

/// A string's raw text: mostly valid, long enough at times to cross words and blocks.
fn raw_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => "[ -!#-\\[\\]-~]{0,12}",
        2 => "[ -!#-\\[\\]-~]{30,140}",
        2 => "[é世😀\u{7f}\u{2028}]{1,9}",
        3 => select(vec![
            "\\n", "\\\"", "\\\\", "\\/", "\\b", "\\f", "\\r", "\\t", "\\u0041", "\\u00e9",
            "\\uD83D\\uDE00", "\\u2028", "\\u0000",
        ]).prop_map(String::from),
    ];
    let odd = select(vec!["\\ud83d", "\\ude00", "\\ud83dx", "\\ud83d\\n", "\\x", "\\u12", "\t"]);
    let piece = prop_oneof![60 => piece, 1 => odd.prop_map(String::from)];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => raw_text().prop_map(|raw| format!("\"{raw}\"")),
        3 => any::<i64>().prop_map(|integer| integer.to_string()),
        2 => any::<f64>().prop_map(|float| format!("{float:e}")),
        3 => select(vec![
            "0", "-0", "1", "-7", "1.5", "1E+2", "2e-308", "1e-999", "0e99999", "true", "false",
            "null", "{}", "[]", "\"\"", "9007199254740993", "123456789012345678901234567890",
        ]).prop_map(String::from),
    ]
}

fn odd_scalar() -> impl Strategy<Value = String> {
    select(vec![
        "1e999",
        "-1e400",
        "01",
        "+1",
        ".5",
        "1.",
        "1e",
        "-",
        "- 1",
        "NaN",
        "tru",
        "nulll",
        "'a'",
        "1 2",
        "",
        "\u{feff}1",
        "{,}",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{1:2}",
        "[1 2]",
        "[}",
        "{]",
    ])
    .prop_map(String::from)
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![80 => scalar(), 1 => odd_scalar()];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let member = (raw_text(), spaces(), inner.clone())
            .prop_map(|(key, space, value)| format!("\"{key}\"{space}:{space}{value}"));
        prop_oneof![
            (prop::collection::vec(inner, 0..4), spaces())
                .prop_map(|(items, space)| format!("[{space}{}{space}]", items.join(","))),
            (prop::collection::vec(member, 0..4), spaces())
                .prop_map(|(items, space)| format!("{{{space}{}{space}}}", items.join(","))),
        ]
    })
}

/// An object of some of these members in any order, each with the value that belongs to it or,
/// at times, another; at times a name is spelt with an escape, stands twice or is unknown.
fn object(
    known: Vec<(&'static str, BoxedStrategy<String>)>,
) -> impl Strategy<Value = String> + Clone {
    let members: Vec<_> = known
        .into_iter()
        .map(|(name, usual)| {
            let spelt = Just(name.to_owned());
            let escaped = any::<Index>().prop_map(move |at| {
                let at = at.index(name.len());
                let (before, rest) = name.split_at(at);
                let (letter, after) = rest.split_at(1);
                format!("{before}\\u00{:02x}{after}", letter.as_bytes()[0])
            });
            let name = prop_oneof![9 => spelt, 1 => escaped];
            let content = prop_oneof![40 => usual, 1 => value().boxed()];
            let times = prop_oneof![80 => Just(1), 4 => Just(0), 1 => Just(2)];
            (name, spaces(), content, times).prop_map(|(name, space, content, times)| {
                vec![format!("\"{name}\"{space}:{space}{content}"); times]
            })
        })
        .collect();
    let others = prop::collection::vec((raw_text(), value()), 0..2)
        .prop_map(|pairs| pairs.into_iter().map(|(key, value)| format!("\"{key}\":{value}")));
    (members, others, spaces())
        .prop_map(|(members, others, space)| (members.concat(), others, space))
        .prop_flat_map(|(members, others, space)| {
            let all: Vec<_> = members.into_iter().chain(others).collect();
            Just(all).prop_shuffle().prop_map(move |all| {
                format!("{{{space}{}{space}}}", all.join(&format!("{space},{space}")))
            })
        })
        .boxed()
}

fn constant(choices: &[&'static str]) -> BoxedStrategy<String> {
    select(choices.to_vec()).prop_map(String::from).boxed()
}

fn envelope() -> impl Strategy<Value = String> + Clone {
    let meta = object(vec![
        ("io.modelcontextprotocol/protocolVersion", constant(&["\"2026-07-28\"", "\"2099\""])),
        ("io.modelcontextprotocol/clientCapabilities", constant(&["{}", "{\"roots\":{}}", "1"])),
        ("io.modelcontextprotocol/clientInfo", value().boxed()),
        ("progressToken", constant(&["1", "\"t\""])),
    ]);
    let params = object(vec![
        ("name", constant(&["\"add\"", "\"a\\u0064d\"", "1"])),
        ("uri", constant(&["\"file:///x\""])),
        ("taskId", constant(&["\"t-1\""])),
        ("arguments", value().boxed()),
        ("_meta", meta.boxed()),
    ]);
    let id = constant(&["1", "-9", "\"a\"", "\"\\u00e9\"", "0"]);
    let odd_id = constant(&["null", "-0", "1.0", "1e2", "9223372036854775808"]);
    let id = prop_oneof![9 => id, 1 => odd_id].boxed();
    let version = constant(&["\"2.0\"", "\"2\\u002e0\""]);
    let version = prop_oneof![20 => version, 1 => Just("\"1.0\"".to_owned())].boxed();
    let method = constant(&["\"tools/call\"", "\"tools\\/call\"", "\"x\"", "\"resources/read\""]);
    let call = object(vec![
        ("jsonrpc", version.clone()),
        ("id", id.clone()),
        ("method", method),
        ("params", params.boxed()),
    ]);
    let answer =
        object(vec![("jsonrpc", version.clone()), ("id", id.clone()), ("result", value().boxed())]);
    let error = object(vec![("jsonrpc", version), ("id", id), ("error", constant(&["{}", "0"]))]);
    prop_oneof![6 => call.boxed(), 1 => answer.boxed(), 1 => error.boxed()].boxed()
}

fn body() -> impl Strategy<Value = Vec<u8>> + Clone {
    let batch = prop::collection::vec(envelope(), 0..10)
        .prop_map(|messages| format!("[{}]", messages.join(" ,")));
    prop_oneof![6 => envelope().boxed(), 1 => batch.boxed(), 1 => value().boxed()]
        .prop_map(String::into_bytes)
        .boxed()
}

/// Replaces, inserts, removes or doubles a byte or a piece.
fn mutate(mut body: Vec<u8>, edits: &[(Index, u8, u8)]) -> Vec<u8> {
    const BYTES: &[u8] =
        b"\"\\{}[],:0-+.eEtfnu \n\t\0\x1F\x7F\x80\xC0\xED\xA0\xF4\xFF\xEF\xBB\xBFa";
    for (at, what, byte) in edits {
        let at = at.index(body.len() + 1);
        let byte = BYTES[usize::from(*byte) % BYTES.len()];
        match what % 5 {
            0 => body.insert(at, byte),
            1 if at < body.len() => body[at] = byte,
            2 if at < body.len() => drop(body.remove(at)),
            3 => body.truncate(at),
            _ => {
                let piece = body[at..(at + 12).min(body.len())].to_vec();
                body.splice(at..at, piece);
            }
        }
    }
    body
}

fn edits() -> impl Strategy<Value = Vec<(Index, u8, u8)>> + Clone {
    prop::collection::vec(any::<(Index, u8, u8)>(), 1..4)
}

proptest! {
    #[test]
    fn generated_bodies_read_as_serde_json_reads_them(body in body()) {
        fuzz::envelope(&body);
    }

    #[test]
    fn mutated_bodies_are_refused_exactly_when_serde_json_or_a_rule_refuses(
        body in body(), edits in edits()
    ) {
        fuzz::envelope(&mutate(body, &edits));
    }

    #[test]
    fn bytes_of_no_meaning_do_no_harm(body: Vec<u8>) {
        fuzz::envelope(&body);
        fuzz::admit(&body);
    }

    #[test]
    fn what_is_admitted_as_modern_says_the_same_in_its_headers(
        version in select(vec!["2026-07-28", "2099", "2025-11-25", "2025-03-26", "x"]),
        method in select(vec!["tools/call", "resources/read", "x"]),
        name in select(vec!["add", "file:///x", "=?base64?YWRk?="]),
        repeated: bool,
        body in body(), edits in edits(), mutated: bool,
    ) {
        let twice = if repeated { "mcp-name:add\n" } else { "" };
        let head = format!(
            "mcp-protocol-version: {version}\nMCP-METHOD:{method}\nMcp-Name: {name} \n{twice}\n"
        );
        let body = if mutated { mutate(body, &edits) } else { body };
        fuzz::admit(&[head.as_bytes(), &body].concat());
    }
}

/// The properties above would hold of nothing but refusals, too.
#[test]
fn enough_of_what_is_generated_is_accepted() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let accepted = |_: &usize| {
        let body = body().new_tree(&mut runner).expect("the strategy rejects nothing").current();
        crate::Message::new().scan(&body, &crate::ScanLimits::default()).is_ok()
    };
    let accepted = (0..500).filter(accepted).count();
    assert!((100..450).contains(&accepted), "{accepted} of 500 bodies were accepted");
}
