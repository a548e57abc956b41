//! What the values of a file mean together.

mod agents;
mod destinations;
mod inspection;
mod listeners;
mod places;
mod process;
mod servers;
mod upstreams;

use std::ops::Range;

use crate::context::{Context, shown};
use crate::fields::Fields;
use crate::keys;
use crate::snapshot::Snapshot;
use crate::yaml::{Entry, Kind, Node};

/// The snapshot that `root` describes, if no problem was found.
pub(crate) fn snapshot(cx: &Context<'_>, root: &Node) -> Option<Snapshot> {
    let file = Fields::open(cx, &keys::ROOT, root, &(root.span.start..root.span.start), "")?;
    let shards = process::shards(&file);
    let backend = process::backend(&file);
    let limits = process::limits(&file);
    let log = process::log(&file);
    let admin = process::admin(&file);
    let listeners = listeners::read(&file, admin);
    let upstreams = upstreams::read(&file);
    let inspection = inspection::read(&file);
    let upstreams_read = upstreams.as_deref().unwrap_or_default();
    let servers = servers::read(&file, upstreams_read, inspection.as_ref());
    // What follows from a value that could not be read says nothing.
    if let (Some(inspection), Some(servers), false) = (&inspection, &servers, cx.failed()) {
        inspection::check_servers(&file, servers);
        inspection::check_tokens(&file, inspection, servers);
    }
    let egress = agents::egress(&file);
    let agents = agents::read(&file, listeners.as_deref());
    if cx.failed() {
        return None;
    }
    let upstreams = upstreams?.into_iter().filter_map(|(_, upstream)| upstream).collect();
    Some(Snapshot {
        shards,
        backend,
        listeners: listeners?.into_iter().map(|(_, listener)| listener).collect(),
        upstreams,
        servers: servers?,
        inspection,
        limits,
        log,
        admin,
        egress,
        agents: agents?,
    })
}

/// The entries of a mapping by name, whose names are good; reports what is missing or empty.
fn named<'a>(file: &Fields<'a>, key: &str, example: &str) -> Option<Vec<&'a Entry>> {
    let cx = file.cx;
    let Some(entry) = file.entry(key) else {
        cx.error(&file.span, format!("the file lacks `{key}`"), example);
        return None;
    };
    let entries = match &entry.value.kind {
        Kind::Map(entries) if !entries.is_empty() => entries,
        Kind::Map(_) => {
            cx.error(&entry.span, format!("`{key}` is empty"), example);
            return None;
        }
        other => {
            let message = format!("`{key}` must be a mapping of names, found {}", other.name());
            cx.error(&entry.value.span, message, example);
            return None;
        }
    };
    for entry in entries {
        check_name(cx, key, &entry.key, &entry.span);
    }
    Some(entries.iter().collect())
}

/// Names go into paths, metrics and logs: lower case letters, digits and `-`, at most 63.
fn check_name(cx: &Context<'_>, what: &str, name: &str, span: &Range<usize>) {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !name.is_empty() && name.len() <= 63 && name.bytes().all(good) {
        return;
    }
    let message = format!("{} is no name for one of `{what}`", shown(name));
    let fixed: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
        .take(63)
        .collect();
    let help = match fixed.trim_matches('-') {
        "" => "a name is 1 to 63 of a-z, 0-9 and -".to_owned(),
        fixed => format!("a name is 1 to 63 of a-z, 0-9 and -: write `{fixed}`"),
    };
    cx.error(span, message, &help);
}
