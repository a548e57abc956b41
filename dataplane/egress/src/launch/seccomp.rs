//! The system calls that are refused: those that lead past the kernel's hooks, or out of the agent's
//! cgroup and namespaces. All else is allowed: programs must simply work.
//!
//! What is refused as missing, so that programs fall back as on a host without it, is told from what
//! is refused as forbidden.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, sock_filter,
};

use super::error::LaunchError;

/// Any of these becomes a namespace in which the agent would have capabilities.
const NAMESPACES: [libc::c_int; 8] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    CLONE_NEWTIME,
];
/// To clone(2) this bit is a part of the signal number.
const CLONE_NEWTIME: libc::c_int = 0x80;

/// Refused whatever their arguments are.
const FORBIDDEN: [libc::c_long; 47] = [
    // Sockets and requests that no filter of system calls sees.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // The memory and descriptors of other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // The kernel's own machinery.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
    libc::SYS_acct,
    libc::SYS_quotactl,
    SYS_QUOTACTL_FD,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    // Namespaces, mounts, and files past both.
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    SYS_OPEN_TREE_ATTR,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
];
/// Numbers that libc does not have for every architecture; the same on all since they were made.
const SYS_QUOTACTL_FD: libc::c_long = 443;
const SYS_OPEN_TREE_ATTR: libc::c_long = 467;

/// ioctls that type into a terminal as its user would, for the shell that is there after the agent.
const TYPING: [libc::c_int; 2] = [0x5412, 0x541c]; // TIOCSTI, TIOCLINUX

/// `personality(2)` may be asked for, and set to what it is.
const PERSONALITIES: [u64; 2] = [0, 0xffff_ffff];

/// A kind of socket has flags beside it.
const KIND: u64 = 0xf;
/// `IPPROTO_*` that make TCP and UDP; 0 is whichever fits the kind.
const PROTOCOLS: [libc::c_int; 3] = [0, libc::IPPROTO_TCP, libc::IPPROTO_UDP];

/// Filters to be installed one after the other, the strictest first.
pub(super) fn filters(unix_sockets: bool, netlink: bool) -> Result<Vec<BpfProgram>, LaunchError> {
    let architecture = std::env::consts::ARCH
        .try_into()
        .map_err(|_: BackendError| LaunchError::Architecture(std::env::consts::ARCH))?;
    let sets = [
        (libc::EPERM, forbidden()?),
        // glibc's and everybody's fall-back is clone, whose flags can be seen.
        (libc::ENOSYS, BTreeMap::from([(libc::SYS_clone3, Vec::new())])),
        (libc::EAFNOSUPPORT, missing_families(unix_sockets, netlink)?),
    ];
    let compiled = sets.into_iter().map(|(error, rules)| compile(error, rules, architecture));
    Ok(compiled.collect::<Result<_, _>>()?)
}

type Rules = BTreeMap<libc::c_long, Vec<SeccompRule>>;

fn compile(
    error: libc::c_int,
    rules: Rules,
    architecture: TargetArch,
) -> Result<BpfProgram, BackendError> {
    let refuse = SeccompAction::Errno(error.cast_unsigned());
    // A process that calls by another architecture's numbers is killed.
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, architecture)?;
    let mut program = foreign_numbers(architecture);
    program.extend(BpfProgram::try_from(filter)?);
    Ok(program)
}

/// On x86-64, numbers with bit 30 are those of the x32 ABI: the same calls by other numbers. They are
/// answered as by a kernel without x32.
fn foreign_numbers(architecture: TargetArch) -> BpfProgram {
    if !matches!(architecture, TargetArch::x86_64) {
        return Vec::new();
    }
    let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    vec![
        step(0x20, 0, 0, 0),           // load seccomp_data.nr
        step(0x35, 0, 1, 0x4000_0000), // at least bit 30: go on; else skip one
        step(0x06, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned()),
    ]
}

fn forbidden() -> Result<Rules, BackendError> {
    let mut rules: Rules = FORBIDDEN.iter().map(|call| (*call, Vec::new())).collect();
    let with = |argument, bit: libc::c_int| {
        let bit = u64::from(bit.cast_unsigned());
        all([masked(argument, bit, bit)?])
    };
    let mut clone = Vec::new();
    let mut unshare = Vec::new();
    for namespace in NAMESPACES {
        unshare.push(with(0, namespace)?);
        if namespace != CLONE_NEWTIME {
            clone.push(with(0, namespace)?);
        }
    }
    rules.insert(libc::SYS_clone, clone);
    rules.insert(libc::SYS_unshare, unshare);
    let mut typing = Vec::new();
    for request in TYPING {
        typing.push(all([equal(1, request)?])?);
    }
    rules.insert(libc::SYS_ioctl, typing);
    let [first, second] = PERSONALITIES;
    let other = all([differs(0, first)?, differs(0, second)?])?;
    rules.insert(libc::SYS_personality, vec![other]);

    let mut sockets = vec![
        // Whatever the family: it is another way to write AF_PACKET.
        all([masked(1, KIND, SOCK_PACKET)?])?,
    ];
    for family in [libc::AF_INET, libc::AF_INET6] {
        let raw = u64::from(libc::SOCK_RAW.cast_unsigned());
        sockets.push(all([equal(0, family)?, masked(1, KIND, raw)?])?);
        let mut other = vec![equal(0, family)?];
        for protocol in PROTOCOLS {
            other.push(differs(2, u64::from(protocol.cast_unsigned()))?);
        }
        sockets.push(SeccompRule::new(other)?);
    }
    rules.insert(libc::SYS_socket, sockets);
    Ok(rules)
}

/// Obsolete, and not in libc for every target.
const SOCK_PACKET: u64 = 10;

/// Families that this host, as far as the agent sees, does not have.
fn missing_families(unix_sockets: bool, netlink: bool) -> Result<Rules, BackendError> {
    let mut there = vec![libc::AF_INET, libc::AF_INET6];
    if unix_sockets {
        there.push(libc::AF_UNIX);
    }
    if netlink {
        there.push(libc::AF_NETLINK);
    }
    let none_of = |families: &[libc::c_int]| {
        let differ = families.iter().map(|family| differs(0, u64::from(family.cast_unsigned())));
        SeccompRule::new(differ.collect::<Result<_, _>>()?)
    };
    let mut pairs = vec![none_of(&[libc::AF_UNIX])?];
    if !unix_sockets {
        // One end of a pair of datagram sockets can be connected to, or send to, any other.
        for kind in [libc::SOCK_DGRAM, libc::SOCK_RAW] {
            pairs.push(all([masked(1, KIND, u64::from(kind.cast_unsigned()))?])?);
        }
    }
    Ok(BTreeMap::from([(libc::SYS_socket, vec![none_of(&there)?]), (libc::SYS_socketpair, pairs)]))
}

fn all<const N: usize>(conditions: [SeccompCondition; N]) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.into())
}

// The kernel reads each of these arguments as 32 bits, whatever is in the others.

fn equal(argument: u8, value: libc::c_int) -> Result<SeccompCondition, BackendError> {
    compare(argument, SeccompCmpOp::Eq, u64::from(value.cast_unsigned()))
}

fn differs(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    compare(argument, SeccompCmpOp::Ne, value)
}

fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition, BackendError> {
    compare(argument, SeccompCmpOp::MaskedEq(mask), value)
}

fn compare(argument: u8, by: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, by, value)
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    const X86_64: u32 = 0xc000_003e;
    const I386: u32 = 0x4000_0003;

    /// What the kernel would make of a call: the strictest of all filters' answers.
    fn answer(filters: &[BpfProgram], machine: u32, call: u32, arguments: &[u64]) -> u32 {
        let mut data = [0_u32; 16];
        (data[0], data[1]) = (call, machine);
        for (place, argument) in arguments.iter().enumerate() {
            let (low, high) = (argument & u64::from(u32::MAX), argument >> 32);
            data[4 + 2 * place] = u32::try_from(low).expect("32 bits");
            data[5 + 2 * place] = u32::try_from(high).expect("32 bits");
        }
        // The lower an action the stricter it is, but for killing, which has the highest bit.
        let rank = |answer: &u32| (answer & 0x7fff_0000, answer >> 31 == 0);
        let answers = filters.iter().map(|filter| run(filter, &data));
        answers.min_by_key(rank).expect("a filter")
    }

    /// Runs the instructions that filters here are made of.
    fn run(program: &BpfProgram, data: &[u32; 16]) -> u32 {
        let (mut at, mut held) = (0, 0);
        loop {
            let sock_filter { code, jt, jf, k } = &program[at];
            at += 1;
            let jump = |test: bool| usize::from(if test { *jt } else { *jf });
            match code {
                0x20 => held = data[*k as usize / 4],
                0x54 => held &= k,
                0x05 => at += *k as usize,
                0x15 => at += jump(held == *k),
                0x25 => at += jump(held > *k),
                0x35 => at += jump(held >= *k),
                0x06 => return *k,
                other => panic!("instruction {other:#x}"),
            }
        }
    }

    #[test]
    fn calls_by_the_numbers_of_another_abi_are_refused() {
        let filters = filters(false, false).expect("they compile");
        let number = |call: libc::c_long| u32::try_from(call).expect("a number");
        let (socket, read) = (number(libc::SYS_socket), number(libc::SYS_read));
        let allowed = libc::SECCOMP_RET_ALLOW;
        let refused = |error: libc::c_int| libc::SECCOMP_RET_ERRNO | error.cast_unsigned();
        assert_eq!(answer(&filters, X86_64, read, &[]), allowed);
        assert_eq!(answer(&filters, X86_64, socket, &[2, 1, 0]), allowed);
        assert_eq!(answer(&filters, X86_64, socket, &[40, 1, 0]), refused(libc::EAFNOSUPPORT));
        assert_eq!(answer(&filters, X86_64, socket, &[2, 3, 1]), refused(libc::EPERM));
        for call in [read, socket, number(libc::SYS_bpf)] {
            let x32 = call | 0x4000_0000;
            assert_eq!(answer(&filters, X86_64, x32, &[2, 1, 0]), refused(libc::ENOSYS));
        }
        assert_eq!(answer(&filters, I386, 3, &[]), libc::SECCOMP_RET_KILL_PROCESS);
    }

    #[test]
    fn bits_that_the_kernel_does_not_read_change_nothing() {
        let filters = filters(true, true).expect("they compile");
        let refused = libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned();
        for (call, arguments) in [
            (libc::SYS_ioctl, [0, 0xffff_ffff_0000_5412, 0]),
            (libc::SYS_clone, [0xffff_ffff_1000_0011, 0, 0]),
            (libc::SYS_socket, [0xffff_ffff_0000_0002, 0xffff_ffff_0008_0003, 0]),
        ] {
            let call = u32::try_from(call).expect("a number");
            assert_eq!(answer(&filters, X86_64, call, &arguments), refused);
        }
    }
}
