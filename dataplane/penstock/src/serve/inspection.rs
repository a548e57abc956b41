//! What looks into messages while penstock serves: made ready beside serving, told to operators.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use penstock_config::{Errors, Snapshot};
use penstock_inspect::EngineKind;
use penstock_proxy::Guards;

use crate::prepare::Prepared;

/// What is in use; nothing where nothing is looked for.
#[derive(Default)]
pub(super) struct Ready(Option<Prepared>);

impl Ready {
    /// Makes ready what a configuration says, with what was ready before where that is the same.
    pub(super) fn new(
        snapshot: &Snapshot,
        path: &Path,
        before: &Self,
    ) -> Result<(Self, Guards), String> {
        let wrong = |problems| Errors::Invalid { problems }.to_string();
        let prepared = Prepared::new(snapshot, path, before.0.as_ref()).map_err(wrong)?;
        let guards = prepared.as_ref().map(|prepared| prepared.guards(snapshot, path));
        let guards = guards.transpose().map_err(wrong)?.unwrap_or_default();
        if let Some(prepared) = &prepared {
            prepared.log(&guards);
            for note in prepared.notes() {
                tracing::warn!("{note}");
            }
            for warning in prepared.warnings(snapshot, path) {
                tracing::warn!("{warning}");
            }
        }
        Ok((Self(prepared), guards))
    }

    /// The files that its rules were read from.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().flat_map(Prepared::files)
    }

    pub(super) fn metrics(&self, out: &mut String) {
        let Some(prepared) = &self.0 else { return };
        let (engine, rules) = (prepared.engine().name(), prepared.rules());
        let fallback = u8::from(prepared.engine() != EngineKind::Vectorscan);
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "# HELP penstock_inspection_rules Rules that are looked for.\n\
             # TYPE penstock_inspection_rules gauge\n\
             penstock_inspection_rules{{engine=\"{engine}\"}} {rules}\n\
             # HELP penstock_inspection_fallback 1 where the engine is not the fastest that there is.\n\
             # TYPE penstock_inspection_fallback gauge\n\
             penstock_inspection_fallback {fallback}"
        );
    }
}

/// A configuration on its way, on a thread of its own: rules may take a second.
pub(super) struct Next {
    snapshot: Snapshot,
    thread: JoinHandle<Result<(Ready, Guards), String>>,
}

impl Next {
    pub(super) fn begin(snapshot: Snapshot, path: &Path, before: Arc<Ready>) -> Self {
        let (of, path) = (snapshot.clone(), PathBuf::from(path));
        let thread = std::thread::spawn(move || Ready::new(&of, &path, &before));
        Self { snapshot, thread }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.thread.is_finished()
    }

    /// Why it cannot be put to work, where it cannot.
    pub(super) fn end(self) -> Result<(Snapshot, Ready, Guards), String> {
        let made = self.thread.join();
        let (ready, guards) = made.unwrap_or_else(|_| Err("making rules ready failed".into()))?;
        Ok((self.snapshot, ready, guards))
    }
}
