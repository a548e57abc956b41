//! The modern era on an upstream's server: no sessions, one connection for all, found by a probe.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use bytes::Bytes;
use tokio::time::timeout;

use super::Bridge;
use crate::answer::Replies;
use crate::exchange::Audience;
use crate::fault::Fault;
use crate::link::Link;
use crate::wire::Message;

/// How long a server may take to answer the probe. One that is downloaded on its first start takes
/// longer, which is why silence is not believed for good.
pub(crate) const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long silence, or death, counts as an answer.
pub(crate) const SILENCE_BELIEVED: Duration = Duration::from_mins(1);

const PROBE: &str = concat!(
    r#"{"jsonrpc":"2.0","id":"probe","method":"server/discover","params":{"_meta":{"#,
    r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""io.modelcontextprotocol/clientInfo":{"name":"penstock","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""},"io.modelcontextprotocol/clientCapabilities":{}}}}"#
);

/// What is known of an upstream's server.
#[derive(Default)]
pub(crate) struct Modern {
    link: Option<Arc<Link>>,
    known: Known,
}

#[derive(Default, Clone, Copy)]
enum Known {
    #[default]
    Nothing,
    Modern,
    /// Until then, where there is a limit.
    Legacy(Option<Instant>),
}

/// What the answer to a probe means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probed {
    Modern,
    Legacy,
    Unsure,
}

impl Modern {
    pub(crate) fn link(&self) -> Option<&Arc<Link>> {
        self.link.as_ref()
    }

    pub(crate) fn forget_link(&mut self) {
        self.link = None;
    }
}

impl Bridge {
    /// The connection for modern requests. A server that turns out to be legacy is refused to
    /// `requested`'s sender.
    pub(crate) async fn modern_link(&self, requested: &str) -> Result<Arc<Link>, Fault> {
        let legacy = || Fault::Version { requested: requested.into() };
        if !self.transport.may_be_modern() {
            return Err(legacy());
        }
        // Held while a server is started and probed: whoever comes next waits for the same one.
        let mut modern = self.modern.lock().await;
        if let Some(link) = &modern.link
            && !link.is_over()
        {
            return Ok(Arc::clone(link));
        }
        modern.link = None;
        if let Known::Legacy(until) = modern.known
            && until.is_none_or(|until| Instant::now() < until)
        {
            return Err(legacy());
        }
        let duplex = self.transport.open(HeaderMap::new()).await?;
        let link = Link::start(&self.name, Audience::Modern, duplex);
        let mut ending = Ending(Some(&link));
        if !matches!(modern.known, Known::Modern) {
            match probe(&link).await {
                Probed::Modern => {
                    modern.known = Known::Modern;
                    self.transport.served();
                }
                answer => {
                    let until =
                        (answer == Probed::Unsure).then(|| Instant::now() + SILENCE_BELIEVED);
                    tracing::info!(upstream = self.name, ?answer, "the server is taken for legacy");
                    modern.known = Known::Legacy(until);
                    return Err(legacy());
                }
            }
        }
        ending.0 = None;
        drop(ending);
        modern.link = Some(Arc::clone(&link));
        Ok(link)
    }
}

/// Ends a probed connection that is not kept, also where its prober goes away.
struct Ending<'a>(Option<&'a Arc<Link>>);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if let Some(link) = self.0 {
            link.close("the server was only probed");
        }
    }
}

async fn probe(link: &Arc<Link>) -> Probed {
    let Ok(message) = Message::parse(Bytes::from_static(PROBE.as_bytes())) else {
        return Probed::Unsure;
    };
    let posted = link.exchange().post(None, vec![message], false);
    let Ok((Some(opened), effects)) = posted else { return Probed::Unsure };
    let mut replies = Replies::new(link, opened);
    link.carry_out(effects).await;
    match timeout(PROBE_TIMEOUT, replies.next()).await {
        // An answer of our own, told because the server died, is none of the server's.
        Ok(Some(answer)) if !link.is_over() => meaning(&answer),
        _ => Probed::Unsure,
    }
}

fn meaning(answer: &[u8]) -> Probed {
    let Ok(answer) = serde_json::from_slice::<serde_json::Value>(answer) else {
        return Probed::Unsure;
    };
    let modern_error = matches!(answer["error"]["code"].as_i64(), Some(-32022..=-32020));
    if modern_error || answer["result"].is_object() { Probed::Modern } else { Probed::Legacy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_result_or_a_modern_error_is_modern() {
        assert_eq!(meaning(br#"{"id":"probe","result":{"supportedVersions":[]}}"#), Probed::Modern);
        assert_eq!(meaning(br#"{"id":"probe","error":{"code":-32022}}"#), Probed::Modern);
        assert_eq!(meaning(br#"{"id":"probe","error":{"code":-32601}}"#), Probed::Legacy);
        assert_eq!(meaning(br#"{"id":"probe","error":{"code":-32602}}"#), Probed::Legacy);
    }

    #[test]
    fn the_probe_is_a_modern_request() {
        let probe = Message::parse(PROBE.into()).expect("a message");
        assert_eq!(probe.version.as_deref(), Some("2026-07-28"));
    }
}
