//! What is looked for of one rule, told.

use super::{Kind, Plan};
use crate::explain::Sought;
use crate::rule::Rule;

/// A rule is planned by itself: what others there are changes nothing of it.
pub(crate) fn sought(rule: &Rule) -> Vec<Sought> {
    let plan = Plan::of(std::slice::from_ref(rule));
    let mut all = Vec::new();
    if let Some(asked) = plan.of_words.first().and_then(|rules| rules.first()) {
        all.push(if asked.beside {
            Sought::Context(rule.context.words().to_vec())
        } else {
            let told = |word: &Vec<u8>| String::from_utf8_lossy(word).into_owned();
            Sought::Words(plan.words.iter().map(told).collect())
        });
    }
    for (kind, cluster, _) in &plan.dense {
        let of = match kind {
            Kind::Token => Sought::Run,
            Kind::Digit => Sought::Digits,
            Kind::Capital => Sought::Capitals,
            Kind::Hex => Sought::HexDigits,
        };
        all.push(of(cluster.bytes));
    }
    if all.is_empty() {
        all.push(Sought::Everywhere);
    }
    all
}
