//! The server itself, with nobody before it.

use anyhow::Result;

use super::{Kind, Peer, Running, Start};
use crate::call::TOOL;
use crate::load::Slack;

pub(super) struct Direct;

impl Peer for Direct {
    fn name(&self) -> &'static str {
        "direct"
    }

    fn version(&self) -> Result<String> {
        Ok("the mock server itself".to_owned())
    }

    fn kind(&self) -> Kind {
        Kind::Direct
    }

    fn start(&self, start: &Start<'_>) -> Result<Running> {
        Ok(Running {
            servers: Vec::new(),
            address: start.upstream,
            path: "/mcp".to_owned(),
            tool: TOOL.to_owned(),
            slack: Slack::Nothing,
        })
    }
}
