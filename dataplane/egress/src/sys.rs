//! The bpf(2) commands that aya does not offer.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

const MAP_LOOKUP_ELEM: libc::c_int = 1;
const OBJ_PIN: libc::c_int = 6;
const OBJ_GET: libc::c_int = 7;
const OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const PROG_QUERY: libc::c_int = 16;
const MAP_FREEZE: libc::c_int = 22;
const LINK_DETACH: libc::c_int = 34;
const LINK_CREATE: libc::c_int = 28;
/// `BPF_F_RDONLY`: the descriptor may read the map and no more.
const READ_ONLY: u32 = 1 << 3;
/// `BPF_F_QUERY_EFFECTIVE`: what runs for the cgroup, its ancestors' programs included.
const EFFECTIVE: u32 = 1;
/// Programs that one attach point of a cgroup and its ancestors may have.
const PROGRAMS_MAX: usize = 512;

/// Calls bpf(2) with the fields that a command takes; the kernel takes the rest to be zero.
fn bpf<T>(command: libc::c_int, fields: &mut T) -> io::Result<libc::c_long> {
    // SAFETY: the fields are those of the command and live for the call; the kernel reads and writes
    // no more than the size that it is told.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(fields), size_of::<T>())
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Attaches a program to a cgroup beside those that are there, for as long as the link is held or
/// pinned.
pub(crate) fn attach(
    program: BorrowedFd<'_>,
    cgroup: BorrowedFd<'_>,
    attach_type: u32,
) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Fields {
        program: u32,
        target: u32,
        attach_type: u32,
        flags: u32,
    }
    let mut fields = Fields {
        program: program.as_raw_fd().cast_unsigned(),
        target: cgroup.as_raw_fd().cast_unsigned(),
        attach_type,
        flags: 0,
    };
    made(bpf(LINK_CREATE, &mut fields)?)
}

/// Pins a link: what it attaches stays so until it is unpinned.
pub(crate) fn pin(link: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    by_path(OBJ_PIN, path, link.as_raw_fd().cast_unsigned(), 0).map(|_| ())
}

/// A command on what is pinned, or is to be.
fn by_path(
    command: libc::c_int,
    path: &Path,
    descriptor: u32,
    flags: u32,
) -> io::Result<libc::c_long> {
    #[repr(C)]
    struct Fields {
        path: u64,
        descriptor: u32,
        flags: u32,
    }
    let path = CString::new(path.as_os_str().as_bytes())?;
    bpf(command, &mut Fields { path: path.as_ptr() as u64, descriptor, flags })
}

/// A descriptor that the kernel has just made for us.
fn made(descriptor: libc::c_long) -> io::Result<OwnedFd> {
    let descriptor = i32::try_from(descriptor).map_err(io::Error::other)?;
    // SAFETY: nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Opens a pinned map to read it, which takes no capability but the file's permission.
pub(crate) fn open_map(path: &Path) -> io::Result<OwnedFd> {
    made(by_path(OBJ_GET, path, 0, READ_ONLY)?)
}

/// Opens a pinned link.
pub(crate) fn open_link(path: &Path) -> io::Result<OwnedFd> {
    made(by_path(OBJ_GET, path, 0, 0)?)
}

/// Looks up one key. `V` must be plain data of the map's value size.
pub(crate) fn lookup<K, V: Copy>(
    map: BorrowedFd<'_>,
    key: &K,
    mut value: V,
) -> io::Result<Option<V>> {
    let found = lookup_into(map, key, std::ptr::from_mut(&mut value).cast())?;
    Ok(found.then_some(value))
}

/// Whether there is such a key. `value` must have room for the map's value.
fn lookup_into<K>(map: BorrowedFd<'_>, key: &K, value: *mut u8) -> io::Result<bool> {
    #[repr(C)]
    struct Fields {
        map: u32,
        _pad: u32,
        key: u64,
        value: u64,
        flags: u64,
    }
    let mut fields = Fields {
        map: map.as_raw_fd().cast_unsigned(),
        _pad: 0,
        key: std::ptr::from_ref(key) as u64,
        value: value as u64,
        flags: 0,
    };
    match bpf(MAP_LOOKUP_ELEM, &mut fields) {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Looks up a number of every CPU's, and adds them up.
pub(crate) fn lookup_sum(map: BorrowedFd<'_>, key: u32) -> io::Result<u64> {
    let cpus = aya::util::nr_cpus().map_err(|(_, error)| error)?;
    // The kernel writes one value for each CPU that the host could have.
    let mut values = vec![0_u64; cpus];
    let found = lookup_into(map, &key, values.as_mut_ptr().cast())?;
    Ok(if found { values.iter().sum() } else { 0 })
}

/// Makes a map's entries final: no system call changes them any more.
pub(crate) fn freeze(map: BorrowedFd<'_>) -> io::Result<()> {
    #[repr(C)]
    struct Fields {
        map: u32,
    }
    bpf(MAP_FREEZE, &mut Fields { map: map.as_raw_fd().cast_unsigned() }).map(|_| ())
}

/// Detaches a link's program, at once and whoever has the link open (Linux 5.9).
pub(crate) fn detach(link: BorrowedFd<'_>) -> io::Result<()> {
    #[repr(C)]
    struct Fields {
        link: u32,
    }
    bpf(LINK_DETACH, &mut Fields { link: link.as_raw_fd().cast_unsigned() }).map(|_| ())
}

/// What the kernel knows of a link to a cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LinkInfo {
    pub(crate) program: u32,
    /// 0 once the cgroup is gone: the link is dead then.
    pub(crate) cgroup: u64,
}

pub(crate) fn link_info(link: BorrowedFd<'_>) -> io::Result<LinkInfo> {
    #[repr(C)]
    #[derive(Default)]
    struct Info {
        kind: u32,
        id: u32,
        program: u32,
        _pad: u32,
        cgroup: u64,
        attach_type: u32,
        _rest: u32,
    }
    #[repr(C)]
    struct Fields {
        descriptor: u32,
        bytes: u32,
        info: u64,
    }
    let mut info = Info::default();
    let mut fields = Fields {
        descriptor: link.as_raw_fd().cast_unsigned(),
        bytes: u32::try_from(size_of::<Info>()).unwrap_or_default(),
        info: std::ptr::from_mut(&mut info) as u64,
    };
    bpf(OBJ_GET_INFO_BY_FD, &mut fields)?;
    Ok(LinkInfo { program: info.program, cgroup: info.cgroup })
}

/// The programs that run at an attach point of a cgroup. Takes `CAP_NET_ADMIN`.
pub(crate) fn effective(cgroup: BorrowedFd<'_>, attach_type: u32) -> io::Result<Vec<u32>> {
    #[repr(C)]
    struct Fields {
        target: u32,
        attach_type: u32,
        query: u32,
        attach: u32,
        programs: u64,
        count: u32,
        _pad: u32,
        attach_flags: u64,
    }
    let mut programs = vec![0_u32; PROGRAMS_MAX];
    let mut fields = Fields {
        target: cgroup.as_raw_fd().cast_unsigned(),
        attach_type,
        query: EFFECTIVE,
        attach: 0,
        programs: programs.as_mut_ptr() as u64,
        count: u32::try_from(PROGRAMS_MAX).unwrap_or_default(),
        _pad: 0,
        attach_flags: 0,
    };
    bpf(PROG_QUERY, &mut fields)?;
    programs.truncate(fields.count as usize);
    Ok(programs)
}

/// Mounts a BPF filesystem whose root others may look into.
pub(crate) fn mount_bpffs(at: &Path) -> io::Result<()> {
    let at = CString::new(at.as_os_str().as_bytes())?;
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    // SAFETY: each is a string that ends with NUL and lives for the call.
    let mounted = unsafe {
        libc::mount(
            c"bpf".as_ptr(),
            at.as_ptr(),
            c"bpf".as_ptr(),
            flags,
            c"mode=0755".as_ptr().cast(),
        )
    };
    if mounted == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
