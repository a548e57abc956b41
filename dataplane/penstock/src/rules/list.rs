//! `penstock rules list`.

use std::fmt::Write;
use std::path::Path;

use penstock_inspect::Rule;
use serde_json::json;

use super::Chosen;
use crate::cli::ListArgs;
use crate::exit::{Exit, Failure};
use crate::terminal::{Color, print};

pub(super) fn run(args: &ListArgs, config: Option<&Path>, color: Color) -> Result<Exit, Failure> {
    let chosen = Chosen::new(args.rules.as_deref(), config, args.server.as_deref(), color)?;
    let asked = |rule: &&Rule| args.class.is_empty() || args.class.contains(&rule.class);
    let rules: Vec<&Rule> = chosen.set.rules().iter().filter(asked).collect();
    let text = if args.json { as_json(&rules, &chosen) } else { as_text(&rules, &chosen) };
    print(&text)?;
    Ok(Exit::Done)
}

fn as_text(rules: &[&Rule], chosen: &Chosen) -> String {
    let action = |rule: &Rule| chosen.actions(rule).told();
    let width = |of: &dyn Fn(&Rule) -> usize| rules.iter().map(|rule| of(rule)).max().unwrap_or(0);
    let (id_width, class_width, action_width) = (
        width(&|rule| rule.id.len()),
        width(&|rule| rule.class.name().len()),
        width(&|rule| action(rule).len()),
    );
    let mut text = String::new();
    for rule in rules {
        let (Rule { id, class, description, .. }, action) = (rule, action(rule));
        let class = class.name();
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "{id:id_width$}  {class:class_width$}  {action:action_width$}  {description}"
        );
    }
    text
}

fn as_json(rules: &[&Rule], chosen: &Chosen) -> String {
    let rule = |rule: &&Rule| {
        json!({
            "id": rule.id,
            "class": rule.class.name(),
            "action": chosen.actions(rule).as_json(),
            "description": rule.description,
        })
    };
    let rules: Vec<_> = rules.iter().map(rule).collect();
    format!("{:#}\n", serde_json::Value::from(rules))
}
