//! The files whose change means a reload.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use penstock_config::{Snapshot, Target};

/// The configuration, certificates, keys and rules, each as it was last seen.
pub(super) struct Files(Vec<(PathBuf, Option<Stamp>)>);

type Stamp = (SystemTime, u64);

impl Files {
    /// `rules` are the files that rules were read from.
    pub(super) fn of<'r>(
        snapshot: &Snapshot,
        configuration: &Path,
        rules: impl Iterator<Item = &'r Path>,
    ) -> Self {
        let mut files = vec![configuration.to_owned()];
        files.extend(rules.map(Path::to_owned));
        for tls in snapshot.listeners.iter().filter_map(|listener| listener.tls.as_ref()) {
            files.extend([tls.certificate.clone(), tls.key.clone()]);
            files.extend(tls.client_ca.clone());
        }
        for upstream in &snapshot.upstreams {
            let tls = match &upstream.target {
                Target::Http(http) | Target::Sse(http) => http.tls.as_ref(),
                Target::Command(_) => None,
            };
            files.extend(tls.and_then(|tls| tls.ca.clone()));
            let identity = tls.and_then(|tls| tls.identity.clone());
            files.extend(identity.into_iter().flat_map(|(certificate, key)| [certificate, key]));
        }
        Self(files.into_iter().map(|file| (file.clone(), stamp(&file))).collect())
    }

    /// Whether one has changed since the last look.
    pub(super) fn changed(&mut self) -> bool {
        let mut changed = false;
        for (file, seen) in &mut self.0 {
            let now = stamp(file);
            // A file that is just being replaced may be absent for a moment.
            if now.is_some() && now != *seen {
                *seen = now;
                changed = true;
            }
        }
        changed
    }
}

fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
