//! Who a command is, and that it can become nobody else.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::host::{GID, Host, UID, for_everybody, output, refusal, says};

#[test]
fn a_command_is_the_user_that_is_named_with_that_users_groups() {
    let Some(host) = Host::new() else { return };
    let ids = "id -u; id -g; id -G";
    assert_eq!(host.sh(ids), format!("{UID}\n{GID}\n{GID}\n"));
    let by_name = says(host.run_as("nobody", &["sh", "-c", ids]));
    let expected = says({
        let mut id = Command::new("sh");
        id.args(["-c", "id -u nobody; id -g nobody; id -G nobody"]);
        id
    });
    assert_eq!(by_name, expected);
    let mut by_sudo = host.bare();
    by_sudo.env("SUDO_UID", "12345").env("SUDO_GID", "12346").args(["--", "sh", "-c", ids]);
    assert_eq!(says(by_sudo), "12345\n12346\n12346\n");
}

#[test]
fn groups_of_whoever_starts_penstock_are_left_behind() {
    let Some(host) = Host::new() else { return };
    let run = host.run(&["id", "-G"]);
    let mut with_groups = Command::new("setpriv");
    with_groups.args(["--groups", "7,8"]).arg(run.get_program()).args(run.get_args());
    with_groups.current_dir(host.work());
    assert_eq!(says(with_groups), format!("{GID}\n"));
}

#[test]
fn the_configuration_says_who_where_the_command_line_does_not() {
    let Some(host) = Host::with(", run_as: nobody") else { return };
    let mut run = host.bare();
    run.env("SUDO_UID", "12345").args(["--", "id", "-un"]);
    assert_eq!(says(run), "nobody\n");
}

#[test]
fn root_is_no_user_for_an_agent() {
    let Some(host) = Host::new() else { return };
    for root in ["root", "0", "0:12345"] {
        let (code, said) = refusal(host.run_as(root, &["true"]));
        assert_eq!(code, 64);
        assert!(said.contains("cannot run as root") && said.contains("leave its cgroup"), "{said}");
    }
    let mut nobody = host.bare();
    nobody.args(["--", "true"]);
    let (code, said) = refusal(nobody);
    assert_eq!(code, 64);
    assert!(said.contains("--user") && said.contains("run_as"), "{said}");
}

#[test]
fn roots_group_is_no_group_for_an_agent() {
    let Some(host) = Host::new() else { return };
    for user in ["nobody:root", "nobody:0", "54321:0"] {
        let (code, said) = refusal(host.run_as(user, &["true"]));
        assert_eq!(code, 64);
        assert!(said.contains("with group 0") && said.contains("USER:GROUP"), "{said}");
    }
}

#[test]
fn a_command_has_no_capability_and_gets_none_by_executing() {
    let Some(host) = Host::new() else { return };
    let status = host.sh("cat /proc/self/status");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name}")).trim().to_owned()
    };
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    assert_eq!(field("NoNewPrivs"), "1");
    assert_eq!(field("Seccomp"), "2");
    assert_eq!(field("Uid"), format!("{UID}\t{UID}\t{UID}\t{UID}"));
    // Set-user-id programs do not become root.
    let said = output(host.run(&["sh", "-c", "su -c id || mount --bind /tmp /tmp || chroot /"]));
    assert!(!said.status.success());
}

#[test]
fn only_stdin_stdout_and_stderr_are_handed_on() {
    let Some(host) = Host::new() else { return };
    let run = host.run(&["/usr/bin/python3", "-c", "import os; print(*[n for n in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + n)])"]);
    let mut shell = Command::new("bash");
    // A socket, a file and a directory, which bash leaves open for what it starts.
    shell.args(["-c", "exec 7</ 8</etc/passwd 9<>/dev/udp/127.0.0.1/9; exec \"$0\" \"$@\""]);
    shell.arg(run.get_program()).args(run.get_args()).current_dir(host.work());
    assert_eq!(says(shell), "0 1 2\n");
}

#[test]
fn without_root_it_says_what_it_needs() {
    let Some(host) = Host::new() else { return };
    let mut run = Command::new(for_everybody(&host.work()));
    run.args(["run", "--agent", "one", "--", "true"]).uid(UID).gid(GID);
    let (code, said) = refusal(run);
    assert_eq!(code, 77);
    assert!(
        said.contains("needs root (CAP_BPF, ") && said.contains("): run it with sudo"),
        "{said}"
    );
}

#[test]
fn a_directory_that_the_user_may_not_enter_is_named() {
    let Some(host) = Host::new() else { return };
    let mut run = host.run(&["pwd"]);
    let closed = host.work().join("closed");
    std::fs::create_dir(&closed).expect("a directory");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&closed, mode).expect("its mode");
    run.current_dir(&closed);
    let (code, said) = refusal(run);
    assert_eq!(code, 71);
    assert!(said.contains(&format!("cannot enter {}", closed.display())), "{said}");
    assert!(said.contains("nothing was launched"), "{said}");
}

#[test]
fn the_mask_of_new_files_is_kept() {
    let Some(host) = Host::new() else { return };
    let run = host.run(&["sh", "-c", "umask"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 0027; exec \"$0\" \"$@\""]);
    shell.arg(run.get_program()).args(run.get_args()).current_dir(host.work());
    assert_eq!(says(shell), "0027\n");
}
