//! Plans that cannot be carried out.

use super::rig::{plan, serve_bytes};
use crate::engine::run_until;
use crate::plan::{Plan, Recorded, Traffic};

fn error(plan: &Plan) -> String {
    format!("{:#}", run_until(plan, || false, |_| {}).expect_err("it is refused"))
}

#[test]
fn more_files_than_may_be_open() {
    let address = serve_bytes(super::rig::Request::good);
    let said = error(&Plan { connections: 1 << 40, ..plan(address) });
    assert!(said.contains("open files") && said.contains("ulimit"), "{said}");
}

#[test]
fn what_cannot_be_replayed_or_watched() {
    let address = serve_bytes(super::rig::Request::good);
    let message = Recorded { at: None, method: "a b".to_owned(), params: None };
    let said = error(&Plan { traffic: Traffic::Replay(vec![message]), ..plan(address) });
    assert!(
        said.contains("message 1 of the recording") && said.contains("visible ASCII"),
        "{said}"
    );
    assert!(error(&Plan { pid: Some(0), ..plan(address) }).contains("no process 0"));
}
