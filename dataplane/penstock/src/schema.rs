//! `penstock schema`.

use crate::exit::{Exit, Failure};
use crate::terminal::print;

pub(crate) fn run() -> Result<Exit, Failure> {
    print(&format!("{:#}\n", penstock_config::schema()))?;
    Ok(Exit::Done)
}
