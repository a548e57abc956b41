//! Rules that an operator names and that are not there.

use super::glob::Glob;
use crate::rule::Rule;

/// A rule that an operator names and that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}", self.what(), nearest.as_ref().map(|id| format!("; did you mean `{id}`?")).unwrap_or_default())]
pub struct UnknownRule {
    /// As it is written.
    pub id: String,
    /// One that may be meant; none of a pattern.
    pub nearest: Option<String>,
}

/// What is further from an id is not meant to be it: edit distance by the third of its letters.
const LETTERS_A_SLIP: usize = 3;

/// A longer text is no id with a slip in it; the distance is quadratic.
const ID_BYTES_MAX: usize = 128;

impl UnknownRule {
    /// That some rule fits an id, in which `*` is anything.
    pub(crate) fn check(id: &str, rules: &[Rule]) -> Result<(), Self> {
        Self::among(id, rules.iter().map(|rule| rule.id.as_str())).map_or(Ok(()), Err)
    }

    /// What is to be said of an id, in which `*` is anything, that fits none of these; nothing where it fits one.
    pub fn among<'r>(id: &str, ids: impl Iterator<Item = &'r str> + Clone) -> Option<Self> {
        if ids.clone().any(|known| Glob::new(id).fits(known)) {
            return None;
        }
        let is_id = id.len() <= ID_BYTES_MAX && !id.contains('*');
        let near = ids.filter(|_| is_id).map(|rule| (strsim::osa_distance(id, rule), rule));
        let nearest = near.min_by_key(|(distance, _)| *distance);
        let close = |(distance, _): &(usize, &str)| *distance <= (id.len() / LETTERS_A_SLIP).max(1);
        let nearest = nearest.filter(close).map(|(_, rule)| rule.to_owned());
        Some(Self { id: id.to_owned(), nearest })
    }

    fn what(&self) -> String {
        let Self { id, .. } = self;
        if id.contains('*') {
            format!("no rule's id matches `{id}`")
        } else {
            format!("there is no rule `{id}`")
        }
    }
}
