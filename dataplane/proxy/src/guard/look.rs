//! Looking into one message.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use penstock_inspect::{
    Action, Blocked, Exceeded, Form, Outcome, OverLimit, Scratch, Side, Told, Why,
};
use penstock_metrics::Metric;

use super::{Guard, json, wide};
use crate::downstream::Downstream;
use crate::shard::{Shard, View};

/// Who looks, at whose messages.
#[derive(Clone, Copy)]
pub(crate) struct Eyes<'a> {
    pub(crate) guard: &'a Guard,
    pub(crate) shard: &'a Shard,
    pub(crate) view: &'a View,
    pub(crate) side: Side,
    /// The agent's name, where it is known.
    pub(crate) agent: Option<&'a str>,
    pub(super) down: &'a Downstream,
    /// The tool that was called, where its request may be forgotten.
    pub(super) calls: Option<&'a str>,
}

/// What of a request or an answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A message, known to be JSON.
    Message,
    /// A body, or the data of an event; `json` where it is said to be JSON.
    Body { json: bool },
    /// What the request's target has behind the path.
    Query,
    /// Headers.
    Headers,
    /// All of an event but its data.
    Event,
    /// What of a body is in two or four bytes a character, without its zeros.
    Wide,
}

impl Place {
    /// As it is told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Message | Self::Body { .. } => "body",
            Self::Query => "query",
            Self::Headers => "headers",
            Self::Event => "event",
            Self::Wide => "text in UTF-16 or UTF-32",
        }
    }

    /// The same of what is no body, so that no pointer leads to it.
    pub(crate) fn beside(self) -> Option<&'static str> {
        (!self.can_change()).then(|| self.name())
    }

    /// Whether something else may stand there: all but bodies passes as it came, or not at all.
    fn can_change(self) -> bool {
        matches!(self, Self::Message | Self::Body { .. })
    }
}

/// What becomes of it.
#[derive(Debug)]
pub(crate) enum Looked {
    /// As it came.
    Clean,
    /// With this in its place.
    Changed(Vec<u8>),
    Stopped(Stop),
}

/// Why a message does not pass; it says where the reason stands, and never what it is.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    why: String,
    pub(crate) rule: Option<Arc<str>>,
    pub(crate) place: Place,
    /// Within a body.
    pub(crate) pointer: String,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Stop {
    /// One that no rule asks for.
    pub(crate) fn because(why: impl Into<String>) -> Self {
        Self { why: why.into(), rule: None, place: Place::Message, pointer: String::new() }
    }

    pub(super) fn by(blocked: Blocked, place: Place) -> Self {
        let rule = blocked.why.rule().map(Arc::from);
        let key = match &blocked.why {
            Why::Limit(Exceeded::Bytes { .. }) => " (`inspection.message_bytes`)",
            _ => "",
        };
        let beside = place.beside().map_or_else(String::new, |name| format!(" in the {name}"));
        Self { why: format!("{blocked}{key}{beside}"), rule, place, pointer: blocked.pointer }
    }
}

impl<'a> Eyes<'a> {
    /// On what goes with this connection's agent.
    pub(crate) fn new(
        guard: &'a Guard,
        shard: &'a Shard,
        view: &'a View,
        side: Side,
        down: &'a Downstream,
    ) -> Self {
        Self { guard, shard, view, side, agent: down.caller.agent_name(), down, calls: None }
    }

    /// Looks into a text. `found` is told the pointer of each finding.
    pub(crate) fn look(&self, text: &[u8], place: Place, found: &mut dyn FnMut(&str)) -> Looked {
        self.shard.cells.inc(Metric::Inspected);
        self.shard.cells.add(Metric::InspectedBytes, text.len() as u64);
        if text.len() > self.guard.message_bytes {
            let most = self.guard.message_bytes;
            return self.past(Exceeded::Bytes { bytes: text.len(), most }, place);
        }
        let known = &mut Known::default();
        let said = match place {
            Place::Message => return self.look_as(text, Form::Json, place, known, found),
            Place::Body { json } => json,
            Place::Query | Place::Headers | Place::Event | Place::Wide => {
                return self.look_as(text, Form::Text, place, known, found);
            }
        };
        if json::is_json(text) && (said || Form::of(text) == Form::Json) {
            return self.look_as(text, Form::Json, place, known, found);
        }
        let zeros = memchr::memchr(0, text).is_some();
        if said && (zeros || has_mark(text)) {
            return self.stopped(Stop::because("it is said to be JSON and is not in UTF-8"));
        }
        // As a text a match may go over what would keep values apart; as JSON its strings are read as such.
        let first = self.look_as(text, Form::Text, place, known, found);
        let text = match &first {
            Looked::Changed(text) => text,
            Looked::Clean => text,
            Looked::Stopped(_) => return first,
        };
        let again = if said {
            self.look_as(text, Form::Json, place, known, found)
        } else if zeros {
            self.look_as(&wide::narrowed(text), Form::Text, Place::Wide, known, found)
        } else {
            return first;
        };
        match again {
            Looked::Clean => first,
            second => second,
        }
    }

    /// Whether an id may be said again: nothing is to be found in it.
    pub(super) fn may_say(&self, id: &[u8]) -> bool {
        let alone = [b"{\"id\":", id, b"}"].concat();
        matches!(self.look(&alone, Place::Message, &mut |_| {}), Looked::Clean)
    }

    /// Looks with the memory that the shard has for it; fails where it can have none.
    pub(super) fn with_scratch<T>(
        &self,
        look: impl FnOnce(&mut Scratch) -> T,
    ) -> Result<T, Exceeded> {
        let policy = &self.guard.policy;
        let mut kept = self.view.scratch.borrow_mut();
        // One set of rules has one; that of another would not fit.
        let scratch = match &mut *kept {
            Some((of, scratch)) if Arc::ptr_eq(of, policy.inspector()) => scratch,
            other => &mut other.insert((Arc::clone(policy.inspector()), policy.scratch()?)).1,
        };
        let looked = look(scratch);
        // A large message's memory is not kept until another comes.
        if let Err(exceeded) = policy.inspector().trim(scratch) {
            *kept = None;
            return Err(exceeded);
        }
        Ok(looked)
    }

    pub(super) fn look_as(
        &self,
        text: &[u8],
        form: Form,
        place: Place,
        known: &mut Known,
        found: &mut dyn FnMut(&str),
    ) -> Looked {
        let (mut unchangeable, mut lines) = (None, Vec::new());
        let mut told = |told: &Told<'_>| {
            let changes = matches!(told.action, Action::Redact(_) | Action::Tokenise);
            let stops = changes && !place.can_change();
            if stops && unchangeable.is_none() {
                unchangeable = Some(told.rule.id.as_str().into());
            }
            found(told.pointer);
            if known.is_new(told) {
                let action = if stops { Action::Block } else { told.action };
                lines.extend(self.line(place, action, told));
            }
        };
        let outcome = self.with_scratch(|scratch| {
            self.guard.policy.inspect(self.side, text, form, scratch, &mut told)
        });
        self.tell(lines);
        known.looked = true;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(exceeded) => return self.past(exceeded, place),
        };
        match outcome {
            Outcome::Unchanged => Looked::Clean,
            Outcome::Passed(exceeded) => self.past(exceeded, place),
            Outcome::Changed(text) if place.can_change() => Looked::Changed(text),
            Outcome::Changed(_) => {
                let why = Why::Rule(unchangeable.unwrap_or_else(|| "".into()));
                self.stopped(Stop::by(Blocked { why, pointer: String::new() }, place))
            }
            Outcome::Blocked(blocked) => Looked::Stopped(self.stop_by(blocked, place)),
        }
    }

    /// Counts what a look has stopped.
    pub(super) fn stop_by(&self, blocked: Blocked, place: Place) -> Stop {
        if matches!(blocked.why, Why::Limit(_)) {
            self.shard.cells.inc(Metric::InspectionExceeded);
        }
        self.stop(Stop::by(blocked, place))
    }

    /// What becomes of what cannot be looked into whole.
    pub(super) fn past(&self, exceeded: Exceeded, place: Place) -> Looked {
        match self.guard.over_limit {
            OverLimit::Pass => {
                self.passed_unseen(&exceeded);
                Looked::Clean
            }
            OverLimit::Block => {
                self.shard.cells.inc(Metric::InspectionExceeded);
                let why = Why::Limit(exceeded);
                self.stopped(Stop::by(Blocked { why, pointer: String::new() }, place))
            }
        }
    }

    /// The same of what has more bytes than are held; `None` where it passes.
    pub(crate) fn too_long(&self, bytes: u64) -> Option<Stop> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let exceeded = Exceeded::Bytes { bytes, most: self.guard.message_bytes };
        match self.past(exceeded, Place::Body { json: false }) {
            Looked::Stopped(stop) => Some(stop),
            Looked::Clean | Looked::Changed(_) => None,
        }
    }

    pub(super) fn passed_unseen(&self, exceeded: &Exceeded) {
        self.shard.cells.inc(Metric::InspectionExceeded);
        if !self.shard.evidence.take(self.shard.timers.now_ms()) {
            return;
        }
        tracing::warn!(
            target: "inspection",
            server = self.guard.server,
            direction = self.side.name(),
            agent = self.agent,
            why = %exceeded,
            "passed without having been looked into whole, as `over_limit: pass` wants it"
        );
    }

    fn stopped(&self, stop: Stop) -> Looked {
        self.shard.cells.inc(Metric::InspectionBlocked);
        Looked::Stopped(stop)
    }

    /// Counts a message that something else than a look has stopped.
    pub(crate) fn stop(&self, stop: Stop) -> Stop {
        self.shard.cells.inc(Metric::InspectionBlocked);
        stop
    }
}

/// Whether anything is found in a text that goes nowhere but into a log.
pub(crate) fn finds(guard: &Guard, text: &[u8], form: Form, view: &View) -> bool {
    let inspector = guard.policy.inspector();
    let mut kept = view.scratch.borrow_mut();
    let scratch = match &mut *kept {
        Some((of, scratch)) if Arc::ptr_eq(of, inspector) => scratch,
        other => match inspector.scratch() {
            Ok(new) => &mut other.insert((Arc::clone(inspector), new)).1,
            Err(_) => return true,
        },
    };
    inspector.scan(text, form, scratch).map_or(true, |found| !found.is_empty())
}

/// Whether a text begins with the mark of UTF-16 or UTF-32; some readers of JSON tell them by that, or by zeros.
fn has_mark(text: &[u8]) -> bool {
    matches!(text, [0xff, 0xfe, ..] | [0xfe, 0xff, ..])
}

/// What was told of a body, which is not told again where another look finds it again.
#[derive(Default)]
pub(super) struct Known {
    told: HashSet<(String, [u8; 8])>,
    looked: bool,
}

impl Known {
    /// How much it remembers.
    pub(super) fn told(&self) -> usize {
        self.told.len()
    }

    /// Each place at which something stands is told, in the first look.
    fn is_new(&mut self, told: &Told<'_>) -> bool {
        let new = self.told.insert((told.rule.id.clone(), told.fingerprint));
        new || !self.looked
    }
}
