//! `setup`: what a build or a test needs and the machine lacks is installed, with a word on why.

mod apt;
mod peers;
mod tool;
mod tools;

use std::path::PathBuf;

use anyhow::Result;

use crate::paths::Paths;

pub(crate) use apt::is_root;
pub(crate) use peers::for_compare;
pub(crate) use tool::{BPF_LINKER, CARGO_DENY};
pub(crate) use tools::{PythonSdk, python_path};

/// Where Debian keeps the programs of the LLVM that the eBPF toolchain goes by.
pub(crate) const LLVM_PROGRAMS: &str = "/usr/lib/llvm-22/bin";

/// What compiling penstock needs beside Rust.
pub(crate) fn for_build(paths: &Paths) -> Result<()> {
    for_compiling()?;
    for_inspection()?;
    for_ebpf(paths).map(drop)
}

/// What compiling the engine that looks into messages needs.
pub(crate) fn for_inspection() -> Result<()> {
    apt::ensure(&[
        apt::Need {
            program: "/usr/include/hs/hs.h",
            package: "libvectorscan-dev",
            why: "libhs, which looks into messages for secrets",
        },
        apt::Need { program: "pkg-config", package: "pkg-config", why: "finds libhs" },
        apt::Need { program: "c++", package: "g++", why: "libhs is C++ and is linked in" },
    ])
}

/// What compiling anything here needs beside Rust.
pub(crate) fn for_compiling() -> Result<()> {
    apt::ensure(&[
        apt::Need { program: "cc", package: "gcc", why: "links programs and compiles ring's C" },
        apt::Need {
            program: "/usr/include/stdlib.h",
            package: "libc6-dev",
            why: "headers for ring's C",
        },
    ])
}

/// What compiling the eBPF programs needs. Gives their linker.
pub(crate) fn for_ebpf(paths: &Paths) -> Result<PathBuf> {
    apt::ensure(&[
        apt::Need {
            program: "/usr/lib/rustlib/bpfel-unknown-none",
            package: "libstd-rust-web-dev-bpf",
            why: "the `core` of the eBPF programs",
        },
        apt::Need {
            program: "/usr/bin/rustc",
            package: "rustc-web",
            why: "the Rust that has this `core`",
        },
        apt::Need {
            program: "/usr/lib/llvm-22/bin/llvm-config",
            package: "llvm-22-dev",
            why: "what links the eBPF programs is built on it",
        },
    ])?;
    BPF_LINKER.ensure(paths)
}

/// What the benchmark holds penstock against, in every section.
pub(crate) fn for_bench() -> Result<()> {
    server("nginx", "nginx-light")
}

/// A server of Debian's, whose service does not run.
fn server(program: &'static str, package: &'static str) -> Result<()> {
    let was_there = crate::paths::which(program).is_some();
    apt::ensure(&[apt::Need { program, package, why: "what penstock is held against" }])?;
    if was_there { Ok(()) } else { apt::stop_service(program) }
}

/// What counts instructions.
pub(crate) fn for_instructions() -> Result<()> {
    let why = "counts the instructions of the parts";
    apt::ensure(&[apt::Need { program: "valgrind", package: "valgrind", why }])
}

/// What the suites about confinement need.
pub(crate) fn for_confinement() -> Result<()> {
    apt::ensure(&[
        apt::Need { program: "ip", package: "iproute2", why: "networks for confined agents" },
        apt::Need { program: "curl", package: "curl", why: "what agents use" },
        apt::Need { program: "git", package: "git", why: "what agents use" },
    ])
}

/// What a machine of QEMU's needs to run a suite.
pub(crate) fn for_vm() -> Result<()> {
    apt::ensure(&[
        apt::Need { program: "qemu-system-x86_64", package: "qemu-system-x86", why: "the machine" },
        apt::Need { program: "busybox", package: "busybox-static", why: "its shell" },
        apt::Need { program: "ip", package: "iproute2", why: "its networks" },
    ])
}

/// What the suites beyond `unit` need: a browser, and npm and Python packages in the cache.
pub(crate) fn for_tests(paths: &Paths) -> Result<()> {
    let mut needs = vec![
        apt::Need {
            program: "python3",
            package: "python3",
            why: "runs the official Python client",
        },
        apt::Need {
            program: "chromium",
            package: "chromium",
            why: "opens the pages that load tests are reported on",
        },
    ];
    if !tools::node_ready(paths)? {
        let why = "fetches Node and the official TypeScript clients";
        needs.push(apt::Need { program: "npm", package: "npm", why });
    }
    if !tools::python_ready(paths)? && !tools::python_has_venv() {
        let why = "keeps the Python packages apart from the system's";
        needs.push(apt::Need { program: "", package: "python3-venv", why });
    }
    apt::ensure(&needs)?;
    for_confinement()?;
    tools::node(paths)?;
    tools::python(paths)
}
