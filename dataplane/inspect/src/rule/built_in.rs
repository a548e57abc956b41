//! The rules that penstock brings, and what files make of them.

use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::change::Change;
use super::error::{Faults, Source};
use super::file::{File, shown};
use super::set::Elsewhere;
use super::{Allowlist, RuleError, RuleSet};

/// Written by us from what vendors, laws and standards publish.
const BUILT_IN: [(&str, &str); 6] = [
    ("cloud.toml", include_str!("../../rules/cloud.toml")),
    ("development.toml", include_str!("../../rules/development.toml")),
    ("services.toml", include_str!("../../rules/services.toml")),
    ("generic.toml", include_str!("../../rules/generic.toml")),
    ("personal.toml", include_str!("../../rules/personal.toml")),
    ("injection.toml", include_str!("../../rules/injection.toml")),
];

impl RuleSet {
    /// The built-in rules.
    pub fn built_in() -> Result<Self, RuleError> {
        let mut faults = Faults::default();
        let set = Self::built_in_within(&mut faults);
        faults.end()?;
        Ok(set)
    }

    pub(super) fn built_in_within(faults: &mut Faults) -> Self {
        let mut set = Self::default();
        for (name, text) in BUILT_IN {
            let source = Source { name, text };
            let Some(file) = File::parse(source, faults) else { continue };
            let own = file.read(faults);
            let mut part = Self { rules: own.rules, ..Self::default() };
            for allowed in own.allowed {
                part.allow(source, &allowed, &mut Elsewhere::default(), faults);
            }
            set.take(name, part.rules, faults);
        }
        for rule in &mut set.rules {
            (rule.place, rule.keywords_within) = (None, true);
        }
        set
    }

    /// Its rules without the built-in ones, and what its files say of those.
    #[must_use]
    pub fn without_built_in(mut self) -> (Self, Tuning) {
        let tuning = std::mem::take(&mut self.tuning);
        self.rules.retain(|rule| !rule.is_built_in());
        (self, tuning)
    }

    /// Its rules, and behind them the built-in ones whose ids it does not have, as all `tunings` make of them; where
    /// two say otherwise the first holds. Notes tell which of them it replaces, and what of the tunings is left out.
    pub fn and_built_in(self, tunings: &[Tuning]) -> Result<Self, RuleError> {
        let mut built_in = Self::built_in()?;
        let mut notes = Vec::new();
        let replaced = self.differing(&built_in);
        if !replaced.is_empty() {
            let what = "rules of files stand in the place of built-in ones that have the same id";
            notes.push(format!("{what}: {}", shown(&replaced)));
        }
        let out: HashSet<&str> = tunings.iter().flat_map(Tuning::disabled).collect();
        built_in.rules.retain(|rule| !out.contains(&*rule.id) && !self.has(&rule.id));
        let mut faults = Faults::default();
        // Whatever is said later takes the place of what was said before.
        for edit in tunings.iter().rev().flat_map(|tuning| &tuning.0) {
            built_in.edit(edit, &mut faults);
        }
        faults.end()?;
        notes.extend(idle(tunings, &built_in));
        notes.extend(contradicted(tunings, &built_in));
        let mut all = self.and(built_in);
        all.notes.extend(notes);
        Ok(all)
    }

    fn edit(&mut self, edit: &Edit, faults: &mut Faults) {
        match edit {
            Edit::Change(file, change) if self.has(&change.id) => {
                self.change(file, change.clone(), faults);
            }
            Edit::Disable(_) | Edit::Change(..) => {}
            Edit::Allow(_, ids, allowlist) => self.let_go(ids, allowlist),
        }
    }
}

/// What a file, and those that it extends, say of built-in rules.
#[derive(Debug, Default)]
pub struct Tuning(Vec<Edit>);

/// What is said, and by which file.
#[derive(Debug)]
enum Edit {
    /// It is not to hold.
    Disable(String),
    Change(Arc<str>, Change),
    /// For these, or for all where there are none.
    Allow(Arc<str>, Vec<String>, Arc<Allowlist>),
}

impl Tuning {
    pub(super) fn disable(&mut self, id: &str) {
        self.0.push(Edit::Disable(id.to_owned()));
    }

    pub(super) fn change(&mut self, file: &str, change: &Change) {
        self.0.push(Edit::Change(file.into(), change.clone()));
    }

    pub(super) fn allow(&mut self, file: &str, ids: Vec<String>, allowlist: &Arc<Allowlist>) {
        self.0.push(Edit::Allow(file.into(), ids, Arc::clone(allowlist)));
    }

    /// With what another says that comes behind it.
    pub(super) fn and(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Ids of the rules that are not to hold.
    pub fn disabled(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|edit| match edit {
            Edit::Disable(id) => Some(id.as_str()),
            Edit::Change(..) | Edit::Allow(..) => None,
        })
    }

    /// What it says at last of a key of a rule, and in which file.
    fn settings(&self) -> BTreeMap<(&str, &'static str), (String, &str)> {
        let mut settings = BTreeMap::new();
        for edit in &self.0 {
            let Edit::Change(file, change) = edit else { continue };
            for (key, value) in change.settings() {
                settings.insert((change.id.as_str(), key), (value, &**file));
            }
        }
        settings
    }
}

/// Notes of what is said of rules that other files disable or replace.
fn idle(tunings: &[Tuning], built_in: &RuleSet) -> Vec<String> {
    let mut idle: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for edit in tunings.iter().flat_map(|tuning| &tuning.0) {
        let (file, ids) = match edit {
            Edit::Disable(_) => continue,
            Edit::Change(file, change) => (file, std::slice::from_ref(&change.id)),
            Edit::Allow(file, ids, _) => (file, ids.as_slice()),
        };
        for id in ids.iter().filter(|id| !built_in.has(id)) {
            idle.entry(file).or_default().insert(id);
        }
    }
    let note = |(file, ids): (&str, BTreeSet<&str>)| {
        let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
        format!(
            "{file}: what it says of these rules is left out, as another file disables them or has its own of that id: \
             {}",
            shown(&ids)
        )
    };
    idle.into_iter().map(note).collect()
}

/// Notes of what is said otherwise by a file before.
fn contradicted(tunings: &[Tuning], built_in: &RuleSet) -> Vec<String> {
    let mut held = BTreeMap::new();
    let mut contradicted: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for tuning in tunings {
        for ((id, key), (value, file)) in tuning.settings() {
            match held.entry((id, key)) {
                Entry::Vacant(free) => _ = free.insert(value),
                Entry::Occupied(first) if *first.get() != value && built_in.has(id) => {
                    contradicted.entry(file).or_default().push(format!("{key} of {id}"));
                }
                Entry::Occupied(_) => {}
            }
        }
    }
    let note = |(file, keys): (&str, Vec<String>)| {
        format!("{file}: this is left out, as a file before it says otherwise: {}", shown(&keys))
    };
    contradicted.into_iter().map(note).collect()
}
