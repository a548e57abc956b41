//! Who may change what an agent is held to: not the agent, and no launch beside it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::{Command, Stdio};

use crate::common::eventually;
use crate::host::{GID, Host, UID, for_everybody, output, processes, refusal, says, signal};

#[test]
fn an_agent_that_can_write_its_configuration_is_not_launched_by_it() {
    let Some(host) = Host::new() else { return };
    let file = host.configuration();
    let said = |mends: &str| {
        let (code, said) = refusal(host.run(&["true"]));
        assert_eq!(code, 77, "{said}");
        assert!(said.contains("user `54321` can write") && said.contains(mends), "{said}");
    };
    chown(&file, Some(UID), None).expect("it is the agent's");
    said(&format!("sudo chown root {0} && sudo chmod go-w {0}", file.display()));
    chown(&file, Some(0), Some(GID)).expect("it is root's and the group's");
    host.sh("true");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o664)).expect("its mode");
    said("chmod go-w");
    chown(&file, Some(0), Some(0)).expect("it is root's");
    host.sh("true");

    // One of root's that the agent can put another in the place of.
    let copy = host.work().join("penstock.yaml");
    fs::copy(&file, &copy).expect("a copy");
    let mut run = Command::new(env!("CARGO_BIN_EXE_penstock"));
    run.args(["run", "--agent", "one", "--user", "54321:54322", "--", "true"]);
    run.env("PENSTOCK_CONFIG", &copy).current_dir("/");
    let (code, said) = refusal(run);
    assert_eq!(code, 77, "{said}");
    assert!(said.contains(&format!("can write {}", host.work().display())), "{said}");
    assert!(said.contains("where only root can write"), "{said}");
}

/// All that launching takes.
const CAPABILITIES: &str = "+bpf,+net_admin,+dac_read_search,+sys_admin,+setuid,+setgid,+setpcap,\
                            +dac_override,+chown,+fowner,+kill";

#[test]
fn it_is_the_agents_user_that_must_not_write_it_not_whoever_starts_the_agent() {
    let Some(host) = Host::new() else { return };
    let starts = UID + 11;
    chown(host.configuration(), Some(starts), None).expect("it is the caller's");
    let as_caller = |user: u32| {
        let run = host.run_as(&user.to_string(), &["id", "-u"]);
        let mut caller = Command::new("setpriv");
        caller.arg("--clear-groups").arg(format!("--inh-caps={CAPABILITIES}"));
        caller.arg(format!("--ambient-caps={CAPABILITIES}"));
        caller.arg(format!("--reuid={starts}")).arg(format!("--regid={starts}"));
        caller.arg(for_everybody(&host.work())).args(run.get_args().skip(2)).current_dir("/");
        caller
    };
    assert_eq!(says(as_caller(UID)), format!("{UID}\n"));
    let (code, said) = refusal(as_caller(starts));
    assert_eq!(code, 77, "{said}");
    assert!(said.contains(&format!("user `{starts}` can write")), "{said}");
}

#[test]
fn a_launch_does_not_change_the_policy_of_what_runs() {
    let Some(host) = Host::new() else { return };
    let mut first = host.run(&["sleep", "66.333"]).stdin(Stdio::null()).spawn().expect("it starts");
    eventually("it runs", || processes("66.333") > 1);
    // Of the same policy there may be as many as there are.
    host.sh("true");
    host.configure_all("audit", "", "");
    let (code, said) = refusal(host.run(&["true"]));
    assert_eq!(code, 69, "{said}");
    assert!(!said.contains("`audit`"), "what is not put in force is not spoken of: {said}");
    assert!(said.contains("2 processes run as agent `one` under another policy"), "{said}");
    assert!(said.contains("`penstock egress apply --agent one`"), "{said}");

    says(host.penstock(&["egress", "apply", "--agent", "one"]));
    assert!(output(host.run(&["true"])).status.success());
    signal(first.id(), "TERM");
    first.wait().expect("its end");
    // Nobody is left whom it could surprise.
    host.configure("");
    host.sh("true");
}

#[test]
fn help_lists_the_capabilities_that_a_launch_takes() {
    let Some(host) = Host::new() else { return };
    let help = says(host.penstock(&["run", "--help"]));
    for name in CAPABILITIES.split(',').map(|name| name.trim_start_matches('+').to_uppercase()) {
        assert!(help.contains(&format!("CAP_{name}")), "{name}: {help}");
    }
}
