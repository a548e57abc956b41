//! `penstock rules list`.

use std::fmt::Write;

use penstock_inspect::Rule;
use serde_json::json;

use super::load;
use crate::cli::ListArgs;
use crate::exit::{Exit, Failure};
use crate::terminal::print;

pub(super) fn run(args: &ListArgs) -> Result<Exit, Failure> {
    let set = load(args.rules.as_deref())?;
    let asked = |rule: &&Rule| args.class.is_empty() || args.class.contains(&rule.class);
    let rules: Vec<&Rule> = set.rules().iter().filter(asked).collect();
    let text = if args.json { as_json(&rules) } else { as_text(&rules) };
    print(&text)?;
    Ok(Exit::Done)
}

fn as_text(rules: &[&Rule]) -> String {
    let width = |of: fn(&Rule) -> usize| rules.iter().map(|rule| of(rule)).max().unwrap_or(0);
    let (id_width, class_width) =
        (width(|rule| rule.id.len()), width(|rule| rule.class.name().len()));
    let mut text = String::new();
    for Rule { id, class, description, .. } in rules {
        let class = class.name();
        // Writing to a String does not fail.
        let _ = writeln!(text, "{id:id_width$}  {class:class_width$}  {description}");
    }
    text
}

fn as_json(rules: &[&Rule]) -> String {
    let rule = |rule: &&Rule| {
        json!({
            "id": rule.id,
            "class": rule.class.name(),
            "description": rule.description,
        })
    };
    let rules: Vec<_> = rules.iter().map(rule).collect();
    format!("{:#}\n", serde_json::Value::from(rules))
}
