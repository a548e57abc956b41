//! A way to drive the engine until the plan's parser is there.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

use crate::engine;
use crate::plan::{
    Agent, Arrival, Call, Era, Expect, Operation, Pace, Part, Plan, Size, Step, Target, Traffic,
};

#[derive(Args)]
pub(crate) struct Trial {
    address: SocketAddr,
    #[arg(long, default_value = "/mcp")]
    path: String,
    /// Open loop; closed without it.
    #[arg(long)]
    rate: Option<f64>,
    #[arg(long, default_value_t = 32)]
    concurrency: usize,
    #[arg(long, default_value_t = 32)]
    connections: usize,
    #[arg(long, default_value_t = 1)]
    threads: usize,
    #[arg(long, default_value_t = 1)]
    sessions: usize,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    #[arg(long)]
    legacy: bool,
    #[arg(long, default_value = "echo")]
    tool: String,
    #[arg(long)]
    progress: bool,
    #[arg(long)]
    stream: bool,
    #[arg(long)]
    pid: Option<u32>,
}

impl Trial {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let call = Operation::Call(Call {
            tool: self.tool,
            arguments: r#"{"repository":"acme/payments","query":"timeout while capturing a refund","state":"open","labels":["bug","customer"],"limit":20}"#.to_owned(),
            padding_bytes: Size::Fixed(0),
            progress: self.progress,
            expect: Expect::Success,
        });
        let mut parts = vec![Part { weight: 100.0, operation: call }];
        if self.stream {
            let operation = Operation::Stream { hold: Duration::from_secs(1) };
            parts.push(Part { weight: 1.0, operation });
        }
        let duration = Duration::from_secs_f64(self.seconds);
        let plan = Plan {
            target: Target {
                url: format!("http://{}{}", self.address, self.path),
                authority: self.address.to_string(),
                path: self.path,
                addresses: vec![self.address],
                tls: None,
            },
            era: if self.legacy { Era::Legacy } else { Era::Modern },
            pace: match self.rate {
                Some(rate) => Pace::Open {
                    steps: vec![Step { from_per_second: rate, to_per_second: rate, duration }],
                    arrival: Arrival::Poisson,
                },
                None => Pace::Closed { concurrency: self.concurrency, duration },
            },
            connections: self.connections,
            agents: vec![Agent::default()],
            sessions: self.sessions,
            session_calls: None,
            headers: Vec::new(),
            traffic: Traffic::Mix(parts),
            threads: self.threads,
            warm_up: Duration::from_secs_f64(self.warm_up),
            timeout: Duration::from_secs(10),
            seed: 1,
            pid: self.pid,
        };
        let report = engine::run(&plan, |progress| eprintln!("{progress:?}"))?;
        println!("{}", serde_json::to_string_pretty(&report)?);
        Ok(())
    }
}
