//! System calls that lead past the hooks or out of the namespaces.

use crate::host::{Host, output};

/// Makes each call by number and prints what came of it.
#[cfg(target_arch = "x86_64")]
const CALLS: &str = r"
import ctypes, errno, platform
libc = ctypes.CDLL(None, use_errno=True)
def call(name, number, *arguments):
    ctypes.set_errno(0)
    came = libc.syscall(number, *[ctypes.c_long(a) for a in arguments])
    print(name, 'done' if came >= 0 else errno.errorcode[ctypes.get_errno()], sep='=')
for name, number in dict(io_uring_setup=425, io_uring_enter=426, io_uring_register=427, ptrace=101,
        process_vm_readv=310, process_vm_writev=311, pidfd_getfd=438, bpf=321, perf_event_open=298,
        keyctl=250, add_key=248, request_key=249, userfaultfd=323, setns=308, mount=165, umount2=166,
        pivot_root=155, chroot=161, move_mount=429, fsopen=430, fsconfig=431, fsmount=432, fspick=433,
        open_tree=428, mount_setattr=442, kexec_load=246, kexec_file_load=320, init_module=175,
        finit_module=313, delete_module=176, swapon=167, swapoff=168, reboot=169,
        open_by_handle_at=304, quotactl=179, acct=163, settimeofday=164, clock_settime=227).items():
    call(name, number, 0, 0, 0, 0, 0)
for name, flag in dict(ns=0x20000, cgroup=0x2000000, uts=0x4000000, ipc=0x8000000, user=0x10000000,
        pid=0x20000000, net=0x40000000).items():
    call('unshare ' + name, 272, flag)
    call('clone ' + name, 56, flag | 17, 0, 0, 0, 0)
    call('clone high ' + name, 56, (1 << 40) | flag | 17, 0, 0, 0, 0)
call('unshare time', 272, 0x80)
call('tiocsti', 16, 0, 0x5412, 0)
call('tiocsti high', 16, 0, (1 << 32) | 0x5412, 0)
call('tioclinux', 16, 0, 0x541c, 0)
call('personality', 135, 0x40000)
";

#[test]
#[cfg(target_arch = "x86_64")]
fn calls_that_lead_out_are_refused() {
    let Some(host) = Host::new() else { return };
    let said = host.python(CALLS);
    assert_eq!(said.lines().count(), 38 + 21 + 5, "{said}");
    for line in said.lines() {
        assert!(line.ends_with("=EPERM"), "{line}");
    }
}

#[test]
fn what_programs_fall_back_from_is_refused_as_missing() {
    let Some(host) = Host::new() else { return };
    let script = r"
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    came = libc.syscall(number, *[ctypes.c_long(a) for a in arguments])
    return 'done' if came >= 0 else errno.errorcode[ctypes.get_errno()]
print('clone3', call(435, 0, 0))
print('personality asked', call(135, 0xffffffff))
print('unshare files', call(272, 0x400))
";
    assert_eq!(host.python(script), "clone3 ENOSYS\npersonality asked done\nunshare files done\n");
}

#[test]
#[cfg(target_arch = "x86_64")]
fn the_numbers_of_other_abis_are_no_way_round() {
    let Some(host) = Host::new() else { return };
    // getpid and a socket, by the numbers of x32.
    let script = r"
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
for number, *arguments in [(39,), (41, 40, 1, 0), (425, 1, 0)]:
    came = libc.syscall(ctypes.c_long(0x40000000 | number), *arguments)
    print('done' if came >= 0 else errno.errorcode[ctypes.get_errno()])
";
    assert_eq!(host.python(script), "ENOSYS\nENOSYS\nENOSYS\n");
    // getpid of i386, by its interrupt: mov eax, 20; int 0x80; ret.
    let interrupt = r"
import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex('b814000000cd80c3'))
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
print(ctypes.CFUNCTYPE(ctypes.c_int)(address)())
";
    let ended = output(host.run(&["/usr/bin/python3", "-c", interrupt]));
    assert!(ended.stdout.is_empty(), "it was answered");
    let signal = std::os::unix::process::ExitStatusExt::signal(&ended.status);
    // SIGSYS of the filter; SIGSEGV of a kernel without 32-bit calls.
    assert!(matches!(signal, Some(31 | 11)), "{ended:?}");
}
