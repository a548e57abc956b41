//! What of enforcement this kernel has beyond what is required.

use std::fs;
use std::io;
use std::sync::OnceLock;

use crate::capabilities::{TO_APPLY, missing};
use crate::host;

/// The first kernel with LSM programs on cgroups.
const LSM_CGROUP_MIN: (u32, u32) = (6, 0);

/// Whether LSM programs can be attached to a cgroup; why not otherwise. They close the sockets that no
/// hook of IP sees.
pub fn bpf_lsm() -> Result<(), &'static str> {
    static ANSWER: OnceLock<Result<(), &'static str>> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let release = host::kernel_release().unwrap_or_default();
        if host::version(&release).is_none_or(|version| version < LSM_CGROUP_MIN) {
            return Err("it takes Linux 6.0 or later");
        }
        if !fs::exists("/sys/kernel/btf/vmlinux").unwrap_or(false) {
            return Err("the kernel offers no BTF (CONFIG_DEBUG_INFO_BTF)");
        }
        // Where securityfs is not mounted the list cannot be read, and loading tells.
        let listed = fs::read_to_string("/sys/kernel/security/lsm");
        if listed.is_ok_and(|list| !list.trim().split(',').any(|name| name == "bpf")) {
            return Err("`bpf` is not among the kernel's LSMs; boot with lsm=…,bpf");
        }
        match aya::sys::is_program_supported(aya::programs::ProgramType::Lsm(
            aya::programs::LsmAttachType::Cgroup,
        )) {
            Ok(true) => Ok(()),
            Ok(false) => Err("the kernel does not take LSM programs"),
            Err(_) if !missing(TO_APPLY).is_empty() => Err("it takes root to find out"),
            Err(_) => Err("the kernel does not let root load LSM programs"),
        }
    })
}

/// Whether the kernel describes its types.
pub fn btf() -> io::Result<bool> {
    fs::exists("/sys/kernel/btf/vmlinux")
}
