//! The eBPF programs that hold an agent's cgroup to the proxy.
//!
//! A loaded *set* of them enforces one policy on one cgroup and all below it. Whatever they do not
//! find in their maps they refuse: a missing entry, a map without room and a ring buffer that nobody
//! reads all leave the verdict as it is. `connect` answers a process at once; `packet` is the
//! authority, for it sees what leaves, however it came to be.

#![no_std]
#![no_main]

mod callers;
mod lsm;
mod maps;
mod options;
mod packet;
mod policy;
mod report;
mod sockets;

/// The kernel offers the clock and the ring buffer to programs under a licence that it takes for
/// compatible with its own.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier proves that this is never reached.
    loop {}
}
