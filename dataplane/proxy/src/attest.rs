//! Who calls, as the kernel tells it.

use std::os::fd::BorrowedFd;

/// Asks the kernel which agent opened a connection.
pub trait Attest: Send + Sync {
    /// The id of the agent whose process opened the other end of an accepted connection, TCP or Unix
    /// ([`penstock_config::Agent::id`]); `None` where it was none, and wherever that is in doubt.
    fn agent(&self, connection: BorrowedFd<'_>) -> Option<u64>;
}
