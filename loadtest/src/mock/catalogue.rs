//! What the mock offers: tools with schemas as real ones have, resources and prompts. Each list is
//! one piece of text, made once.

use serde_json::{Value, json};

use crate::random::Random;

/// The most tools beside the two that are always there.
pub(crate) const TOOLS_MAX: usize = 10_000;
const RESOURCES: usize = 8;
const PROMPTS: usize = 4;
/// How long a client may keep a list, in the modern era.
const CACHE: &str = r#","ttlMs":60000,"cacheScope":"public"}"#;

const VERBS: &[&str] =
    &["Search", "List", "Read", "Create", "Update", "Close", "Compare", "Export"];
const NOUNS: &[&str] =
    &["issues", "orders", "invoices", "deployments", "pages", "tickets", "builds", "reports"];
const WHERE: &[&str] =
    &["in a repository", "of a customer", "in the ledger", "of a project", "on a board"];
const REMARKS: &[&str] = &[
    "Results come in pages, newest first; ask for the next one with the cursor of the last.",
    "Fields that are left out stay as they are.",
    "Dates are in RFC 3339, in UTC unless they say otherwise.",
    "Prefer this to reading everything when only a few entries are wanted.",
    "An empty answer means that nothing matched, not that something failed.",
    "Needs the right to see the project; otherwise entries are missing without a word.",
];
const PARAMETERS: &[(&str, &str, &str)] = &[
    ("query", "string", "What to look for, in the syntax of the search page"),
    ("project", "string", "Name of the project, as its page's address has it"),
    ("state", "state", "Only entries in this state"),
    ("labels", "strings", "Only entries that have all of these labels"),
    ("since", "date", "Only what changed at or after this time"),
    ("limit", "integer", "How many entries a page holds, at most"),
    ("cursor", "string", "Where to go on, as the answer before this one says"),
    ("includeArchived", "boolean", "Whether entries that were archived count too"),
    ("assignee", "string", "Only entries of this person's, by the name of the account"),
    ("fields", "strings", "Which members of an entry to answer with; all without it"),
];

/// Results that never change, without what only the modern era adds.
#[derive(Debug)]
pub(crate) struct Catalogue {
    tools: usize,
    pub(crate) tools_list: List,
    pub(crate) resources_list: List,
    pub(crate) templates_list: List,
    pub(crate) prompts_list: List,
}

/// A result as each era has it.
#[derive(Debug)]
pub(crate) struct List {
    legacy: String,
    modern: String,
}

impl List {
    fn new(member: &str, entries: &[Value]) -> Self {
        let entries = Value::from(entries.to_vec());
        Self {
            legacy: format!(r#"{{"{member}":{entries}}}"#),
            modern: format!(r#"{{"resultType":"complete","{member}":{entries}{CACHE}"#),
        }
    }

    pub(crate) fn of(&self, modern: bool) -> &str {
        if modern { &self.modern } else { &self.legacy }
    }
}

impl Catalogue {
    /// With so many tools beside `echo` and `progress`.
    pub(crate) fn new(seed: u64, tools: usize) -> Self {
        let mut random = Random::new(seed);
        let mut all = vec![
            json!({
                "name": "echo",
                "description": "Answers with text, of the size that the mock was told.",
                "inputSchema": { "type": "object" },
            }),
            json!({
                "name": "progress",
                "description": "Says how far it is, to who asks with a progressToken.",
                "inputSchema": { "type": "object" },
            }),
        ];
        all.extend((0..tools).map(|number| tool(&mut random, number)));
        let resources = (0..RESOURCES).map(|number| {
            json!({
                "uri": format!("mock://documents/{number}"),
                "name": format!("document-{number}"),
                "description": sentence(&mut random),
                "mimeType": "text/plain",
            })
        });
        let resources: Vec<Value> = resources.collect();
        let templates = [json!({ "uriTemplate": "mock://documents/{number}", "name": "document" })];
        let prompts = (0..PROMPTS).map(|number| {
            json!({
                "name": format!("prompt_{number}"),
                "description": sentence(&mut random),
                "arguments": [{ "name": "topic", "description": "What it is about" }],
            })
        });
        let prompts: Vec<Value> = prompts.collect();
        Self {
            tools,
            tools_list: List::new("tools", &all),
            resources_list: List::new("resources", &resources),
            templates_list: List::new("resourceTemplates", &templates),
            prompts_list: List::new("prompts", &prompts),
        }
    }

    /// Whether the list has a tool of this name.
    pub(crate) fn has_tool(&self, name: &str) -> bool {
        let numbered = || {
            let number: usize = name.strip_prefix("tool_")?.parse().ok()?;
            (number < self.tools && name == tool_name(number)).then_some(())
        };
        matches!(name, "echo" | "progress") || numbered().is_some()
    }
}

fn tool_name(number: usize) -> String {
    format!("tool_{number}")
}

fn sentence(random: &mut Random) -> String {
    let [verb, noun, place] = [VERBS, NOUNS, WHERE].map(|words| random.pick(words, ""));
    format!("{verb} {noun} {place}.")
}

/// A tool of between three and eight parameters, some of which it requires.
fn tool(random: &mut Random, number: usize) -> Value {
    let mut description = sentence(random);
    for _ in 0..=random.below(2) {
        description.push(' ');
        description.push_str(random.pick(REMARKS, ""));
    }
    let first = random.below(PARAMETERS.len());
    let count = 3 + random.below(6);
    let chosen: Vec<_> = PARAMETERS.iter().cycle().skip(first).take(count).collect();
    let properties: serde_json::Map<String, Value> = chosen
        .iter()
        .map(|(name, kind, said)| ((*name).to_owned(), parameter(random, kind, said)))
        .collect();
    let required: Vec<&str> =
        chosen.iter().take(1 + random.below(2)).map(|(name, ..)| *name).collect();
    let reads = random.below(3) > 0;
    json!({
        "name": tool_name(number),
        "title": description.split('.').next(),
        "description": description,
        "inputSchema": {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        },
        "annotations": { "readOnlyHint": reads, "destructiveHint": !reads && random.below(4) == 0 },
    })
}

fn parameter(random: &mut Random, kind: &str, said: &str) -> Value {
    match kind {
        "integer" => json!({
            "type": "integer", "description": said, "minimum": 1,
            "maximum": 50 + random.below(200), "default": 20,
        }),
        "boolean" => json!({ "type": "boolean", "description": said, "default": false }),
        "strings" => json!({
            "type": "array", "description": said, "items": { "type": "string" }, "maxItems": 32,
        }),
        "state" => json!({
            "type": "string", "description": said, "enum": ["open", "closed", "all"],
            "default": "open",
        }),
        "date" => json!({ "type": "string", "format": "date-time", "description": said }),
        _ => json!({ "type": "string", "description": said }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_tools_is_as_large_as_real_ones() {
        let catalogue = Catalogue::new(1, 40);
        let list: Value = serde_json::from_str(catalogue.tools_list.of(false)).unwrap();
        let tools = list["tools"].as_array().unwrap();
        assert_eq!(tools.len(), 42);
        for tool in &tools[2..] {
            let size = tool.to_string().len();
            assert!((400..2000).contains(&size), "{size}: {tool}");
            let properties = tool["inputSchema"]["properties"].as_object().unwrap();
            assert!((3..=8).contains(&properties.len()));
            for required in tool["inputSchema"]["required"].as_array().unwrap() {
                assert!(properties.contains_key(required.as_str().unwrap()));
            }
        }
    }

    #[test]
    fn the_modern_era_says_more() {
        let catalogue = Catalogue::new(1, 0);
        for list in [&catalogue.tools_list, &catalogue.resources_list, &catalogue.prompts_list] {
            let modern: Value = serde_json::from_str(list.of(true)).unwrap();
            assert_eq!(modern["resultType"], "complete");
            assert_eq!(modern["cacheScope"], "public");
            assert!(modern["ttlMs"].is_u64());
            let legacy: Value = serde_json::from_str(list.of(false)).unwrap();
            assert_eq!(legacy.as_object().unwrap().len(), 1);
        }
    }

    #[test]
    fn a_tool_has_exactly_its_name() {
        let catalogue = Catalogue::new(1, 11);
        for name in ["echo", "progress", "tool_0", "tool_10"] {
            assert!(catalogue.has_tool(name), "{name}");
        }
        for name in ["", "tool_", "tool_11", "tool_01", "tool_+1", "Echo", "search_issues"] {
            assert!(!catalogue.has_tool(name), "{name}");
        }
    }
}
