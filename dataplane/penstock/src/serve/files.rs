//! The files whose change means a reload.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use penstock_config::{Snapshot, Target};

/// The configuration, certificates, keys and rules, each as it was last seen.
pub(super) struct Files(Vec<Seen>);

struct Seen {
    file: PathBuf,
    /// Nothing where it was absent.
    stamp: Option<Stamp>,
    /// It was there before, and at the last look it was not.
    missed: bool,
}

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
        let seen = |file: PathBuf| Seen { stamp: stamp(&file), file, missed: false };
        Self(files.into_iter().map(seen).collect())
    }

    /// Whether one has changed since the last look.
    pub(super) fn changed(&mut self) -> bool {
        let mut changed = false;
        for Seen { file, stamp: seen, missed } in &mut self.0 {
            let now = stamp(file);
            // A file that is just being replaced may be absent for a moment, but not at two looks.
            let waits = now.is_none() && seen.is_some() && !std::mem::replace(missed, true);
            if now != *seen && !waits {
                (*seen, *missed) = (now, false);
                changed = true;
            } else if now.is_some() {
                *missed = false;
            }
        }
        changed
    }
}

fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_gone_is_a_change_once_it_was_missed_twice() {
        let folder = std::env::temp_dir().join(format!("penstock-files-{}", std::process::id()));
        std::fs::create_dir(&folder).expect("a folder");
        let file = folder.join("own.toml");
        let write = |text: &str| std::fs::write(&file, text).expect("a file");
        write("a");
        let loaded = Seen { stamp: stamp(&file), file: file.clone(), missed: false };
        let mut files = Files(vec![loaded]);
        assert!(!files.changed());
        std::fs::remove_file(&file).expect("it is there");
        assert!(!files.changed(), "it may be just being replaced");
        write("longer");
        assert!(files.changed());
        std::fs::remove_file(&file).expect("it is there");
        assert_eq!([files.changed(), files.changed(), files.changed()], [false, true, false]);
        write("again");
        assert_eq!([files.changed(), files.changed()], [true, false]);
        std::fs::remove_dir_all(&folder).expect("it is there");
    }
}
