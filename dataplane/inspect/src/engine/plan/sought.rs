//! What is looked for of one rule, told.

use super::Plan;
use crate::explain::Sought;
use crate::rule::Rule;

/// A rule is planned by itself: what others there are changes nothing of it.
pub(crate) fn sought(rule: &Rule) -> Sought {
    let plan = Plan::of(std::slice::from_ref(rule));
    let told = |word: &Vec<u8>| String::from_utf8_lossy(word).into_owned();
    if let Some(asked) = plan.of_words.first().and_then(|rules| rules.first()) {
        return if asked.beside {
            Sought::Context(rule.context.words().to_vec())
        } else {
            Sought::Words(plan.words.iter().map(told).collect())
        };
    }
    match (plan.runs.first(), plan.digits.first()) {
        (Some((run, _)), _) => Sought::Run(*run),
        (None, Some((digits, _))) => Sought::Digits(*digits),
        (None, None) => Sought::Everywhere,
    }
}
