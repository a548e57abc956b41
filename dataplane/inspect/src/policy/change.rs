//! A message with placeholders in the place of what was found.

use super::keys::Sealed;
use super::placeholder::{SEALED, is_put_by, redacted};
use super::settle::Settled;
use super::told::{Blocked, Outcome, Why};
use super::{Action, Keep, Policy};
use crate::redact::{Splice, joined, spliced};
use crate::scan::{Encoding, Finding, Form, Scratch};
use crate::string::Nests;
use crate::structure::is_read_as_json;

/// Where a message is cut, and what comes there.
pub(super) struct Change {
    splices: Vec<Splice>,
    /// Something was cut out within what is encoded in it.
    pub(super) encoded: bool,
    /// The first rule for which it is cut.
    rule: std::sync::Arc<str>,
}

impl Change {
    /// What is settled to be replaced; `None` where nothing is. `of` says of each finding which of the settled it
    /// is part of. What is to be sealed and cannot be is settled as redacted.
    pub(super) fn of(
        policy: &Policy,
        message: &[u8],
        form: Form,
        scratch: &Scratch,
        found: &[Finding],
        settled: &mut [Settled],
        of: &[Option<usize>],
    ) -> Option<Self> {
        let first = settled.iter().find(|one| is_put_by(one.action))?;
        let rule = policy.inspector.rule(found.get(first.finding)?)?.id.as_str().into();
        let mut encoded = vec![false; settled.len()];
        for (finding, of) in found.iter().zip(of) {
            if let Some(encoded) = of.and_then(|of| encoded.get_mut(of)) {
                *encoded |= is_encoded(finding, scratch);
            }
        }
        let mut nests = Nests::new(message, form);
        let mut splices = Vec::new();
        // Of what is cut out where it is encoded: what comes there.
        let mut within: Vec<Option<String>> = vec![None; settled.len()];
        let all = settled.iter_mut().zip(encoded).zip(&mut within);
        for ((one, encoded), within) in all.filter(|((one, ..), _)| is_put_by(one.action)) {
            let Some(finding) = found.get(one.finding) else { continue };
            let Some(rule) = policy.inspector.rule(finding) else { continue };
            let spot = if encoded { None } else { nests.spot(one.range.clone()) };
            let sealed = spot
                .as_ref()
                .filter(|spot| one.action == Action::Tokenise && spot.can_be_restored())
                .and_then(|spot| {
                    // What is no number in the place of one comes back as a string: no reader would take it.
                    let number =
                        spot.is_number() && spot.text.parse::<serde_json::Number>().is_ok();
                    let stood = if number { Sealed::Number } else { Sealed::Text };
                    let token = policy.keys.seal(&policy.server, rule.class, stood, &spot.text)?;
                    Some(format!("{SEALED}{}:{token}]", rule.class))
                });
            if one.action == Action::Tokenise && sealed.is_none() {
                one.action = Action::Redact(Keep::Nothing);
            }
            let keep = if let Action::Redact(keep) = one.action { keep } else { Keep::Nothing };
            let placeholder =
                sealed.unwrap_or_else(|| redacted(rule, keep, scratch.secret(message, finding)));
            match spot {
                Some(spot) => splices.push(spot.splice(&placeholder)),
                None => *within = Some(placeholder),
            }
        }
        let encoded = within.iter().any(Option::is_some);
        if encoded {
            let mut next = of.iter();
            let with = |_: &Finding| {
                let of = next.next().copied().flatten()?;
                within.get(of)?.clone().map(String::into_bytes)
            };
            // Where both are, what is cut out of the message itself goes first: it takes more.
            splices = over(splices, scratch.splices(message, form, found, with));
        }
        Some(Self { splices: joined(splices), encoded, rule })
    }

    /// In order and apart.
    pub(super) fn splices(self) -> Vec<Splice> {
        self.splices
    }

    /// The message as it is passed on.
    pub(super) fn made(self, message: &[u8], form: Form) -> Outcome {
        let changed = spliced(message, &self.splices);
        if form == Form::Json && !is_read_as_json(&changed) {
            let why = Why::Invalid(self.rule);
            return Outcome::Blocked(Blocked { why, pointer: String::new() });
        }
        Outcome::Changed(changed)
    }
}

/// Whether a finding stands in what nobody could put a value back into: in base64, in a URL's encoding.
fn is_encoded(finding: &Finding, scratch: &Scratch) -> bool {
    let mut index = finding.text;
    while let Some(within) = scratch.texts.get(index).and_then(|text| text.within.as_ref()) {
        if within.encoding != Encoding::Escaped {
            return true;
        }
        index = within.text;
    }
    false
}

/// All splices, of which those of the message itself take in what they meet of those of what is encoded in it.
fn over(own: Vec<Splice>, encoded: Vec<Splice>) -> Vec<Splice> {
    let mut all = joined(own);
    let mut apart = Vec::new();
    for splice in encoded {
        let next = all.partition_point(|one| one.range.end <= splice.range.start);
        match all.get_mut(next).filter(|one| one.range.start < splice.range.end) {
            Some(one) => {
                one.range.start = one.range.start.min(splice.range.start);
                one.range.end = one.range.end.max(splice.range.end);
            }
            None => apart.push(splice),
        }
    }
    all.extend(apart);
    all
}
