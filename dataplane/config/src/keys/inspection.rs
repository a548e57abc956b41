//! The keys of inspection.

use super::Value::{Choice, Flag, Sections, Size, Text, Texts};
use super::{ANY, Section, key};

/// Kinds of findings, by the names that rules use.
pub const CLASSES: &[&str] = &[
    "secret",
    "email",
    "phone",
    "card",
    "iban",
    "ssn",
    "national-id",
    "ip",
    "mac",
    "passport",
    "birth-date",
    "address",
    "name",
    "wallet",
    "injection",
];

pub(crate) static INSPECTION: Section = Section {
    name: "inspection",
    doc: "What is looked for in messages, in both directions, and what becomes of it. Nothing is without this section.",
    keys: &[
        key(
            "engine",
            Choice(&["auto", "vectorscan", "portable"]),
            "auto",
            "What searches: `auto` takes Vectorscan where the build and the CPU have it, and the log says which; `vectorscan` refuses to start without it.",
        ),
        key("built_in", Flag, "true", "Whether the built-in rules are looked for."),
        key(
            "rules",
            Texts,
            "",
            "Files with rules, in gitleaks' format or with penstock's keys beside. They stand before the built-in ones.",
        ),
        key(
            "names",
            Text(ANY),
            "",
            "A file with names of people, one a line, that are found as the class `name`.",
        ),
        key(
            "disable",
            Texts,
            "",
            "Ids of rules that are not looked for; `*` in one is anything, as in `gitlab-*`.",
        ),
        key(
            "key",
            Text(ANY),
            "",
            "At least 32 characters that seal placeholders and key fingerprints; write it as `${file:PATH}`; `openssl rand -hex 32` makes one. Without it a key is made at the start, and both hold until the next.",
        ),
        key(
            "over_limit",
            Choice(&["block", "pass"]),
            "block",
            "What becomes of a message that cannot be looked into whole: `pass` is reported.",
        ),
        key(
            "message_bytes",
            Size("4KiB", "1GiB"),
            "16MiB",
            "Bytes of a message that is held and looked into; `over_limit` past it.",
        ),
        key(
            "actions",
            Sections(&ACTION),
            "",
            "What becomes of what is found: the first entry that fits. Behind them a rule's own `action`, then `redact` for secrets and `report` for all else.",
        ),
    ],
};

pub(crate) static ACTION: Section = Section {
    name: "action",
    doc: "What becomes of findings: those of a `class` or of a `rule`, or all.",
    keys: &[
        key("class", Choice(CLASSES), "", "Of the findings of this class."),
        key(
            "rule",
            Text(ANY),
            "",
            "Of the findings of the rule with this id; `*` in it is anything, as in `aws-*`.",
        ),
        key(
            "direction",
            Choice(&["request", "response"]),
            "",
            "In messages to the server, or from it. Both without this key.",
        ),
        key(
            "action",
            Choice(&["ignore", "report", "redact", "tokenise", "block"]),
            "",
            "`ignore` and `report` let it pass, `redact` puts a placeholder in its place, `tokenise` one that is opened again for the tools of `open_for`, `block` refuses the message.",
        ),
        key(
            "keep",
            Choice(&["last4", "domain"]),
            "",
            "What `redact` leaves: the last four characters, or the domain of an e-mail address. Nothing without this key.",
        ),
    ],
};

pub(crate) static SERVER_INSPECTION: Section = Section {
    name: "server_inspection",
    doc: "What differs for a virtual server.",
    keys: &[
        key("actions", Sections(&ACTION), "", "What comes before the `actions` of `inspection`."),
        key(
            "open_for",
            Texts,
            "",
            "Tools that get values in the place of sealed placeholders in their arguments; `*` in a name is anything, as in `pay_*`. None without this key.",
        ),
    ],
};
