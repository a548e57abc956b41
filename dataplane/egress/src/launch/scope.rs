//! Abstract Unix sockets, which are in no directory that could be hidden: a Landlock scope keeps the
//! agent to its own, on kernels from 6.12 on. Some containerd-shims and session buses listen on such.

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// `struct landlock_ruleset_attr` (landlock(7)).
#[repr(C)]
#[derive(Default)]
struct Ruleset {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

const VERSION: u32 = 1; // LANDLOCK_CREATE_RULESET_VERSION
const ABSTRACT_UNIX_SOCKET: u64 = 1; // LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET

/// The first version of Landlock with scopes.
const VERSION_OF_SCOPES: libc::c_long = 6;

/// Keeps this process, and all that it starts, from abstract sockets made by others. Does nothing on a
/// kernel without scopes. Needs `no_new_privs`.
pub(super) fn restrict() -> io::Result<()> {
    // SAFETY: asks for a number; no memory is handed over.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<Ruleset>(),
            0_usize,
            VERSION,
        )
    };
    if version < VERSION_OF_SCOPES {
        return Ok(());
    }
    let wanted = Ruleset { scoped: ABSTRACT_UNIX_SOCKET, ..Ruleset::default() };
    // SAFETY: the kernel reads as many bytes as `wanted` has.
    let made = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            &raw const wanted,
            size_of::<Ruleset>(),
            0_u32,
        )
    };
    let ruleset = i32::try_from(made).ok().filter(|descriptor| *descriptor >= 0);
    let ruleset = ruleset.ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel has just made it for us.
    let ruleset = unsafe { OwnedFd::from_raw_fd(ruleset) };
    // SAFETY: takes two numbers.
    let done =
        unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0_u32) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
