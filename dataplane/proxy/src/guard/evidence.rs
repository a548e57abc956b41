//! What is told of findings: lines in the log, and counts.

use std::cell::Cell;

use penstock_inspect::{Action, Form, Opened, Side, Told};
use penstock_mcp::write_string;
use penstock_metrics::{Direction, Metric};

use super::look::{Eyes, Place, Stop, finds};

/// Lines that a shard writes of findings at once,
const LINES_AT_ONCE: u64 = 200;
/// and so many more each second.
const LINES_A_SECOND: u64 = 20;

/// How many lines a shard may write. What is found may be what somebody sends, and as often as they like.
pub(crate) struct Evidence {
    /// In thousandths of one.
    left: Cell<u64>,
    since_ms: Cell<u64>,
}

impl Default for Evidence {
    fn default() -> Self {
        Self { left: Cell::new(LINES_AT_ONCE * 1000), since_ms: Cell::new(0) }
    }
}

impl Evidence {
    /// Whether one more line may be written.
    pub(super) fn take(&self, now_ms: u64) -> bool {
        let passed = now_ms.saturating_sub(self.since_ms.replace(now_ms));
        let earned = passed.saturating_mul(LINES_A_SECOND);
        let left = self.left.get().saturating_add(earned).min(LINES_AT_ONCE * 1000);
        self.left.set(left.saturating_sub(1000));
        left >= 1000
    }
}

pub(super) fn direction(side: Side) -> Direction {
    match side {
        Side::Request => Direction::Request,
        Side::Response => Direction::Response,
    }
}

/// What the log tells of a finding.
pub(super) struct Line {
    rule: String,
    class: &'static str,
    action: &'static str,
    place: Place,
    pointer: String,
    at: usize,
    bytes: usize,
    fingerprint: u64,
}

/// Longer names are no tool's (MCP 2025-11-25, "Tool Names").
const TOOL_BYTES_MAX: usize = 128;

impl Eyes<'_> {
    /// Counts a finding with what becomes of it; its line, where one more may be written.
    pub(super) fn line(&self, place: Place, action: Action, told: &Told<'_>) -> Option<Line> {
        let Self { shard, side, .. } = self;
        let (class, action) = (told.rule.class.name(), action.name());
        shard.cells.finding(class, action, direction(*side));
        if !shard.evidence.take(shard.timers.now_ms()) {
            shard.cells.inc(Metric::InspectionUnlogged);
            return None;
        }
        Some(Line {
            rule: told.rule.id.clone(),
            class,
            action,
            place,
            pointer: told.pointer.to_owned(),
            at: told.start,
            bytes: told.bytes,
            fingerprint: u64::from_be_bytes(told.fingerprint),
        })
    }

    /// Writes what a look has found, once it has ended: the tool's name is looked into by itself.
    pub(super) fn tell(&self, lines: Vec<Line>) {
        if lines.is_empty() {
            return;
        }
        let Self { guard, side, agent, .. } = self;
        let tool = self.tool();
        for Line { rule, class, action, place, pointer, at, bytes, fingerprint } in lines {
            tracing::info!(
                target: "inspection",
                rule,
                class,
                action,
                server = guard.server,
                direction = side.name(),
                place = place.name(),
                pointer,
                at,
                bytes,
                fingerprint = format_args!("{fingerprint:016x}"),
                tool,
                agent,
                "found",
            );
        }
    }

    /// The tool that is called, or has answered, where nothing is found in its name: the agent may write anything.
    fn tool(&self) -> Option<String> {
        let name = self.calls.map_or_else(|| self.down.tool(), |name| Some(name.to_owned()))?;
        let mut alone = b"{\"name\":".to_vec();
        write_string(&name, &mut alone);
        alone.push(b'}');
        let plain =
            name.len() <= TOOL_BYTES_MAX && !finds(self.guard, &alone, Form::Json, self.view);
        plain.then_some(name)
    }
}

/// What is in the place of a message that does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instead {
    /// An error to whoever waits for it.
    Error,
    /// Nothing: nobody does.
    Nothing,
    /// An end that is none, so that it is seen to be missing.
    Break,
}

impl Instead {
    /// As it is told.
    fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Nothing => "nothing",
            Self::Break => "break",
        }
    }
}

impl Eyes<'_> {
    /// Tells of a message that does not pass.
    pub(crate) fn tell_blocked(&self, stop: &Stop, instead: Instead) {
        let Self { guard, shard, side, agent, .. } = self;
        if !shard.evidence.take(shard.timers.now_ms()) {
            shard.cells.inc(Metric::InspectionUnlogged);
            return;
        }
        tracing::warn!(
            target: "inspection",
            rule = stop.rule.as_deref(),
            action = Action::Block.name(),
            server = guard.server,
            direction = side.name(),
            place = stop.place.name(),
            pointer = stop.pointer,
            instead = instead.name(),
            tool = self.tool(),
            agent,
            why = %stop,
            "blocked",
        );
    }
}

/// Tells of a value that a tool gets in the place of its placeholder. Which rule found it the placeholder does not say.
pub(super) fn tell_opened(eyes: &Eyes<'_>, tool: &str, opened: &Opened) {
    let Eyes { guard, shard, agent, .. } = eyes;
    shard.cells.inc(Metric::InspectionOpened);
    if !shard.evidence.take(shard.timers.now_ms()) {
        shard.cells.inc(Metric::InspectionUnlogged);
        return;
    }
    let fingerprint = u64::from_be_bytes(opened.fingerprint);
    tracing::info!(
        target: "inspection",
        class = opened.class.name(),
        server = guard.server,
        tool,
        pointer = opened.pointer,
        fingerprint = format_args!("{fingerprint:016x}"),
        agent,
        "opened",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_at_once_and_by_the_second() {
        let evidence = Evidence::default();
        let taken = |now_ms| (0..1000).filter(|_| evidence.take(now_ms)).count() as u64;
        assert_eq!(taken(0), LINES_AT_ONCE);
        assert_eq!(taken(500), LINES_A_SECOND / 2);
        assert_eq!(taken(1500), LINES_A_SECOND);
        assert_eq!(taken(u64::MAX), LINES_AT_ONCE, "no more are saved up");
    }

    #[test]
    fn every_class_and_action_has_a_name_that_is_counted() {
        let classes = penstock_inspect::Class::ALL.map(penstock_inspect::Class::name);
        assert_eq!(penstock_metrics::CLASSES.split_last(), Some((&"other", &classes[..])));
        let keep = penstock_inspect::Keep::Nothing;
        let all = [Action::Report, Action::Tokenise, Action::Redact(keep), Action::Block];
        assert_eq!(penstock_metrics::ACTIONS, all.map(Action::name));
    }
}
