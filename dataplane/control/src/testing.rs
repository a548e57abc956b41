//! What several tests need.

use std::path::PathBuf;

/// A directory of the test's own under the system's temporary one.
pub(crate) fn directory(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("penstock-control-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&path).expect("a directory");
    path
}
