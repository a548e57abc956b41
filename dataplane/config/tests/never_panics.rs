//! Whatever the bytes of a file are, reading it ends, and says why it was refused.
#![cfg(feature = "fuzz")]

use proptest::prelude::*;

const PARTS: &[&str] = &[
    "listeners:",
    "upstreams:",
    "servers:",
    "limits:",
    "log:",
    "admin:",
    "agents:",
    "egress:",
    "inspection:",
    "actions:",
    "class: card",
    "action: redact",
    "forward:",
    "cgroup:",
    "unit:",
    "address:",
    "url:",
    "env:",
    "command:",
    "tls:",
    "hosts:",
    "a",
    "b",
    "a:",
    "127.0.0.1:8808",
    "http://h/",
    "${env:A}",
    "${",
    "}",
    "*a",
    "&a",
    "<<:",
    "!!x",
    "|",
    ">",
    "'",
    "\"",
    "[",
    "]",
    "{",
    "}",
    ",",
    "-",
    "? ",
    ": ",
    "\n",
    "\n  ",
    "\n    ",
    "\t",
    "#",
    "---",
    "...",
    "%",
    "\u{feff}",
    "ä",
    "\u{1F600}",
    "\0",
    "\r",
    "10s",
    "4MiB",
    "tcp 10.0.0.0/8:5432",
    "*.example.com:443",
    "a.slice",
];

proptest! {
    #[test]
    fn on_any_bytes(data in proptest::collection::vec(any::<u8>(), 0..400)) {
        penstock_config::fuzz::config(&data);
    }

    #[test]
    fn on_anything_like_yaml(parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..80)) {
        penstock_config::fuzz::config(parts.concat().as_bytes());
        penstock_config::fuzz::config(parts.join(" ").as_bytes());
    }
}
