//! The keys of confinement.

use super::Value::{Choice, Count, Decimal, Flag, Size, Text, Texts, User};
use super::{Section, key};

pub(crate) static EGRESS: Section = Section {
    name: "egress",
    doc: "How the kernel holds agents to penstock.",
    keys: &[
        key(
            "mode",
            Choice(&["enforce", "audit"]),
            "enforce",
            "What becomes of what no rule allows: `enforce` refuses and reports it, `audit` only reports it.",
        ),
        key(
            "bpffs",
            Text("^/."),
            "/run/penstock/bpf",
            "Where what was loaded into the kernel is pinned: a BPF filesystem, mounted there if none is.",
        ),
    ],
};

pub(crate) static AGENT: Section = Section {
    name: "agent",
    doc: "An agent: the processes of a `cgroup`, a `unit` or a `user`, and what they may reach beside the listeners of penstock.",
    keys: &[
        key(
            "cgroup",
            Text("^[^/]"),
            "penstock/<name>",
            "Its cgroup, as the path below the root of cgroup v2; what runs in a cgroup below it is the agent too.",
        ),
        key(
            "unit",
            Text(r"^[A-Za-z0-9:_.\\@-]+\.(service|slice|scope)$"),
            "",
            "A unit of systemd instead of `cgroup`, as in `claude.service` or `agents.slice`.",
        ),
        key("user", User, "", "All sessions of a user, by name or number, instead of `cgroup`."),
        key(
            "run_as",
            User,
            "",
            "The user, by name or number, that `penstock run` starts it as where its command line names none. Not root.",
        ),
        key(
            "egress",
            Texts,
            "",
            "What it may reach directly, past penstock, each as `PROTOCOL ADDRESS[/PREFIX]:PORT`: `tcp 10.0.0.0/8:5432`, `udp [2001:db8::53]:53`, `tcp 192.0.2.7:*` for any port.",
        ),
        key(
            "forward",
            Texts,
            "",
            "What it may reach through a listener with `forward: true`, each as `HOST:PORT`: `api.example:443`, `*.example.com:443` for every name below, `192.0.2.9:8080`. Private and loopback addresses only where they stand here as such.",
        ),
        key(
            "forward_connections",
            Count(1, 1_000_000),
            "256",
            "Connections through forward listeners that one shard holds open for it (503).",
        ),
        key(
            "forward_bytes",
            Size("1KiB", "1048576GiB"),
            "",
            "Bytes that one connection through a forward listener may carry, both ways together; it is ended past it. Without this key as many as it likes.",
        ),
        key(
            "memory",
            Size("1MiB", "1048576GiB"),
            "",
            "Memory that its processes may use together. As much as the host has without this key.",
        ),
        key(
            "cpus",
            Decimal("0.01", "1024"),
            "",
            "CPUs that its processes may use together, as in `1.5`. All without this key.",
        ),
        key(
            "pids",
            Count(1, 4_194_304),
            "",
            "Processes and threads that it may have. As many as the host allows without this key.",
        ),
        key(
            "unix_sockets",
            Flag,
            "false",
            "Whether `penstock run` lets it make Unix sockets. `socketpair` works in any case.",
        ),
        key("netlink", Flag, "false", "Whether `penstock run` lets it make netlink sockets."),
    ],
};
