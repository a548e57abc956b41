//! A process that puts policies in force, to be killed while it does.

use std::path::Path;
use std::thread;
use std::time::Duration;

use penstock_config::Place;
use penstock_egress::{Cgroup, Host, apply};

use super::{Failure, Tried, unknown};
use crate::world::policy;

/// `HOW BPFFS CGROUP AGENT`: once, and stays; or again and again.
pub(crate) fn run(words: &[&str]) -> Tried {
    let [how, bpffs, below, agent] = words else { return Err(unknown()) };
    let failed = |error| {
        println!("{error}");
        Failure { step: "apply", errno: libc::EIO }
    };
    let host = Host::find(Path::new(bpffs)).map_err(failed)?;
    let cgroup = Cgroup::of(&host, &Place::Cgroup(below.into())).map_err(failed)?;
    loop {
        let enforced = apply(&host, &policy(agent), &cgroup).map_err(failed)?;
        println!("ready");
        if *how == "stay" {
            thread::sleep(Duration::from_mins(1));
        }
        drop(enforced);
    }
}
