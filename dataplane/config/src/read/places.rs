//! Which processes are an agent.

use std::ops::Range;
use std::path::PathBuf;

use crate::agents::Place;
use crate::context::{Text, shown};
use crate::fields::Fields;

/// Where a cgroup hierarchy is mounted: what a path below its root does not begin with.
const MOUNTS: [&str; 2] = ["sys/fs/cgroup/unified", "sys/fs/cgroup"];

/// Bytes of a cgroup's path, of one name in it, and of a unit's name.
const PATH_BYTES_MAX: usize = 1024;
const NAME_BYTES_MAX: usize = 255;

/// Types of units that have processes.
const UNITS: [&str; 3] = ["service", "slice", "scope"];

/// A place, with what it takes to speak of it.
pub(super) struct Placed {
    pub(super) place: Place,
    pub(super) shown: String,
    pub(super) span: Range<usize>,
}

impl Placed {
    /// Where the agent called `name` is.
    pub(super) fn read(fields: &Fields<'_>, name: &str) -> Option<Self> {
        let given: Vec<_> =
            ["cgroup", "unit", "user"].into_iter().filter(|key| fields.has(key)).collect();
        if let [first, second, ..] = given[..] {
            let message = format!("`{}` stands beside `{first}`", fields.named(second));
            fields.cx.error(&fields.key_span(second), message, "keep one: an agent has one place");
            return None;
        }
        let Some(key) = given.first() else {
            let path = format!("penstock/{name}");
            let (shown, span) = (shown(&path), fields.span.clone());
            return Some(Self { place: Place::Cgroup(path.into()), shown, span });
        };
        let text = match *key {
            "user" => user(fields, key)?,
            _ => fields.text(key)?,
        };
        let place = match *key {
            "cgroup" => cgroup(&text.value).map(Place::Cgroup),
            "unit" => unit(&text.value).map(Place::Unit),
            _ => Ok(Place::User(text.value.clone())),
        };
        match place {
            Ok(place) => Some(Self { place, shown: text.shown(), span: text.span }),
            Err(help) => {
                let message = format!("`{}` cannot be {}", fields.named(key), text.shown());
                fields.cx.reject(&text, message, &help);
                None
            }
        }
    }

    /// What two places have in common, as far as their names tell: where systemd puts a service or a
    /// scope, it decides itself.
    pub(super) fn overlap(&self, other: &Self) -> Overlap {
        if self.place == other.place {
            return Overlap::Same;
        }
        match (path(&self.place), path(&other.place)) {
            (Some(own), Some(other)) if own == other => Overlap::Same,
            (Some(own), Some(other)) if own.starts_with(&other) => Overlap::Within,
            (Some(own), Some(other)) if other.starts_with(&own) => Overlap::Around,
            _ => Overlap::None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overlap {
    None,
    Same,
    Within,
    Around,
}

/// The path below the root of the cgroup hierarchy, where the name of a place says it.
fn path(place: &Place) -> Option<PathBuf> {
    match place {
        Place::Cgroup(path) => Some(path.clone()),
        // `a-b.slice` is a slice in `a.slice` (systemd.slice(5)).
        Place::Unit(unit) => {
            let stem = unit.strip_suffix(".slice")?;
            let dashes = stem.match_indices('-').map(|(at, _)| at).chain([stem.len()]);
            Some(
                dashes
                    .filter_map(|at| stem.get(..at))
                    .map(|slice| format!("{slice}.slice"))
                    .collect(),
            )
        }
        // systemd writes the number, which is only known on the host.
        Place::User(user) => Some(format!("user.slice/user-{user}.slice").into()),
    }
}

/// A path below the root of cgroup v2, or what to write instead.
fn cgroup(written: &str) -> Result<PathBuf, String> {
    let path = written.trim_matches('/');
    let below = |mount: &&str| {
        path.strip_prefix(*mount).filter(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let path = MOUNTS.iter().find_map(below).unwrap_or(path).trim_matches('/');
    let name = |name: &str| {
        !matches!(name, "" | "." | "..")
            && name.len() <= NAME_BYTES_MAX
            && !name.contains(char::is_control)
    };
    if matches!(path, "" | ".") {
        return Err("every process of the host is in the root: write a path below it, as in \
                    penstock/claude"
            .to_owned());
    }
    if path.len() > PATH_BYTES_MAX || !path.split('/').all(name) {
        return Err(format!(
            "write names of at most {NAME_BYTES_MAX} bytes with slashes between them, \
             {PATH_BYTES_MAX} in all, without `.` and `..`, as in penstock/claude"
        ));
    }
    if path != written {
        return Err(format!("write it as it is below the root of cgroup v2: {path}"));
    }
    Ok(path.into())
}

/// A unit of systemd that has processes (systemd.unit(5)), or what to write instead.
fn unit(written: &str) -> Result<String, String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b":_.\\@-".contains(&byte);
    let Some((stem, kind)) = written.rsplit_once('.').filter(|(_, kind)| UNITS.contains(kind))
    else {
        return Err("write a service, a slice or a scope, as in claude.service".to_owned());
    };
    if written == "-.slice" {
        return Err("every process of the host is in the root slice: write another".to_owned());
    }
    if stem.ends_with('@') {
        return Err(format!("it is a template: write an instance of it, as in {stem}1.{kind}"));
    }
    if kind == "slice" && stem.split('-').any(str::is_empty) {
        return Err(
            "a dash in the name of a slice stands between two parts: `agents-claude.slice` \
                    is in `agents.slice`"
                .to_owned(),
        );
    }
    if stem.is_empty() || written.len() > NAME_BYTES_MAX || !written.bytes().all(good) {
        return Err(format!(
            "the name of a unit is at most {NAME_BYTES_MAX} letters, digits and :_.\\@-, as in \
             claude.service"
        ));
    }
    Ok(written.to_owned())
}

/// A user by name or number, who is not root.
pub(super) fn user(fields: &Fields<'_>, key: &str) -> Option<Text> {
    let text = fields.text(key)?;
    let written = text.value.as_str();
    let number = written.bytes().all(|byte| byte.is_ascii_digit()).then(|| written.parse::<u32>());
    let bad = |c: char| c.is_whitespace() || c.is_control() || ":/,".contains(c);
    let help = match number {
        _ if written == "root" => "root can undo what confines it: write a user without privileges",
        Some(Ok(0)) => "0 is root, who can undo what confines it: write a user without privileges",
        // setresuid(2) takes the largest number for "as it is", which would be root.
        Some(Ok(u32::MAX) | Err(_)) => "write the name of a user, or a number from 1 to 4294967294",
        None if written.starts_with('-')
            || written.len() > NAME_BYTES_MAX
            || written.contains(bad) =>
        {
            "write the name or the number of a user"
        }
        Some(Ok(_)) | None => return Some(text),
    };
    let message = format!("`{}` cannot be {}", fields.named(key), text.shown());
    fields.cx.error(&text.span, message, help);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(place: Place) -> Placed {
        Placed { place, shown: String::new(), span: 0..0 }
    }

    #[test]
    fn places_overlap_where_one_holds_processes_of_the_other() {
        let cgroup = |path: &str| at(Place::Cgroup(path.into()));
        let unit = |unit: &str| at(Place::Unit(unit.to_owned()));
        let user = |user: &str| at(Place::User(user.to_owned()));
        for (one, other, overlap) in [
            (cgroup("a"), cgroup("a/b"), Overlap::Around),
            (cgroup("a/b"), cgroup("a"), Overlap::Within),
            (cgroup("a"), cgroup("ab"), Overlap::None),
            (unit("a.service"), unit("a.service"), Overlap::Same),
            (unit("a.service"), unit("a.slice"), Overlap::None),
            (unit("a-b.slice"), unit("a.slice"), Overlap::Within),
            (unit("a-b.slice"), unit("b.slice"), Overlap::None),
            (unit("a-b.slice"), cgroup("a.slice/a-b.slice"), Overlap::Same),
            (user("ada"), user("ada"), Overlap::Same),
            (user("ada"), user("alan"), Overlap::None),
            (user("ada"), unit("user.slice"), Overlap::Within),
            (user("1000"), unit("user-1000.slice"), Overlap::Same),
        ] {
            assert_eq!(one.overlap(&other), overlap, "{:?} and {:?}", one.place, other.place);
        }
    }
}
