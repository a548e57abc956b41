//! What an agent sees of the filesystem: all of it, but for what starts work outside its cgroup and
//! what is about other processes.
//!
//! `/run` is replaced by an empty one instead of hiding single sockets: a daemon that starts again
//! makes its socket anew, and a mount on the old one is gone with it.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount,
    mount_bind, mount_change, mount_remount, move_mount, open_tree, unmount,
};

use super::Launch;
use super::user::User;
use crate::host::mounts;

/// Where daemons keep sockets outside `/run`.
const HIDDEN: [&str; 6] = [
    "/tmp/.ICE-unix",
    "/tmp/.X11-unix",
    "/var/lib/incus",
    "/var/lib/lxd",
    "/var/snap/lxd/common/lxd",
    "/var/lib/docker",
];
/// The same, below the home of the agent's user.
const HIDDEN_AT_HOME: [&str; 3] = [".docker/run", ".docker/desktop", ".colima"];
/// Beginnings of the names of directories in `/tmp` by which the user's own programs outside can be
/// told to do something.
const HIDDEN_IN_TMP: [&str; 5] = ["dbus-", "screen", "ssh-", "tmux-", "zellij-"];

/// Bytes that fit into the agent's own `/run`.
const RUN: &std::ffi::CStr = c"mode=755,size=64m";
const EMPTY: &std::ffi::CStr = c"mode=755,size=4k";
const NOTHING: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);

/// Why it cannot be made: what was being done, and to what.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}: {source}", path.display())]
pub(super) struct Blocked {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl Blocked {
    fn at<E: Into<io::Error>>(doing: &'static str, path: &Path) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |source| Self { doing, path, source: source.into() }
    }
}

/// Makes it, in a mount namespace and a cgroup namespace of the agent's own.
pub(super) fn make(launch: &Launch) -> Result<(), Blocked> {
    let root = Path::new("/");
    // Nothing that the host mounts later shows through.
    let alone = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change(root, alone).map_err(Blocked::at("separate the mounts below", root))?;
    let listed = mounts().map_err(io::Error::other);
    let listed = listed.map_err(Blocked::at("list the mounts below", root))?;
    replace_run(launch)?;
    for mounted in listed {
        let point = &mounted.at;
        match mounted.kind.as_str() {
            "proc" => over(point, c"proc", NOTHING, None)?,
            // A mount shows the queues of the namespace in which it was made.
            "mqueue" => over(point, c"mqueue", NOTHING, None)?,
            // Of v1 the namespace would hide some hierarchies only: those that the agent has joined.
            "bpf" | "cgroup" => hide(point)?,
            // The namespace makes the agent's own cgroup its root, so that programs find their limits.
            // The kernel does not mount a filesystem over itself, so the other goes first.
            "cgroup2" => {
                unmount(point, UnmountFlags::DETACH)
                    .map_err(Blocked::at("unmount the cgroups at", point))?;
                over(point, c"cgroup2", NOTHING, None)?;
                read_only(point)?;
            }
            _ => {}
        }
    }
    for path in HIDDEN.iter().map(Path::new).chain(launch.hide.iter().map(PathBuf::as_path)) {
        hide(path)?;
    }
    // Without Unix sockets there is nothing to reach there, and root may not be able to look.
    if launch.unix_sockets {
        for path in HIDDEN_AT_HOME {
            hide(&launch.user.home.join(path))?;
        }
    }
    for entry in fs::read_dir("/tmp").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let hidden = |name: &str| HIDDEN_IN_TMP.iter().any(|prefix| name.starts_with(prefix));
        let own = |found: fs::Metadata| found.is_dir() && found.uid() == launch.user.uid;
        if name.to_str().is_some_and(hidden) && entry.metadata().is_ok_and(own) {
            replace_own(&entry.path(), &launch.user)?;
        }
    }
    Ok(())
}

/// An empty one of the user's own, so that the program whose directory it is works inside as outside.
fn replace_own(path: &Path, user: &User) -> Result<(), Blocked> {
    let options = format!("mode=700,uid={},gid={},size=64k", user.uid, user.gid);
    let options = std::ffi::CString::new(options).map_err(io::Error::from);
    let options = options.map_err(Blocked::at("mount over", path))?;
    over(path, c"tmpfs", NOTHING, Some(&options))
}

/// An empty `/run` but for what is to be kept, what `/etc/resolv.conf` may point to, and a directory
/// of the user's.
fn replace_run(launch: &Launch) -> Result<(), Blocked> {
    let run = Path::new("/run");
    if !run.is_dir() {
        return Ok(());
    }
    let resolver = fs::canonicalize("/etc/resolv.conf").ok();
    let mut kept = Vec::new();
    for path in launch.keep.iter().chain(&resolver) {
        // `/var/run` is another name of it.
        let Ok(path) = fs::canonicalize(path) else { continue };
        if path.starts_with(run) && path != run {
            kept.push((path.is_dir(), held(&path)?, path));
        }
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    over(run, c"tmpfs", flags, Some(RUN))?;
    for (is_directory, tree, path) in kept {
        let place = if is_directory {
            directory(&path, 0o755)
        } else {
            let parent = path.parent().unwrap_or(run);
            directory(parent, 0o755).and_then(|()| File::create_new(&path).map(drop))
        };
        match place {
            // Below one that is kept already.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            other => other.map_err(Blocked::at("make", &path))?,
        }
        move_mount(&tree, "", CWD, &path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
            .map_err(Blocked::at("keep", &path))?;
        // It is the host's /run, whose room everything there shares. Sockets can be connected to.
        read_only(&path)?;
    }
    let own = launch.user.runtime_directory();
    directory(&own, 0o755).map_err(Blocked::at("make", &own))?;
    let User { uid, gid, .. } = launch.user;
    chown(&own, Some(uid), Some(gid)).map_err(Blocked::at("hand over", &own))?;
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(&own, private).map_err(Blocked::at("close", &own))
}

fn directory(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(path)
}

/// A mount of `path` alone, without the mounts below it, that is not anywhere yet.
fn held(path: &Path) -> Result<OwnedFd, Blocked> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    open_tree(CWD, path, flags).map_err(Blocked::at("keep", path))
}

/// Mounts a filesystem over a directory. One that is not there is out of reach already.
fn over(
    path: &Path,
    kind: &'static std::ffi::CStr,
    flags: MountFlags,
    options: Option<&std::ffi::CStr>,
) -> Result<(), Blocked> {
    match mount(kind, path, kind, flags, options) {
        Err(rustix::io::Errno::NOENT) => Ok(()),
        other => other.map_err(Blocked::at("mount over", path)),
    }
}

fn read_only(path: &Path) -> Result<(), Blocked> {
    match mount_remount(path, MountFlags::BIND | MountFlags::RDONLY | NOTHING, c"") {
        Err(rustix::io::Errno::NOENT) => Ok(()),
        other => other.map_err(Blocked::at("make read-only", path)),
    }
}

/// Puts nothing in its place: an empty directory, or a device that nobody can connect to.
fn hide(path: &Path) -> Result<(), Blocked> {
    let found = match fs::metadata(path) {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            return Ok(());
        }
        found => found.map_err(Blocked::at("look at", path))?,
    };
    if found.is_dir() {
        return over(path, c"tmpfs", NOTHING | MountFlags::RDONLY, Some(EMPTY));
    }
    mount_bind("/dev/null", path).map_err(Blocked::at("hide", path))
}
