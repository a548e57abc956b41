//! What of a file of rules cannot be kept in messages, for a person.

use super::{AllowForm, RuleForm};

/// Rules that say of files or of one another what cannot be kept in a message, by their ids.
#[derive(Debug, Default)]
pub(in crate::rule) struct OfFiles {
    of_path: Vec<String>,
    silent: Vec<String>,
    anywhere: Vec<String>,
    alone: Vec<String>,
    in_words: Vec<String>,
    /// Those of the file too.
    idle: Vec<String>,
    unmet: Vec<String>,
}

/// So many ids stand in a note.
const NOTED_MAX: usize = 5;

impl OfFiles {
    pub(super) fn note(&mut self, form: &RuleForm) {
        let id = || form.id.get_ref().clone();
        self.note_allowlists(form.id.get_ref(), form.allowlist.iter().chain(&form.allowlists));
        self.in_words.extend(form.id.get_ref().contains(char::is_whitespace).then(id));
        if form.skip_report {
            self.silent.push(id());
        } else if form.is_of_path() {
            self.of_path.push(id());
        } else {
            self.anywhere.extend(form.path.is_some().then(id));
            self.alone.extend((!form.required.is_empty()).then(id));
        }
    }

    /// The same of a rule's allowlists, or the file's.
    pub(super) fn note_allowlists<'f>(
        &mut self,
        of: &str,
        mut forms: impl Iterator<Item = &'f AllowForm> + Clone,
    ) {
        self.idle.extend(forms.clone().any(AllowForm::is_empty).then(|| of.to_owned()));
        self.unmet.extend(forms.any(AllowForm::is_unmet).then(|| of.to_owned()));
    }

    /// A sentence each.
    pub(in crate::rule) fn notes(&self, name: &str) -> Vec<String> {
        let said = |ids: &[String], why: &str, what: &str| {
            let these = if ids.len() == 1 { "this rule is" } else { "these rules are" };
            let shown = shown(ids);
            (!ids.is_empty()).then(|| format!("{name}: {why}, so that {these} {what}: {shown}"))
        };
        let all = [
            said(&self.of_path, "a message has no path", "left out"),
            said(&self.silent, "`skipReport` asks that nothing is told", "left out"),
            said(&self.anywhere, "a message has no `path`", "looked for in every one"),
            said(&self.alone, "`required` has no meaning here", "found without what it asks for"),
            said(&self.in_words, "blanks are in their ids", "to be named between quotes"),
        ];
        let allowlist = |ids: &[String], which: &str, why: &str| {
            let shown = shown(ids);
            (!ids.is_empty())
                .then(|| format!("{name}: an allowlist {which} lets nothing go{why}: {shown}"))
        };
        let allowlists = [
            allowlist(&self.idle, "without `regexes` and `stopwords`", ""),
            allowlist(
                &self.unmet,
                "whose `condition` asks for `paths` or `commits` too",
                ", as a message has none",
            ),
        ];
        all.into_iter().chain(allowlists).flatten().collect()
    }
}

/// Some of these ids, and how many there are beside them.
pub(in crate::rule) fn shown(ids: &[String]) -> String {
    let shown = ids.iter().take(NOTED_MAX).map(|id| format!("`{id}`"));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match ids.len().saturating_sub(NOTED_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
