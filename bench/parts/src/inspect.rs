//! Looking into a message.

use std::hint::black_box;

use penstock_inspect::{EngineKind, Form, Inspector, Limits, RuleSet, Scratch};

use crate::Case;
use crate::inputs::{self, aligned};

pub(crate) fn cases() -> Vec<Case> {
    vec![scan()]
}

/// With all built-in rules, of which none finds anything.
fn scan() -> Case {
    let input = aligned(inputs::RESULT);
    // Prepared by the first iteration: who asks for another case does not wait for it.
    let mut made = None;
    Case::new("inspect/scan_4k", input.len(), move || {
        let Some((inspector, scratch)) = made.get_or_insert_with(prepared) else {
            return false;
        };
        let found = inspector.scan(black_box(input), Form::Json, scratch);
        found.is_ok_and(<[_]>::is_empty)
    })
    // Each regex that is asked makes room for its groups.
    .allocates(100)
}

fn prepared() -> Option<(Inspector, Scratch)> {
    let rules = RuleSet::built_in().ok()?;
    let inspector = Inspector::new(rules, EngineKind::BEST, Limits::default()).ok()?;
    let scratch = inspector.scratch().ok()?;
    Some((inspector, scratch))
}
