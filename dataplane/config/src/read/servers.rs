//! Virtual servers: which path leads to which upstream.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{inspection, named};
use crate::context::{Context, Text};
use crate::fields::Fields;
use crate::inspection::{Inspection, ServerInspection};
use crate::keys;
use crate::snapshot::{Server, Upstream};
use crate::suggest;
use crate::yaml::{Entry, Kind};

const EXAMPLE: &str = "write `servers:` and below it `name: upstream`, one line a server";

/// What clients of revision 2024-11-05 append to a server's path.
const LEGACY: [&str; 2] = ["/sse", "/messages"];

/// An upstream's entry with what was read of it.
pub(super) type Read<'a> = (&'a Entry, Option<Arc<Upstream>>);

pub(super) fn read(
    file: &Fields<'_>,
    upstreams: &[Read<'_>],
    inspection: Option<&Inspection>,
) -> Option<Vec<Server>> {
    let cx = file.cx;
    let mut used = HashSet::new();
    let mut taken = HashMap::new();
    let mut servers = Vec::new();
    let indices = upstreams.iter().enumerate();
    let indices = indices.map(|(at, (upstream, _))| (upstream.key.as_str(), at)).collect();
    let entries = named(file, "servers", EXAMPLE)?;
    for entry in &entries {
        let Some((server, path)) = server(cx, entry, &indices, inspection) else { continue };
        used.insert(server.upstream);
        let span = path.map_or_else(|| entry.span.clone(), |path| path.span);
        let mut own = vec![server.path.clone()];
        own.extend(LEGACY.map(|suffix| format!("{}{suffix}", server.path)));
        for path in own {
            if let Some(other) = taken.insert(path.clone(), &entry.key) {
                let message =
                    format!("`servers.{}` and `servers.{other}` both serve {path}", entry.key);
                let help = "a server also serves its path with /sse and /messages: give each a \
                            path apart";
                cx.error(&span, message, help);
                break;
            }
        }
        servers.push(server);
    }
    // Where servers are wrong, which upstreams they use is not known.
    if servers.len() == entries.len() {
        for (_, (entry, _)) in upstreams.iter().enumerate().filter(|(at, _)| !used.contains(at)) {
            let message = format!("no server uses the upstream `{}`", entry.key);
            let help = format!("add `{0}: {0}` to `servers`, or remove the upstream", entry.key);
            cx.warn(&entry.span, message, &help);
        }
    }
    Some(servers)
}

/// A server, with the text of its path where the file gives one.
fn server(
    cx: &Context<'_>,
    entry: &Entry,
    upstreams: &HashMap<&str, usize>,
    inspection: Option<&Inspection>,
) -> Option<(Server, Option<Text>)> {
    let place = format!("servers.{}", entry.key);
    let (target, path, inspection) = if let Kind::Scalar(_) = entry.value.kind {
        let inspection = inspection.map(|_| ServerInspection::default());
        (cx.text(&entry.value, &place)?, None, inspection)
    } else {
        let fields = Fields::open(cx, &keys::SERVER, &entry.value, &entry.span, &place)?;
        let help = "name the upstream that serves it, as in `upstream: files`";
        let target = fields.required("upstream", help);
        let path = fields.text("path");
        if let Some(path) = &path {
            check_path(&fields, path);
        }
        let inspection = inspection::of_server(&fields, inspection);
        (target?, path, inspection)
    };
    let Some(&upstream) = upstreams.get(target.value.as_str()) else {
        // Where there are no upstreams, that is the problem.
        if !upstreams.is_empty() && !cx.is_full() {
            let help = suggestion(&target.written, upstreams);
            let what = "names an upstream that is not there:";
            cx.error(&target.span, format!("`{place}` {what} {}", target.shown()), &help);
        }
        return None;
    };
    let written = path.as_ref().map(|path| path.value.clone());
    let server = Server {
        name: entry.key.clone(),
        path: written.unwrap_or_else(|| format!("/mcp/{}", entry.key)),
        upstream,
        inspection,
    };
    Some((server, path))
}

fn suggestion(written: &str, upstreams: &HashMap<&str, usize>) -> String {
    let mut names: Vec<_> = upstreams.keys().copied().collect();
    names.sort_unstable();
    match suggest::nearest(written, names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if names.len() <= 10 => format!("known upstreams: {}", names.join(", ")),
        None => "add it to `upstreams`".to_owned(),
    }
}

/// A path is compared byte for byte, so it is written in the one form that clients send.
fn check_path(fields: &Fields<'_>, path: &Text) {
    let written = path.value.as_str();
    let segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    let help = match written.strip_prefix('/') {
        Some(rest) if rest.split('/').all(segment) => return,
        None => format!("begin it with a slash: /{written}"),
        Some("") => "write a path below the root, as in /mcp".to_owned(),
        Some(rest) if rest.ends_with('/') => {
            format!("remove the slash at its end: {}", written.trim_end_matches('/'))
        }
        Some(rest) if rest.contains(['?', '#']) => "remove the query or the fragment".to_owned(),
        Some(_) => "write segments of letters, digits and -._~, as in /mcp/files".to_owned(),
    };
    let message = format!("`{}` cannot be {}", fields.named("path"), path.shown());
    fields.cx.reject(path, message, &help);
}
