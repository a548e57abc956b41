//! What looks for secrets in messages.

use penstock_inspect::{EngineKind, Inspector, Limits, RuleSet};

use super::Check;
use crate::report::count;
use crate::version::inspect_engine;

/// Whether the engine takes the built-in rules on this processor. A configuration, where there is one that looks for
/// any, looks for so many rules with an engine of its own choice.
pub(super) fn engine(configured: Option<(usize, EngineKind)>) -> Check {
    let name = "inspect engine";
    let set = RuleSet::built_in().map_err(|error| error.to_string());
    let prepared = set.and_then(|set| Inspector::new(set, EngineKind::BEST, Limits::default()));
    match prepared {
        Err(error) if portable() => {
            let detail =
                format!("{} cannot be used: {error}; the portable one is", inspect_engine());
            let fix = "Vectorscan needs SSE4.2 on x86-64; without it messages are looked into more slowly, and \
                       the same is found";
            Check::degraded(name, detail, fix)
        }
        Err(error) => {
            let fix = "Vectorscan needs SSE4.2 on x86-64; `cargo build -p penstock --no-default-features` \
                       makes a penstock without it";
            Check::failed(name, format!("{} cannot be used: {error}", inspect_engine()), fix)
        }
        Ok(inspector) => {
            let rules = configured.map_or_else(
                || format!("{} built in", count(inspector.rules().len(), "rule")),
                |(rules, _)| format!("{} of the configuration", count(rules, "rule")),
            );
            if let Some((_, EngineKind::Portable)) = configured
                && EngineKind::BEST == EngineKind::Vectorscan
            {
                let name_of = EngineKind::Portable.name();
                let detail = format!("{name_of}, {rules}, which asks for it");
                return Check::degraded(name, detail, "`engine: auto` finds the same, and faster");
            }
            let detail = format!("{}, {rules}", inspect_engine());
            if EngineKind::BEST == EngineKind::Vectorscan {
                return Check::ok(name, detail);
            }
            let fix = "install libvectorscan-dev and build penstock with its default features: Vectorscan is \
                       faster, and finds the same";
            Check::degraded(
                name,
                format!("{detail}: this penstock was built without Vectorscan"),
                fix,
            )
        }
    }
}

/// Whether the engine that is everywhere takes them.
fn portable() -> bool {
    RuleSet::built_in()
        .is_ok_and(|set| Inspector::new(set, EngineKind::Portable, Limits::default()).is_ok())
}
