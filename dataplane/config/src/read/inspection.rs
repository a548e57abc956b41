//! What is looked for in messages, and what becomes of it.

use std::io;

use crate::context::Text;
use crate::fields::Fields;
use crate::inspection::{
    ActionVerb, Direction, FindingAction, Findings, INSPECTION_KEY_CHARS_MIN, Inspection,
    InspectionEngine, Kept, RuleName, ServerInspection,
};
use crate::keys;
use crate::references::{Expect, Fault};
use crate::snapshot::{Secret, Server};
use crate::yaml::{Entry, Kind};

/// Entries of one list of actions.
const ACTIONS_MAX: usize = 256;

/// Files of rules.
const RULE_FILES_MAX: usize = 64;

/// What the file says of all messages; none where it says nothing.
pub(super) fn read(file: &Fields<'_>) -> Option<Inspection> {
    let cx = file.cx;
    let Entry { value, span, .. } = file.entry("inspection")?;
    if !matches!(value.kind, Kind::Map(_)) {
        let message = format!("`inspection` must be a mapping, found {}", value.kind.name());
        let help = "write `inspection: {}` to look into messages with what holds by default, or leave it out to look \
                    into none";
        cx.error(&value.span, message, help);
        return None;
    }
    let fields = file.section("inspection")?;
    let engine = match fields.choice("engine") {
        "vectorscan" => InspectionEngine::Vectorscan,
        "portable" => InspectionEngine::Portable,
        _ => InspectionEngine::Auto,
    };
    let built_in = fields.flag("built_in");
    let rules = rule_files(&fields);
    if !built_in && !fields.has("rules") && !fields.has("names") {
        let help = "name files of rules in `rules`, or remove `built_in: false`";
        let message =
            "`inspection` has no rules: the built-in ones are off, and there are no others";
        cx.error(&fields.key_span("built_in"), message, help);
    }
    let disable = fields.texts("disable").unwrap_or_default();
    let disable = disable.iter().filter_map(|text| rule_name(&fields, "disable", text)).collect();
    let (line, column) = cx.source.place(span.start);
    Some(Inspection {
        engine,
        built_in,
        rules,
        names: fields.file("names"),
        disable,
        key: key(&fields),
        pass_over_limit: fields.choice("over_limit") == "pass",
        message_bytes_max: fields.size("message_bytes"),
        actions: actions(&fields),
        line,
        column,
    })
}

/// What a server's entry says of its messages.
pub(super) fn of_server(
    fields: &Fields<'_>,
    entry: Option<&Inspection>,
) -> Option<ServerInspection> {
    if fields.is_scalar("inspection") {
        let text = fields.text("inspection")?;
        if !matches!(text.value.as_str(), "off" | "false") {
            let message = format!("`{}` cannot be {}", fields.named("inspection"), text.shown());
            let help = "write `off`, or `actions` and `open_for` below it; without the key, what \
                        `inspection` of the file says holds";
            fields.cx.error(&text.span, message, help);
        }
        return None;
    }
    let Some(own) = fields.section("inspection") else {
        return entry.map(|_| ServerInspection::default());
    };
    let read = ServerInspection { actions: actions(&own), open_for: open_for(&own) };
    if entry.is_none() {
        let help =
            "write `inspection: {}` at the file's top level, with what holds for all servers";
        fields.refuse(&["inspection"], "means nothing without `inspection` of the file", help);
    }
    Some(read)
}

/// Warns where no server's messages are looked into.
pub(super) fn check_servers(file: &Fields<'_>, servers: &[Server]) {
    if servers.is_empty() || servers.iter().any(|server| server.inspection.is_some()) {
        return;
    }
    let Some(entry) = file.entry("inspection") else { return };
    let message = "`inspection` looks into nothing: every server has `inspection: off`";
    let help =
        "remove `inspection: off` at a server whose messages are to be looked into, or remove this";
    file.cx.warn(&entry.span, message, help);
}

/// Warns of what can be sealed and not be opened, and the other way round.
pub(super) fn check_tokens(file: &Fields<'_>, inspection: &Inspection, servers: &[Server]) {
    // One behind an entry that fits all that it does is never reached, and has its own warning.
    let seals = |own: &ServerInspection| {
        let all: Vec<_> = own.actions.iter().chain(&inspection.actions).collect();
        let reached = |at: usize, one| !all.iter().take(at).any(|before| before.covers(one));
        let mut all_reached = all.iter().enumerate().filter(|(at, one)| reached(*at, one));
        all_reached.any(|(_, one)| one.verb == ActionVerb::Tokenise)
    };
    let looked_into = || servers.iter().filter_map(|server| server.inspection.as_ref());
    let sealed = looked_into().any(seals);
    // What no server opens needs no key that lasts, and each opens only its own.
    let opened = looked_into().any(|own| !own.open_for.is_empty() && seals(own));
    let Some(entry) = file.entry("inspection") else { return };
    if opened && inspection.key.is_none() {
        let message =
            "`tokenise` without `inspection.key`: no placeholder can be opened after a restart";
        let help = "write `key: \"${file:/etc/penstock/inspection.key}\"`; `openssl rand -hex 32` \
                    makes one";
        file.cx.warn(&entry.span, message, help);
    }
    if sealed && looked_into().all(|own| own.open_for.is_empty()) {
        let message =
            "`tokenise`, and no server names tools in `open_for`: no placeholder is ever opened";
        let help = "write `inspection: { open_for: [TOOL] }` at the server whose tools are to get the values, or \
                    `redact`";
        file.cx.warn(&entry.span, message, help);
    }
    // A file of rules may say `tokenise` too.
    if !sealed && inspection.rules.is_empty() && looked_into().any(|own| !own.open_for.is_empty()) {
        let message = "`open_for` names tools, and no action is `tokenise`";
        let help =
            "seal something, as in `actions: [{ class: card, action: tokenise }]`, or remove it";
        file.cx.warn(&entry.span, message, help);
    }
}

fn rule_files(fields: &Fields<'_>) -> Vec<std::path::PathBuf> {
    let texts = fields.texts("rules").unwrap_or_default();
    if texts.len() > RULE_FILES_MAX {
        let message = format!("`{}` names {} files", fields.named("rules"), texts.len());
        let help = format!("name at most {RULE_FILES_MAX}; one file may hold many rules");
        fields.cx.error(&fields.key_span("rules"), message, &help);
        return Vec::new();
    }
    let file = |(index, text): (usize, &Text)| {
        let what = format!("{}[{index}]", fields.named("rules"));
        let found = if text.value.contains('*') { Some("pattern") } else { None };
        let found = found.or_else(|| fields.cx.is_folder(text).then_some("folder"));
        let Some(found) = found else { return fields.cx.existing(text, &what, Expect::File) };
        let message = format!("`{what}` {} is a {found}", text.shown());
        let help = "name each file, in the order in which their rules count, as in `rules: [a.toml, b.toml]`";
        fields.cx.error(&text.span, message, help);
        None
    };
    let mut files: Vec<std::path::PathBuf> = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let Some(file) = file((index, text)) else { continue };
        if files.contains(&file) {
            let message =
                format!("`{}[{index}]` {} is there already", fields.named("rules"), text.shown());
            fields.cx.warn(&text.span, message, "remove it: a file counts once");
        } else {
            files.push(file);
        }
    }
    files
}

/// Never shown, in no part.
fn key(fields: &Fields<'_>) -> Option<Secret> {
    let Entry { value, .. } = fields.entry("key")?;
    if matches!(value.kind, Kind::Map(_) | Kind::List(_)) {
        let message =
            format!("`{}` must be one value, found {}", fields.named("key"), value.kind.name());
        let help = "write `key: \"${file:PATH}\"`; `openssl rand -hex 32 > PATH` makes one";
        fields.cx.error(&value.span, message, help);
        return None;
    }
    let help = |fault: &Fault| match fault {
        Fault::File { path, source } if source.kind() == io::ErrorKind::NotFound => {
            let path = fields.cx.folder().join(path);
            format!("`openssl rand -hex 32 > {}` makes one, or check the path", path.display())
        }
        _ => fault.help().to_owned(),
    };
    let text = fields.cx.text_or(value, &fields.named("key"), help)?;
    let chars = text.value.chars().count();
    if is_path(&text.written) {
        let message = format!("`{}` is a path, which would be the key itself", fields.named("key"));
        let help = "write `key: \"${file:PATH}\"`: what stands in the file is the key then";
        fields.cx.error(&text.span, message, help);
    } else if chars < INSPECTION_KEY_CHARS_MIN {
        let s = if chars == 1 { "" } else { "s" };
        let message = format!("`{}` has {chars} character{s}", fields.named("key"));
        let file = text.written.strip_prefix("${file:").and_then(|rest| rest.strip_suffix('}'));
        let makes = match file.map(|path| fields.cx.folder().join(path)) {
            Some(path) => format!("`openssl rand -hex 32 > {}` makes one", path.display()),
            None => "`openssl rand -hex 32` makes one, and `${file:PATH}` reads it from a file"
                .to_owned(),
        };
        let help = format!("give it {INSPECTION_KEY_CHARS_MIN} or more: {makes}");
        fields.cx.error(&text.span, message, &help);
    }
    Some(Secret::new(text.value))
}

/// Whether a key is written as nobody writes one: neither hex digits nor base64 have a dot.
fn is_path(written: &str) -> bool {
    let refers = written.contains("${");
    let rooted = written.starts_with('/') || written.starts_with("~/");
    !refers && (rooted || written.contains('/') && written.contains('.'))
}

fn open_for(fields: &Fields<'_>) -> Vec<String> {
    let texts = fields.texts("open_for").unwrap_or_default();
    for text in texts.iter().filter(|text| text.value.is_empty()) {
        let message = format!("`{}` names a tool without a name", fields.named("open_for"));
        fields.cx.error(
            &text.span,
            message,
            "write the names of tools, as in [transfer, \"pay_*\"]",
        );
    }
    for text in texts.iter().filter(|text| text.value == "*") {
        let message = format!(
            "`{}` has `*`: every tool gets the values, one too that tells them again",
            fields.named("open_for")
        );
        let help = "name the tools that use a value and tell nobody, as in [transfer, \"pay_*\"]";
        fields.cx.warn(&text.span, message, help);
    }
    texts.into_iter().map(|text| text.value).collect()
}

fn actions(fields: &Fields<'_>) -> Vec<FindingAction> {
    const EXAMPLE: &str = "write `actions: [{ class: secret, action: block }]`";
    let cx = fields.cx;
    let Some(entry) = fields.entry("actions") else { return Vec::new() };
    let what = fields.named("actions");
    let Entry { value, .. } = entry;
    let Kind::List(items) = &value.kind else {
        let message = format!("`{what}` must be a list, found {}", value.kind.name());
        cx.error(&value.span, message, EXAMPLE);
        return Vec::new();
    };
    if items.is_empty() {
        cx.error(&entry.span, format!("`{what}` is empty"), EXAMPLE);
    }
    if items.len() > ACTIONS_MAX {
        let message = format!("`{what}` has {} entries", items.len());
        let help = format!("write at most {ACTIONS_MAX}; `*` in a `rule` fits many");
        cx.error(&entry.span, message, &help);
        return Vec::new();
    }
    let mut read: Vec<(usize, FindingAction)> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let place = format!("{what}[{index}]");
        let Some(one) = Fields::open(cx, &keys::ACTION, item, &item.span, &place) else { continue };
        let Some(one) = action(&one, cx.source.place(item.span.start)) else { continue };
        if let Some((before, _)) = read.iter().find(|(_, before)| before.covers(&one)) {
            let message =
                format!("`{place}` is never reached: `{what}[{before}]` fits all that it does");
            cx.warn(&item.span, message, "put it before that one, or remove it");
        }
        read.push((index, one));
    }
    read.into_iter().map(|(_, one)| one).collect()
}

fn action(fields: &Fields<'_>, (line, column): (usize, usize)) -> Option<FindingAction> {
    let class = fields.choice("class");
    let rule = fields.text("rule").and_then(|text| rule_name(fields, "rule", &text));
    if fields.has("class") && fields.has("rule") {
        let help = "a rule is of one class: remove one of the two, or write two entries";
        fields.refuse(&["rule"], "stands beside `class`", help);
    }
    let direction = match fields.choice("direction") {
        "request" => Some(Direction::Request),
        "response" => Some(Direction::Response),
        _ => None,
    };
    let help = "say what becomes of it, as in `action: redact`";
    fields.required("action", help)?;
    let verb = match fields.choice("action") {
        "ignore" => ActionVerb::Ignore,
        "report" => ActionVerb::Report,
        "redact" => ActionVerb::Redact(keep(fields, class)),
        "tokenise" => ActionVerb::Tokenise,
        "block" => ActionVerb::Block,
        _ => return None,
    };
    if !matches!(verb, ActionVerb::Redact(_)) {
        fields.refuse(&["keep"], "means nothing without `action: redact`", "remove it");
    }
    let of = match (rule, class) {
        (Some(rule), _) => Findings::Rules(rule),
        // One that is wrong has been said.
        (None, "") if fields.has("rule") || fields.has("class") => return None,
        (None, "") => Findings::All,
        (None, class) => Findings::Class(class),
    };
    Some(FindingAction { of, direction, verb, line, column })
}

fn keep(fields: &Fields<'_>, class: &str) -> Kept {
    match fields.choice("keep") {
        "last4" => Kept::Last4,
        "domain" => {
            if !matches!(class, "" | "email") {
                let message =
                    format!("`{}` cannot be `domain`: a `{class}` has none", fields.named("keep"));
                fields.cx.error(
                    &fields.span_of("keep"),
                    message,
                    "write `keep: last4`, or remove it",
                );
            }
            Kept::Domain
        }
        _ => Kept::Nothing,
    }
}

fn rule_name(fields: &Fields<'_>, key: &str, text: &Text) -> Option<RuleName> {
    if text.value.is_empty() {
        let message = format!("`{}` names a rule without an id", fields.named(key));
        let help = "`penstock rules list` says the ids of the built-in rules";
        fields.cx.error(&text.span, message, help);
        return None;
    }
    let (line, column) = fields.cx.source.place(text.span.start);
    Some(RuleName { id: text.value.clone(), line, column })
}
