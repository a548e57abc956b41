//! Where a policy is only audited everything passes, and is told.

use std::io;

use penstock_config::EgressMode;
use penstock_egress::{Events, Policy};

use crate::matrix::{cells, works};
use crate::probe::WAYS;
use crate::suite::{Fault, Suite, hold};
use crate::world::{World, policy};

pub(crate) fn run(suite: &mut Suite, world: &World) -> io::Result<()> {
    if !suite.wants("audit/") {
        return Ok(());
    }
    let held = world.cgroup("audit")?;
    let audited = Policy { mode: EgressMode::Audit, ..policy("audit") };
    let _enforced = world.hold(&audited, &held)?;
    let mut events = Events::open(&world.host).map_err(io::Error::other)?;
    for way in WAYS {
        suite.row(&format!("audit/{}", way.name), || {
            for cell in cells().iter().filter(|cell| cell.way.name == way.name) {
                world.events(&mut events)?;
                works(world, &held, cell).map_err(|fault| match fault {
                    Fault::Broken(why) => Fault::Broken(format!("{}: {why}", cell.name)),
                    not_run @ Fault::NotRun(_) => not_run,
                })?;
                if cell.allowed() {
                    continue;
                }
                let (hook, reason) = cell.expected();
                let told = world.events(&mut events)?;
                let event = told.iter().find(|e| e.hook == hook && e.reason == reason);
                let Some(event) = event else {
                    return Err(Fault::Broken(format!("{}: no event: {told:?}", cell.name)));
                };
                hold!(!event.refused, "{}: it says that it was refused", cell.name);
            }
            Ok(())
        });
    }
    suite.row("audit/counted", || {
        let all = penstock_egress::status(&world.host)?;
        let set = all.iter().find(|set| set.agent == "audit");
        let counted = set.map_or(0, |set| set.refused.iter().map(|(_, count)| count).sum());
        hold!(counted > 100, "{counted} are counted");
        Ok(())
    });
    Ok(())
}
