//! `bench`: the whole proxy beside nginx and others, and its parts by themselves; all built as it is
//! shipped.

mod baseline;
mod compared;
mod instructions;

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::build::{Profile, build};
use crate::paths::Paths;
use crate::setup;
use crate::steps::run;

pub(crate) use instructions::{Then, instructions};

const PARTS: &str = "penstock-bench-parts";
const DETECTION: &str = "penstock-bench-detection";
const INSPECT: &str = "penstock-bench-inspect";
/// The sections there are beside `compare`.
const OTHERS: [&str; 6] = ["latency", "shards", "streams", "soak", "inspection", "egress"];
/// Who is compared where nobody asked for the comparison by name: what Debian has.
const RAW: &str = "nginx,haproxy";

pub(crate) fn bench(paths: &Paths, arguments: &[&str]) -> Result<()> {
    match arguments {
        ["parts", filter @ ..] => parts(paths, filter),
        ["detection", rest @ ..] => detection(paths, rest),
        ["inspect", rest @ ..] => inspect(paths, rest),
        ["instructions"] => instructions(paths, Then::Compare),
        ["instructions", "--accept"] => instructions(paths, Then::Accept),
        ["instructions", rest @ ..] => {
            bail!("`bench instructions` takes `--accept` or nothing, and not `{}`", rest.join(" "))
        }
        sections => whole(paths, sections),
    }
}

/// What the rules find in labelled texts: in those of `--corpus`, or in our own.
fn detection(paths: &Paths, arguments: &[&str]) -> Result<()> {
    setup::for_build(paths)?;
    let mut cargo = paths.cargo(&["run", "--release", "--package", DETECTION, "--"]);
    if !arguments.iter().any(|argument| argument.starts_with("--corpus")) {
        cargo.arg("--corpus").arg(paths.root.join("bench/detection/corpus.jsonl"));
    }
    run(cargo.args(arguments))
}

/// What it costs to look into messages, beside other ways to it.
fn inspect(paths: &Paths, arguments: &[&str]) -> Result<()> {
    setup::for_build(paths)?;
    run(paths.cargo(&["run", "--release", "--package", INSPECT, "--"]).args(arguments))
}

/// Time and allocations of each part whose name holds the filter.
fn parts(paths: &Paths, filter: &[&str]) -> Result<()> {
    let mut cargo = paths.cargo(&["bench", "--package", PARTS, "--bench", "parts", "--"]);
    run(cargo.args(filter))
}

fn whole(paths: &Paths, arguments: &[&str]) -> Result<()> {
    setup::for_build(paths)?;
    setup::for_bench()?;
    let gateways = match Compared::of(arguments) {
        Compared::Nobody => Vec::new(),
        Compared::Raw => setup::for_compare(paths, &RAW.split(',').collect::<Vec<_>>()),
        Compared::These(names) => setup::for_compare(paths, &names),
    };
    // By itself: built together with the others, it would get what they ask of shared dependencies.
    build(paths, Profile::Release)?;
    let tools = ["build", "--release", "--package", "penstock-loadtest", "--package"];
    run(paths.cargo(&tools).arg("penstock-bench"))?;
    let text = says(paths, arguments)?;
    let programs = paths.target.join(Profile::Release.dir());
    let mut bench = std::process::Command::new(programs.join("penstock-bench"));
    bench.arg("--programs").arg(&programs).arg("--out").arg(paths.target.join("bench"));
    for gateway in gateways {
        bench.arg("--gateway").arg(gateway);
    }
    if Compared::of(arguments) == Compared::Raw {
        bench.args(["--peers", RAW]);
    }
    if let Some(text) = text {
        bench.arg("--text").arg(text);
    }
    run(bench.args(arguments))
}

/// What the mock says while messages are looked into, if they are to be: what tools answer with.
fn says(paths: &Paths, arguments: &[&str]) -> Result<Option<PathBuf>> {
    let some = arguments.iter().any(|word| OTHERS.contains(word) || *word == "compare");
    let named = arguments.iter().any(|word| word.starts_with("--text"));
    if named || some && !arguments.contains(&"inspection") {
        return Ok(None);
    }
    let file = paths.target.join("bench").join("answers.txt");
    fs::create_dir_all(paths.target.join("bench"))?;
    run(paths.cargo(&["run", "--release", "--package", INSPECT, "--", "--text"]).arg(&file))?;
    Ok(Some(file))
}

/// With whom penstock is compared, by the arguments.
#[derive(Debug, PartialEq, Eq)]
enum Compared<'a> {
    Nobody,
    /// With what passes bytes on.
    Raw,
    /// With those named; with all where none is.
    These(Vec<&'a str>),
}

impl<'a> Compared<'a> {
    fn of(arguments: &[&'a str]) -> Self {
        let mut names = Vec::new();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let list = match word.strip_prefix("--peers") {
                Some("") => words.next().copied(),
                Some(rest) => rest.strip_prefix('='),
                None => None,
            };
            names.extend(list.into_iter().flat_map(|list| list.split(',')));
        }
        if arguments.contains(&"compare") || !names.is_empty() {
            Self::These(names)
        } else if arguments.iter().any(|word| OTHERS.contains(word)) {
            Self::Nobody
        } else {
            Self::Raw
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways_are_installed_only_for_who_asks_for_the_comparison() {
        assert_eq!(Compared::of(&["--quick"]), Compared::Raw);
        assert_eq!(Compared::of(&["latency", "--quick"]), Compared::Nobody);
        assert_eq!(Compared::of(&["compare", "latency"]), Compared::These(Vec::new()));
        let named = Compared::These(vec!["nginx", "haproxy"]);
        assert_eq!(Compared::of(&["compare", "--peers", "nginx,haproxy"]), named);
        assert_eq!(Compared::of(&["--peers=nginx,haproxy"]), named);
    }
}
