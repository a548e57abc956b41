//! `penstock-test-rmcp BASE [SERVER...]`: the official Rust client through penstock, in both eras.
//! Prints `ok NAME` or `not ok NAME: why` a test, as the scripts in `tests/clients` do.

#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResult, ClientRequest,
    ProgressNotificationParam, ProtocolVersion, ReadResourceRequestParams, ServerResult,
};
use rmcp::service::{ClientLifecycleMode, NotificationContext, PeerRequestOptions, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::{ClientHandler, ClientServiceExt, RoleClient};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

const LIMIT: Duration = Duration::from_secs(15);

/// A client that remembers what progress it was told of.
#[derive(Default)]
struct Client {
    progress: Mutex<Vec<f64>>,
}

impl ClientHandler for Client {
    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        if let Ok(mut progress) = self.progress.lock() {
            progress.push(params.progress);
        }
    }
}

type Session = RunningService<RoleClient, Client>;

/// The tests' verdicts, and where they are made.
struct Run {
    base: String,
    only: Vec<String>,
    failed: AtomicU32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let Some(base) = words.next() else {
        eprintln!("usage: penstock-test-rmcp BASE [SERVER...]");
        return ExitCode::from(64);
    };
    let run = Run { base, only: words.collect(), failed: AtomicU32::new(0) };
    for server in ["web", "everything"].into_iter().filter(|server| run.chosen(server)) {
        run.test(server, "finds a legacy server, lists and calls", legacy(&run, server)).await;
        run.test(server, "streams progress", progress(&run, server)).await;
        run.test(server, "cancels a call and goes on", cancels(&run, server)).await;
    }
    if run.chosen("time") {
        run.test("time", "asks a bridged server", time(&run)).await;
    }
    if run.chosen("fixture") {
        run.test("fixture", "discovers the modern era, lists, calls and reads", modern(&run)).await;
    }
    if run.failed.into_inner() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Run {
    fn chosen(&self, server: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == server)
    }

    async fn test(&self, server: &str, what: &str, run: impl Future<Output = Result<()>>) {
        let result = timeout(LIMIT, run)
            .await
            .unwrap_or_else(|_| Err(anyhow::anyhow!("not done within {LIMIT:?}")));
        match result {
            Ok(()) => println!("ok rmcp {server} {what}"),
            Err(error) => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                println!(
                    "not ok rmcp {server} {what}: {}",
                    format!("{error:#}").replace('\n', " ")
                );
            }
        }
    }

    async fn connect(&self, server: &str, lifecycle: ClientLifecycleMode) -> Result<Session> {
        let url = format!("{}/{server}", self.base);
        let transport = StreamableHttpClientTransport::from_uri(url);
        Ok(Client::default().serve_with_lifecycle(transport, lifecycle).await?)
    }

    /// As a client that does not know the server's era.
    async fn find(&self, server: &str) -> Result<Session> {
        let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
        let lifecycle = ClientLifecycleMode::Auto { preferred_versions, legacy_version: None };
        self.connect(server, lifecycle).await
    }
}

async fn legacy(run: &Run, server: &str) -> Result<()> {
    let session = run.find(server).await?;
    let tools = session.list_all_tools().await?;
    ensure!(tools.iter().any(|tool| tool.name == "echo"), "no tool `echo` among {}", tools.len());
    ensure!(!session.list_all_prompts().await?.is_empty(), "no prompts");
    let resources = session.list_all_resources().await?;
    let first = resources.first().context("no resources")?;
    let read = session.read_resource(ReadResourceRequestParams::new(first.uri.clone())).await?;
    ensure!(!read.contents.is_empty(), "an empty resource");
    let message = "zürich 🜁 ".repeat(2_000);
    let echoed = call(&session, "echo", &json!({ "message": message })).await?;
    ensure!(text_of(&echoed) == format!("Echo: {message}"), "a text came back changed");
    session.cancel().await?;
    Ok(())
}

async fn progress(run: &Run, server: &str) -> Result<()> {
    let session = run.connect(server, ClientLifecycleMode::Initialize).await?;
    call(&session, LONG, &json!({ "duration": 0.6, "steps": 3 })).await?;
    let seen = session.service().progress.lock().map_or_else(|_| Vec::new(), |seen| seen.clone());
    // The last one arrives with the result and may be told after it.
    ensure!(seen.starts_with(&[1.0, 2.0]), "progress was {seen:?}");
    session.cancel().await?;
    Ok(())
}

async fn cancels(run: &Run, server: &str) -> Result<()> {
    let session = run.connect(server, ClientLifecycleMode::Initialize).await?;
    let request = request(LONG, &json!({ "duration": 8, "steps": 8 }));
    let handle =
        session.send_cancellable_request(request, PeerRequestOptions::no_options()).await?;
    sleep(Duration::from_millis(200)).await;
    handle.cancel(Some("enough".to_owned())).await?;
    let echoed = call(&session, "echo", &json!({ "message": "after" })).await?;
    ensure!(text_of(&echoed) == "Echo: after", "{echoed:?}");
    session.cancel().await?;
    Ok(())
}

async fn time(run: &Run) -> Result<()> {
    let session = run.find("time").await?;
    let result = call(&session, "get_current_time", &json!({ "timezone": "UTC" })).await?;
    ensure!(text_of(&result).contains("UTC"), "{result:?}");
    session.cancel().await?;
    Ok(())
}

async fn modern(run: &Run) -> Result<()> {
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    let session =
        run.connect("fixture", ClientLifecycleMode::Discover { preferred_versions }).await?;
    ensure!(session.list_all_tools().await?.len() > 10, "few tools");
    let result = call(&session, "test_simple_text", &json!({})).await?;
    ensure!(text_of(&result).contains("simple text response"), "{result:?}");
    let uri = "test://template/123/data";
    let read = session.read_resource(ReadResourceRequestParams::new(uri)).await?;
    ensure!(!read.contents.is_empty(), "an empty resource");
    session.cancel().await?;
    Ok(())
}

const LONG: &str = "trigger-long-running-operation";

async fn call(session: &Session, tool: &'static str, arguments: &Value) -> Result<CallToolResult> {
    match session.send_request(request(tool, arguments)).await? {
        ServerResult::CallToolResult(result) => Ok(result),
        other => anyhow::bail!("a call was answered with {other:?}"),
    }
}

fn request(tool: &'static str, arguments: &Value) -> ClientRequest {
    let arguments = arguments.as_object().cloned().unwrap_or_default();
    let params = CallToolRequestParams::new(tool).with_arguments(arguments);
    ClientRequest::CallToolRequest(CallToolRequest::new(params))
}

fn text_of(result: &CallToolResult) -> String {
    result.content.iter().filter_map(|part| Some(part.as_text()?.text.as_str())).collect()
}
