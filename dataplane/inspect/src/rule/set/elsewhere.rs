//! Rules of which a file says something, and which are not here.

use super::RuleSet;
use crate::rule::file::shown;

/// What a file says of rules that are not here. Of one that extends the built-in rules they are gitleaks' own: those
/// have other ids, and what it says of them is noted and left.
#[derive(Default)]
pub(in crate::rule) struct Elsewhere {
    /// Whether the file extends the built-in rules.
    defaults: bool,
    ids: Vec<String>,
}

impl Elsewhere {
    pub(super) fn of(defaults: bool) -> Self {
        Self { defaults, ids: Vec::new() }
    }

    /// Whether a rule that is not here may be one of those.
    pub(super) fn takes(&mut self, id: &str) -> bool {
        if self.defaults && !self.ids.iter().any(|one| one == id) {
            self.ids.push(id.to_owned());
        }
        self.defaults
    }

    pub(super) fn note(self, name: &str, set: &RuleSet) -> Option<String> {
        (!self.ids.is_empty()).then(|| {
            let slip = |id: &String| {
                set.nearest(id).filter(|near| strsim::osa_distance(id, near) <= SLIP_LETTERS_MAX)
            };
            let near: Vec<String> = self.ids.iter().filter_map(slip).collect();
            let near = if near.is_empty() {
                String::new()
            } else {
                format!("; near them are {}", shown(&near))
            };
            format!(
                "{name}: what it says of these rules is left out, as none built in has such an id: {}{near}; `penstock \
                 rules list` names those that are there",
                shown(&self.ids)
            )
        })
    }
}

/// What is further from an id of ours is one of gitleaks' and no slip.
const SLIP_LETTERS_MAX: usize = 2;
