//! The programs of a set and where each is attached.

use penstock_ebpf_abi::Hook;

/// A program of the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Program {
    /// Its name in the object and of its link's pin.
    pub(crate) name: &'static str,
    /// `enum bpf_attach_type`.
    pub(crate) attach_type: u32,
    /// What it decides on, for what is counted; none of the one that only tells who calls.
    pub(crate) hook: Option<Hook>,
}

const fn program(name: &'static str, attach_type: u32, hook: Option<Hook>) -> Program {
    Program { name, attach_type, hook }
}

/// What every set has, the authority first: while the others are attached it holds already.
pub(crate) const PROGRAMS: [Program; 11] = [
    program("egress", 1, Some(Hook::Egress)),
    program("ingress", 0, Some(Hook::Ingress)),
    program("setsockopt", 22, Some(Hook::Setsockopt)),
    program("sock_create", 2, Some(Hook::SockCreate)),
    program("connect4", 10, Some(Hook::Connect4)),
    program("connect6", 11, Some(Hook::Connect6)),
    program("sendmsg4", 14, Some(Hook::Sendmsg4)),
    program("sendmsg6", 15, Some(Hook::Sendmsg6)),
    program("bind4", 8, Some(Hook::Bind4)),
    program("bind6", 9, Some(Hook::Bind6)),
    program("sock_ops", 3, None),
];

/// What a set has besides where the kernel has BPF LSM, each with the hook of the kernel's.
pub(crate) const LSM_PROGRAMS: [(Program, &str); 3] = [
    (program("lsm_socket_create", LSM_CGROUP, Some(Hook::LsmSocketCreate)), "socket_create"),
    (program("lsm_unix_connect", LSM_CGROUP, Some(Hook::LsmUnixConnect)), "unix_stream_connect"),
    (program("lsm_unix_send", LSM_CGROUP, Some(Hook::LsmUnixConnect)), "unix_may_send"),
];

/// `BPF_LSM_CGROUP`
const LSM_CGROUP: u32 = 43;

/// A hook's name, as events and counters show it.
pub fn hook_name(hook: Hook) -> &'static str {
    match hook {
        Hook::Connect4 => "connect4",
        Hook::Connect6 => "connect6",
        Hook::Sendmsg4 => "sendmsg4",
        Hook::Sendmsg6 => "sendmsg6",
        Hook::Bind4 => "bind4",
        Hook::Bind6 => "bind6",
        Hook::SockCreate => "sock_create",
        Hook::Egress => "egress",
        Hook::Ingress => "ingress",
        Hook::Setsockopt => "setsockopt",
        Hook::LsmSocketCreate => "lsm_socket_create",
        Hook::LsmUnixConnect => "lsm_unix_connect",
    }
}
