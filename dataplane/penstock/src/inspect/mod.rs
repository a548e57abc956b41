//! `penstock inspect`: what stands in a file that nobody should read.

mod input;
mod masked;
mod place;

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use penstock_inspect::{
    Class, EngineKind, Finding, Inspector, Limits, Policy, Rule, Scratch, Side, is_named, spliced,
};
use serde_json::json;

use self::input::{Input, Message};
pub(crate) use self::masked::Masks;
use self::place::Places;
use crate::cli::InspectArgs;
use crate::exit::{Exit, Failure};
use crate::rules::{self, Actions, Chosen};
use crate::terminal::{Color, Paint, Style, print, print_bytes};

pub(crate) fn run(
    args: &InspectArgs,
    config: Option<&Path>,
    color: Color,
) -> Result<Exit, Failure> {
    let mut input = Input::open(args.file.as_deref(), args.form, Limits::default())?;
    let looking = Looking::new(args, config, color)?;
    let inspector = &looking.inspector;
    let mut scratch = inspector.scratch().map_err(|error| rules::engine(&error.to_string()))?;
    let paint = if args.redact { Paint::for_stderr(color) } else { Paint::for_stdout(color) };
    let mut any = false;
    while let Some(message) = input.next()? {
        if args.form.is_none() {
            message.is_text()?;
        }
        let becomes = looking.becomes(&message, &mut scratch);
        let all = inspector.scan(message.bytes, message.form, &mut scratch);
        let all = all.map_err(|error| message.failure(&error.to_string()))?.to_vec();
        let found: Vec<Finding> = all.iter().filter(|one| looking.tells(one)).cloned().collect();
        if args.redact {
            print_bytes(&looking.redacted(&message, &found, &scratch))?;
        }
        let told = looking.told(&found, &becomes);
        if told.is_empty() {
            continue;
        }
        any = true;
        let masks = Masks::new(message.bytes, &all, &scratch);
        let text = if args.json {
            looking.as_json(&message, &told, &masks, &scratch)
        } else {
            looking.as_text(&message, &told, &masks, paint)
        };
        if args.redact {
            eprint!("{text}");
        } else {
            print(&text)?;
        }
    }
    Ok(if any { Exit::Found } else { Exit::Done })
}

/// The failure of a command that asks for classes of which none of the rules is.
fn of_no_class(args: &InspectArgs, named: &[&Rule]) -> Failure {
    let list =
        |classes: &[Class]| classes.iter().map(|one| one.name()).collect::<Vec<_>>().join(", ");
    let whose = if args.rule.is_empty() { "" } else { " that `--rule` names" };
    let message = format!("no rule{whose} is of class {}", list(&args.class));
    let is_there = |class: &Class| named.iter().any(|rule| rule.class == *class);
    let there: Vec<Class> = Class::ALL.into_iter().filter(is_there).collect();
    let help = format!("leave out `--class`, or write one of: {}", list(&there));
    Failure::new(Exit::Usage, message).help(help)
}

/// What is looked for, and what of that is told.
struct Looking {
    /// With the built-in rules in any case: what they find is not told then, and not shown either.
    inspector: Arc<Inspector>,
    /// By their ids the rules of which is told, with what becomes of what they find by themselves.
    told: HashMap<String, Actions>,
    /// What becomes of messages, where a configuration says so.
    policy: Option<Policy>,
}

impl Looking {
    fn new(args: &InspectArgs, config: Option<&Path>, color: Color) -> Result<Self, Failure> {
        let mut chosen = Chosen::new(args.rules.as_deref(), config, args.server.as_deref(), color)?;
        let set = &chosen.set;
        for id in &args.rule {
            if !set.rules().iter().any(|rule| is_named(id, &rule.id)) {
                return Err(rules::unknown(id, set));
            }
        }
        let by_id = |rule: &&Rule| {
            args.rule.is_empty() || args.rule.iter().any(|id| is_named(id, &rule.id))
        };
        let by_class = |rule: &&Rule| args.class.is_empty() || args.class.contains(&rule.class);
        let named: Vec<&Rule> = set.rules().iter().filter(by_id).collect();
        let narrowed: Vec<&Rule> = named.iter().copied().filter(by_class).collect();
        if narrowed.is_empty() && !named.is_empty() {
            return Err(of_no_class(args, &named));
        }
        let told = narrowed.into_iter().map(|rule| (rule.id.clone(), chosen.actions(rule)));
        // Of what is ignored `serve` tells nobody.
        let is_told = |actions: Actions| !chosen.configured() || !actions.are_none();
        let told = told.filter(|(_, actions)| is_told(*actions)).collect();
        let others = args.rules.is_some() || chosen.configured();
        let own: HashSet<String> = set.rules().iter().map(|rule| rule.id.clone()).collect();
        let set = std::mem::take(&mut chosen.set);
        let set = if others { set.and(rules::built_in()?) } else { set };
        let inspector = Inspector::new(set, EngineKind::BEST, Limits::default());
        let inspector = Arc::new(inspector.map_err(|error| rules::engine(&error))?);
        let policy = chosen.policy(&own, &inspector).transpose();
        let policy = policy.map_err(|error| Failure::new(Exit::Config, error.to_string()))?;
        Ok(Self { inspector, told, policy })
    }

    fn tells(&self, finding: &Finding) -> bool {
        self.inspector.rule(finding).is_some_and(|rule| self.told.contains_key(&rule.id))
    }

    /// What `serve` would do with a message, were it a request and were it a response.
    fn becomes(&self, message: &Message<'_>, scratch: &mut Scratch) -> HashMap<Finding, Actions> {
        let mut becomes: HashMap<Finding, Actions> = HashMap::new();
        for (policy, side) in self.policy.iter().flat_map(|of| Side::ALL.map(|side| (of, side))) {
            policy.inspect(side, message.bytes, message.form, scratch, &mut |told| {
                becomes.entry(told.finding.clone()).or_default().put(side, told.action);
            });
        }
        becomes
    }

    /// What a person is told of findings: of those that overlap the one that counts, with what becomes of it where a
    /// configuration says so.
    fn told<'f>(
        &self,
        all: &'f [Finding],
        becomes: &HashMap<Finding, Actions>,
    ) -> Vec<(&'f Finding, Option<Actions>)> {
        if self.policy.is_none() {
            return self.inspector.distinct(all).map(|finding| (finding, None)).collect();
        }
        let told = |finding: &'f Finding| {
            let alone = self.told.get(&self.inspector.rule(finding)?.id)?;
            let actions = becomes.get(finding)?.or_ignored(*alone);
            Some((finding, Some(actions)))
        };
        all.iter().filter_map(told).collect()
    }

    /// The message, with what ends its line.
    fn redacted(&self, message: &Message<'_>, told: &[Finding], scratch: &Scratch) -> Vec<u8> {
        // Where several stand over each other, what is told is what is read there.
        let groups = self.inspector.groups(told);
        let mut told_of = groups.flat_map(|(told, all)| std::iter::repeat_n(told, all.len()));
        let placeholder = |_: &Finding| {
            let rule = self.inspector.rule(told_of.next()?)?;
            Some(format!("[REDACTED:{}]", rule.id).into_bytes())
        };
        let splices = scratch.splices(message.bytes, message.form, told, placeholder);
        let mut out = spliced(message.bytes, &splices);
        out.extend_from_slice(message.end);
        out
    }

    fn as_text(
        &self,
        message: &Message<'_>,
        told: &[(&Finding, Option<Actions>)],
        masks: &Masks<'_>,
        paint: Paint,
    ) -> String {
        let mut text = String::new();
        let mut places = Places::new(message.bytes, message.line);
        for (finding, actions) in told {
            let Some(rule) = self.inspector.rule(finding) else { continue };
            let (line, column) = places.of(finding.source().start);
            let place = format!("{}:{line}:{column}:", message.name);
            let actions = actions.map(|actions| format!(", {}", actions.told()));
            // Writing to a String does not fail.
            let _ = writeln!(
                text,
                "{} {} ({}{}): {}",
                paint.paint(Style::Quiet, &place),
                paint.paint(Style::Warning, &rule.id),
                rule.class,
                actions.unwrap_or_default(),
                masks.around(&finding.source(), paint),
            );
        }
        text
    }

    fn as_json(
        &self,
        message: &Message<'_>,
        told: &[(&Finding, Option<Actions>)],
        masks: &Masks<'_>,
        scratch: &Scratch,
    ) -> String {
        let plain = Paint::for_stdout(Color::Never);
        let mut text = String::new();
        let mut places = Places::new(message.bytes, message.line);
        for (finding, actions) in told {
            let Some(rule) = self.inspector.rule(finding) else { continue };
            let source = finding.source();
            let (line, column) = places.of(source.start);
            let at = |place: usize| message.offset.saturating_add(place as u64);
            let secret = scratch.secret(message.bytes, finding);
            let mut told = json!({
                "file": message.name,
                "line": line,
                "column": column,
                "start": at(source.start),
                "end": at(source.end),
                "rule": rule.id,
                "class": rule.class.name(),
                "description": rule.description,
                "length": masked::characters(secret),
                "in_context": finding.in_context(),
                "excerpt": masks.around(&source, plain),
            });
            if let (Some(actions), Some(told)) = (actions, told.as_object_mut()) {
                told.insert("action".to_owned(), actions.as_json());
            }
            let _ = writeln!(text, "{told}");
        }
        text
    }
}
