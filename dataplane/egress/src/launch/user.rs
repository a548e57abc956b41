//! Who an agent runs as.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// A user that is not root, with all that becoming it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// User id; never 0.
    pub uid: u32,
    /// Primary group; never 0.
    pub gid: u32,
    /// All groups, the primary one included; none of them 0.
    pub groups: Vec<u32>,
    /// Login name, or the user id where it has none.
    pub name: String,
    /// Home directory, or `/`.
    pub home: PathBuf,
    /// Login shell, or `/bin/sh` where it has none that runs commands.
    pub shell: PathBuf,
}

/// Why somebody cannot be the user of an agent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// There is no such user.
    #[error(
        "there is no user `{0}` on this host; give a name, or a number with `UID` or `UID:GID`"
    )]
    Unknown(String),
    /// There is no such group.
    #[error("there is no group `{0}` on this host; give a name or a number")]
    UnknownGroup(String),
    /// It is root.
    #[error(
        "an agent cannot run as root (`{0}`): root can leave its cgroup and undo what confines it; give another user with --user, or `run_as` in the configuration"
    )]
    Root(String),
    /// It is in root's group.
    #[error(
        "an agent cannot run as `{0}` with group 0: files of root's group, some of them devices and sockets, would be its to write; give another group with --user USER:GROUP, or take the user out of the group"
    )]
    RootGroup(String),
    /// The user database did not answer.
    #[error("cannot look up `{name}`: {source}")]
    LookUp {
        /// Who was looked up.
        name: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl User {
    /// `NAME`, `UID`, or either with `:GROUP` or `:GID`. A number needs no entry in the user database;
    /// its group is then the same number.
    pub fn parse(text: &str) -> Result<Self, UserError> {
        let (who, group) = match text.split_once(':') {
            Some((who, group)) => (who, Some(group)),
            None => (text, None),
        };
        let group = group.map(group_id).transpose()?;
        match who.parse() {
            Ok(uid) => Self::of_ids(uid, group),
            Err(_) => entry(who, Key::Name(who))?
                .ok_or_else(|| UserError::Unknown(who.to_owned()))?
                .into_user(group),
        }
    }

    /// The user of an id, in the group or the user's own.
    pub fn of_ids(uid: u32, gid: Option<u32>) -> Result<Self, UserError> {
        let text = uid.to_string();
        // setresuid(2) takes this for "leave it as it is".
        if uid == u32::MAX {
            return Err(UserError::Unknown(text));
        }
        let unlisted = || Entry {
            uid,
            gid: uid,
            name: None,
            home: PathBuf::from("/"),
            shell: PathBuf::from("/bin/sh"),
        };
        entry(&text, Key::Id(uid))?.unwrap_or_else(unlisted).into_user(gid)
    }

    /// `XDG_RUNTIME_DIR` of a command that is launched: an empty directory of its own.
    pub fn runtime_directory(&self) -> PathBuf {
        PathBuf::from(format!("/run/user/{}", self.uid))
    }
}

/// What the user database holds.
struct Entry {
    uid: u32,
    gid: u32,
    name: Option<CString>,
    home: PathBuf,
    shell: PathBuf,
}

impl Entry {
    fn into_user(self, group: Option<u32>) -> Result<User, UserError> {
        let Self { uid, gid, name, home, shell } = self;
        let label = name
            .as_ref()
            .map_or_else(|| uid.to_string(), |name| name.to_string_lossy().into_owned());
        if uid == 0 {
            return Err(UserError::Root(label));
        }
        let gid = group.unwrap_or(gid);
        let groups = match &name {
            Some(name) => groups_of(name, gid)
                .map_err(|source| UserError::LookUp { name: label.clone(), source })?,
            None => vec![gid],
        };
        if gid == 0 || groups.contains(&0) {
            return Err(UserError::RootGroup(label));
        }
        // One that refuses logins is no use as the shell that an agent runs commands with.
        let refuses = shell.file_name().is_some_and(|name| name == "nologin" || name == "false");
        let shell = if refuses { PathBuf::from("/bin/sh") } else { shell };
        Ok(User { uid, gid, groups, name: label, home, shell })
    }
}

#[derive(Clone, Copy)]
enum Key<'a> {
    Name(&'a str),
    Id(u32),
}

/// Larger than any entry of a user database that works.
const ENTRY_BYTES_MAX: usize = 1 << 20;

fn entry(label: &str, key: Key<'_>) -> Result<Option<Entry>, UserError> {
    let failed = |source| UserError::LookUp { name: label.to_owned(), source };
    let name = match key {
        Key::Name(name) => CString::new(name).map_err(|error| failed(error.into()))?,
        Key::Id(_) => CString::default(),
    };
    let found = with_buffer(|buffer| {
        let mut record = MaybeUninit::<libc::passwd>::uninit();
        let mut found = std::ptr::null_mut();
        let (text, length) = (buffer.as_mut_ptr().cast(), buffer.len());
        // SAFETY: `name` ends with a zero, the buffer is as long as is said, and the record is only
        // read where the call says by `found` that it has filled it in.
        let error = unsafe {
            match key {
                Key::Name(_) => libc::getpwnam_r(
                    name.as_ptr(),
                    record.as_mut_ptr(),
                    text,
                    length,
                    &raw mut found,
                ),
                Key::Id(uid) => {
                    libc::getpwuid_r(uid, record.as_mut_ptr(), text, length, &raw mut found)
                }
            }
        };
        if found.is_null() {
            return Err(error);
        }
        // SAFETY: filled in, as `found` says; its strings are in the buffer, which still lives.
        Ok(unsafe {
            let record = record.assume_init();
            Entry {
                uid: record.pw_uid,
                gid: record.pw_gid,
                name: Some(CStr::from_ptr(record.pw_name).to_owned()),
                home: path(record.pw_dir, "/"),
                shell: path(record.pw_shell, "/bin/sh"),
            }
        })
    });
    found.map_err(failed)
}

/// # Safety
/// `text` ends with a zero.
unsafe fn path(text: *const libc::c_char, empty: &str) -> PathBuf {
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    if text.is_empty() {
        return PathBuf::from(empty);
    }
    Path::new(OsStr::from_bytes(text.to_bytes())).to_owned()
}

fn group_id(text: &str) -> Result<u32, UserError> {
    if let Ok(id) = text.parse() {
        // As with users.
        return if id == u32::MAX { Err(UserError::UnknownGroup(text.to_owned())) } else { Ok(id) };
    }
    let failed = |source| UserError::LookUp { name: text.to_owned(), source };
    let name = CString::new(text).map_err(|error| failed(error.into()))?;
    let found = with_buffer(|buffer| {
        let mut record = MaybeUninit::<libc::group>::uninit();
        let mut found = std::ptr::null_mut();
        // SAFETY: as for users.
        let error = unsafe {
            libc::getgrnam_r(
                name.as_ptr(),
                record.as_mut_ptr(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                &raw mut found,
            )
        };
        if found.is_null() {
            return Err(error);
        }
        // SAFETY: filled in, as `found` says.
        Ok(unsafe { record.assume_init() }.gr_gid)
    });
    found.map_err(failed)?.ok_or_else(|| UserError::UnknownGroup(text.to_owned()))
}

/// Calls with ever larger buffers while the answer is `ERANGE`. An error of 0, and those that
/// getpwnam(3) lists for it, mean that there is no such entry.
fn with_buffer<T>(
    mut call: impl FnMut(&mut [u8]) -> Result<T, libc::c_int>,
) -> io::Result<Option<T>> {
    let mut buffer = vec![0; 4096];
    loop {
        match call(&mut buffer) {
            Ok(found) => return Ok(Some(found)),
            Err(0 | libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM) => return Ok(None),
            Err(libc::EINTR) => {}
            Err(libc::ERANGE) if buffer.len() < ENTRY_BYTES_MAX => {
                buffer.resize(buffer.len() * 2, 0);
            }
            Err(error) => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// The kernel's own bound on groups of a process (`NGROUPS_MAX`).
const GROUPS_MAX: usize = 65_536;

fn groups_of(name: &CStr, gid: u32) -> io::Result<Vec<u32>> {
    let mut groups = vec![0; 64];
    loop {
        let mut count = libc::c_int::try_from(groups.len()).unwrap_or(libc::c_int::MAX);
        // SAFETY: `name` ends with a zero, and there is room for `count` groups.
        let fits =
            unsafe { libc::getgrouplist(name.as_ptr(), gid, groups.as_mut_ptr(), &raw mut count) };
        if fits >= 0 {
            groups.truncate(usize::try_from(count).unwrap_or_default());
            return Ok(groups);
        }
        if groups.len() >= GROUPS_MAX {
            return Err(io::Error::other("the user is in more groups than a process can be"));
        }
        groups.resize(groups.len() * 2, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_needs_no_entry() {
        let user = User::parse("12345:777").expect("a user");
        assert_eq!((user.uid, user.gid, user.groups), (12345, 777, vec![777]));
        assert_eq!(user.name, "12345");
        assert_eq!(user.home, Path::new("/"));
        assert_eq!(User::parse("12345").expect("a user").gid, 12345);
    }

    #[test]
    fn a_name_brings_its_groups() {
        let user = User::parse("nobody").expect("a user that every host has");
        assert!(user.uid != 0 && user.groups.contains(&user.gid), "{user:?}");
        assert_eq!(User::parse(&user.uid.to_string()).expect("the same by number"), user);
    }

    #[test]
    fn root_is_refused_however_it_is_written() {
        for root in ["root", "0", "0:12345", "root:12345", "00"] {
            let error = User::parse(root).expect_err("root").to_string();
            assert!(error.contains("cannot run as root"), "{error}");
        }
    }

    #[test]
    fn roots_group_is_refused_however_it_is_written() {
        for group in ["nobody:root", "nobody:0", "12345:root", "12345:0"] {
            let error = User::parse(group).expect_err("root's group").to_string();
            assert!(error.contains("with group 0") && error.contains("--user"), "{error}");
        }
        assert!(User::of_ids(12345, Some(0)).is_err());
    }

    #[test]
    fn who_is_not_there_is_named() {
        let error = |text| User::parse(text).expect_err("nobody").to_string();
        assert!(error("no-such-user").contains("no user `no-such-user`"));
        assert!(error("12345:no-such-group").contains("no group `no-such-group`"));
        assert!(error("").contains("no user ``"));
        assert!(error("-1").contains("no user `-1`"));
        assert!(error("4294967295").contains("no user"));
        assert!(error("12345:4294967295").contains("no group"));
    }
}
