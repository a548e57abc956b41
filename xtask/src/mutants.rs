//! `mutants`: breaks the eBPF programs on purpose, one rule at a time, and sees the suite `egress` catch
//! it. A mutant that nothing catches is a rule that nothing holds to its word.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::ebpf;
use crate::paths::Paths;
use crate::setup;
use crate::steps::{logged, seconds};

const LIMIT: Duration = Duration::from_mins(9);

/// A change to a source of the programs.
struct Mutant {
    name: &'static str,
    /// Below `ebpf/programs/src`.
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

const fn mutant(
    name: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
) -> Mutant {
    Mutant { name, file, from, to }
}

#[rustfmt::skip]
const MUTANTS: &[Mutant] = &[
    mutant("connect4 passes", "sockets.rs", "Hook::Connect4, address4(&context))", "Hook::Connect4, address4(&context)) | PASS"),
    mutant("connect6 passes", "sockets.rs", "Hook::Connect6, address6(&context))", "Hook::Connect6, address6(&context)) | PASS"),
    mutant("sendmsg4 passes", "sockets.rs", "Hook::Sendmsg4, address4(&context))", "Hook::Sendmsg4, address4(&context)) | PASS"),
    mutant("sendmsg6 passes", "sockets.rs", "Hook::Sendmsg6, address6(&context))", "Hook::Sendmsg6, address6(&context)) | PASS"),
    mutant("bind4 passes", "sockets.rs", "refuse(&refusal(&context, Hook::Bind4, Reason::Bind, to))", "refuse(&refusal(&context, Hook::Bind4, Reason::Bind, to)) | PASS"),
    mutant("bind6 passes", "sockets.rs", "refuse(&refusal(&context, Hook::Bind6, Reason::Bind, to))", "refuse(&refusal(&context, Hook::Bind6, Reason::Bind, to)) | PASS"),
    mutant("any stream socket", "sockets.rs", "kind == SOCK_STREAM && protocol == u32::from(TCP)", "kind == SOCK_STREAM"),
    mutant("any datagram socket", "sockets.rs", "kind == SOCK_DGRAM && protocol == u32::from(UDP)", "kind == SOCK_DGRAM"),
    mutant("raw sockets", "sockets.rs", "if tcp || udp {", "if tcp || udp || kind == 3 {"),
    mutant("setsockopt passes", "options.rs", "passed(options, verdict)", "passed(options, verdict | PASS)"),
    mutant("anycast and groups of IPv4 only", "options.rs", "IPPROTO_IPV6 if JOIN6.contains(&name) || JOIN.contains(&name)", "IPPROTO_IPV6 if JOIN6.contains(&(name + 9000))"),
    mutant("packets leave", "packet.rs", "judge(&context, &DESTINATION)", "judge(&context, &DESTINATION) | crate::policy::PASS"),
    mutant("packets come in", "packet.rs", "judge(&context, &SOURCE)", "judge(&context, &SOURCE) | crate::policy::PASS"),
    mutant("the source for the destination", "packet.rs", "address6: 24, port: 2", "address6: 8, port: 2"),
    mutant("the source port for the destination's", "packet.rs", "address6: 24, port: 2", "address6: 24, port: 0"),
    mutant("IPv4 options", "packet.rs", "header[0] & 0xf > 5", "header[0] & 0xf > 15"),
    mutant("short IPv4 headers", "packet.rs", "|| header[0] & 0xf < 5", "|| header[0] & 0xf < 4"),
    mutant("wrong version of IPv4", "packet.rs", "header[0] >> 4 != 4 ||", "header[0] >> 4 == 6 ||"),
    mutant("fragments", "packet.rs", "& FRAGMENT != 0", "& FRAGMENT == 1"),
    mutant("first fragments", "packet.rs", "FRAGMENT: u16 = 0x3fff", "FRAGMENT: u16 = 0x1fff"),
    mutant("routing headers", "packet.rs", "0 | 43 | 60 |", "0 | 60 |"),
    mutant("IPv6 fragments", "packet.rs", "44 => Err((Reason::Fragment, to)),", ""),
    mutant("half a TCP header", "packet.rs", "TCP => 20,", "TCP => 4,"),
    mutant("half a UDP header", "packet.rs", "UDP => 8,", "UDP => 4,"),
    mutant("mapped addresses are others", "policy.rs", "all[..12].copy_from_slice(&MAPPED_PREFIX);", ""),
    mutant("any port of an allowed address", "policy.rs", "Endpoint { port: 0, ..*to }", "Endpoint { port: 5353, ..*to }"),
    mutant("any transport to the gateway", "policy.rs", "GATEWAYS.get(to)", "GATEWAYS.get(Endpoint { protocol: TCP, ..*to })"),
    mutant("no entry, no refusal", "policy.rs", "return refuse(&refusal(if known", "return PASS | refuse(&refusal(if known"),
    mutant("always audited", "report.rs", "if settings().audit == 0 { REFUSE } else { PASS }", "{ let _ = REFUSE; PASS }"),
    mutant("not counted", "report.rs", "count(refusal.hook as u32);", ""),
    mutant("not told", "report.rs", "entry.submit(0);", "entry.discard(0);"),
    mutant("told without limit", "report.rs", "< EVENT_PAUSE_NANOS", "< EVENT_PAUSE_NANOS / 1_000_000_000"),
    mutant("callers are kept", "callers.rs", "let _ = CALLERS.remove(&connection);", "let _ = connection;"),
    mutant("callers of all namespaces", "callers.rs", "unsafe { bpf_get_netns_cookie(context.as_ptr()) }", "unsafe { bpf_get_netns_cookie(context.as_ptr()) & 0 }"),
    mutant("callers are nobody", "callers.rs", "agent: settings().agent", "agent: 0"),
    mutant("callers are not counted when full", "callers.rs", "count(counter::CALLERS_FULL);", "count(counter::COUNT);"),
];

/// Builds each mutant and runs the suite against it until a row fails.
pub(crate) fn mutants(paths: &Paths, chosen: &[&str]) -> Result<ExitCode> {
    ensure!(setup::is_root(), "it takes root to load eBPF programs");
    setup::for_confinement()?;
    let linker = setup::for_ebpf(paths)?;
    let work = paths.target.join("mutants");
    let copy = Paths {
        root: work.clone(),
        target: work.join("target"),
        logs: paths.logs.clone(),
        cache: paths.cache.clone(),
    };
    copy_sources(&paths.root.join("ebpf"), &work.join("ebpf"))?;
    let mut survived = 0;
    for mutant in MUTANTS.iter().filter(|m| chosen.is_empty() || chosen.contains(&m.name)) {
        let started = Instant::now();
        let path = work.join("ebpf/programs/src").join(mutant.file);
        let source = fs::read_to_string(&path)?;
        ensure!(
            source.matches(mutant.from).count() == 1,
            "`{}` should stand once in {}; see to the mutant `{}`",
            mutant.from,
            mutant.file,
            mutant.name
        );
        fs::write(&path, source.replace(mutant.from, mutant.to))?;
        let object = work.join("mutant.o");
        let built = ebpf::build(&copy, &linker, &object);
        fs::write(&path, source)?;
        built.with_context(|| format!("the mutant `{}`", mutant.name))?;
        let caught = first_failure(paths, &object)?;
        let by = caught.as_deref().unwrap_or("NOTHING CATCHES IT");
        println!("{:40} {by}  {}", mutant.name, seconds(started.elapsed()));
        survived += usize::from(caught.is_none());
    }
    println!("\n{survived} of {} mutants survived", MUTANTS.len());
    Ok(if survived == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The row by which the suite catches an object.
fn first_failure(paths: &Paths, object: &Path) -> Result<Option<String>> {
    let log = paths.logs.join("mutants.log");
    fs::create_dir_all(&paths.logs)?;
    fs::write(&log, "")?;
    let mut cargo = paths.cargo_workspace("test");
    cargo.args(["--test", "egress", "--", "--fail-fast"]).env("PENSTOCK_EBPF_OBJECT", object);
    let status = logged(&mut cargo, "mutant", &log, LIMIT)?;
    let output = fs::read_to_string(&log)?;
    let row = output.lines().find_map(|line| line.strip_prefix("failed: "));
    let ran = output.contains("test result: ");
    ensure!(ran, "the suite did not run; see {}", log.display());
    ensure!(status.success() == row.is_none(), "the suite ended otherwise than it says");
    Ok(row.map(ToOwned::to_owned))
}

fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from)?.flatten() {
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if path.ends_with("target") {
            continue;
        }
        if path.is_dir() {
            copy_sources(&path, &copy)?;
        } else {
            fs::copy(&path, &copy).with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}
