//! A directory of this process's own for the sockets between shards and control thread.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use penstock_proxy::Inside;

const PREFIX: &str = "penstock-";
const CONTROL: &str = "control.sock";
const FRONT: &str = "front.sock";
/// A directory younger than this may belong to a penstock that is just starting.
const STALE_AFTER: Duration = Duration::from_mins(1);

/// The directory; removed with all that is in it when dropped, and locked as long as its process lives.
pub(super) struct Directory {
    made: tempfile::TempDir,
    _lock: File,
}

impl Directory {
    /// Makes it, and removes those of dead processes. `base` is where; an error names it.
    pub(super) fn new(base: &Path) -> Result<Self, (PathBuf, io::Error)> {
        // A name that nobody could have taken before, and a mode that lets nobody else in.
        let made = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(base)
            .map_err(|error| (base.to_owned(), error))?;
        let locked = File::open(made.path()).and_then(|lock| lock.lock().map(|()| lock));
        let lock = locked.map_err(|error| (made.path().to_owned(), error))?;
        if let Ok(own) = fs::metadata(made.path()) {
            remove_stale(base, own.uid());
        }
        Ok(Self { made, _lock: lock })
    }

    pub(super) fn sockets(&self) -> Inside {
        Inside { control: self.made.path().join(CONTROL), front: self.made.path().join(FRONT) }
    }
}

/// Where a service or a user keeps what lives as long as a process.
pub(super) fn base() -> PathBuf {
    let given = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    // systemd lists several directories with colons between them.
    let service = given("RUNTIME_DIRECTORY")
        .and_then(|list| std::env::split_paths(&list).next())
        .filter(|first| first.is_absolute());
    let user = given("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_dir());
    service.or(user).unwrap_or_else(std::env::temp_dir)
}

/// What a killed penstock of this user's left: a directory that nobody has locked. Another user's is not
/// even looked into.
fn remove_stale(base: &Path, user: u32) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let named = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let old = |at: SystemTime| at.elapsed().is_ok_and(|age| age > STALE_AFTER);
        let ours = named
            && entry.metadata().is_ok_and(|found| {
                found.is_dir() && found.uid() == user && found.modified().is_ok_and(old)
            });
        let dead = || File::open(&path).is_ok_and(|directory| directory.try_lock().is_ok());
        if ours && dead() {
            // Only what is known to be ours; anything else keeps the directory.
            let _ = fs::remove_file(path.join(CONTROL));
            let _ = fs::remove_file(path.join(FRONT));
            let _ = fs::remove_dir(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    fn aged(path: &Path) {
        let then = SystemTime::now() - Duration::from_hours(1);
        let directory = fs::File::open(path).expect("it opens");
        directory.set_modified(then).expect("its time is set");
    }

    #[test]
    fn the_directory_is_private_and_goes_with_its_owner() {
        let base = tempfile::tempdir().expect("a directory");
        let own = Directory::new(base.path()).expect("it is made");
        let path = own.sockets().front.parent().expect("a parent").to_owned();
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        drop(own);
        assert!(!path.exists());
    }

    #[test]
    fn one_that_serves_is_taken_for_alive() {
        let base = tempfile::tempdir().expect("a directory");
        let serving = Directory::new(base.path()).expect("it is made");
        aged(serving.made.path());
        drop(Directory::new(base.path()).expect("it is made beside"));
        assert!(serving.made.path().exists());
    }

    #[test]
    fn only_what_dead_processes_left_is_removed() {
        let base = tempfile::tempdir().expect("a directory");
        let user = fs::metadata(base.path()).expect("its owner").uid();
        let of = |name: &str| {
            let path = base.path().join(name);
            fs::create_dir(&path).expect("it is made");
            path
        };
        let (dead, live) = (of("penstock-dead"), of("penstock-live"));
        let (young, other) = (of("penstock-young"), of("other"));
        for path in [&dead, &young, &other] {
            drop(UnixListener::bind(path.join(CONTROL)).expect("it binds"));
        }
        let serving = File::open(&live).expect("it opens");
        serving.lock().expect("it is locked");
        for path in [&dead, &live, &other] {
            aged(path);
        }
        remove_stale(base.path(), user);
        let left = [&dead, &live, &young, &other].map(|path| path.exists());
        assert_eq!(left, [false, true, true, true]);
    }

    #[test]
    fn what_another_user_left_is_not_looked_into() {
        let base = tempfile::tempdir().expect("a directory");
        let user = fs::metadata(base.path()).expect("its owner").uid();
        let path = base.path().join("penstock-theirs");
        fs::create_dir(&path).expect("it is made");
        drop(UnixListener::bind(path.join(CONTROL)).expect("it binds"));
        aged(&path);
        remove_stale(base.path(), user + 1);
        assert!(path.join(CONTROL).exists());
    }
}
