//! Why an upstream has given no answer.

use std::io;

use penstock_mcp::ErrorKind;
use penstock_metrics::Refusal;

use super::ask::INTERIM_MAX;
use super::body::Fault;
use crate::upstream::ConnectError;

/// What went wrong between the request and the end of its answer's head.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("it closed the connection before it answered; the call may have been carried out")]
    Closed,
    #[error("its connection broke before it answered ({0}); the call may have been carried out")]
    Broken(io::Error),
    #[error("it did not answer within `first_byte_timeout`; the call may have been carried out")]
    Timeout,
    #[error("penstock is shutting down; try again, another one will answer")]
    Draining,
    #[error("its answer is not valid HTTP: {0}")]
    Invalid(penstock_http1::HeadError),
    #[error("it sent more than {} interim answers (1xx) and none that counts", INTERIM_MAX)]
    Interim,
    #[error("its answer cannot be passed on: {0}")]
    Answer(Fault),
    #[error("it broke off in the middle of its answer; the call may have been carried out")]
    Short,
    #[error(
        "it was silent for `stream_idle_timeout` in the middle of its answer; the call may have been carried out"
    )]
    Silent,
    #[error(
        "too much is held at once to be looked into; try again later, or lower `inspection.message_bytes`"
    )]
    Held,
}

impl Failure {
    pub(crate) fn kind(&self) -> (ErrorKind, Refusal) {
        match self {
            Self::Answer(Fault::Stopped(_)) => (ErrorKind::AnswerBlocked, Refusal::Blocked),
            Self::Silent | Self::Timeout | Self::Connect(ConnectError::Timeout) => {
                (ErrorKind::UpstreamTimeout, Refusal::UpstreamSlow)
            }
            Self::Held | Self::Connect(ConnectError::Full) => {
                (ErrorKind::TooManyCalls, Refusal::Busy)
            }
            Self::Draining => (ErrorKind::Draining, Refusal::Draining),
            Self::Answer(Fault::Event(_)) => (ErrorKind::UpstreamProtocol, Refusal::Event),
            Self::Answer(Fault::Bytes(_)) => (ErrorKind::UpstreamProtocol, Refusal::Bytes),
            Self::Invalid(_) | Self::Interim | Self::Answer(Fault::Chunks(_)) => {
                (ErrorKind::UpstreamProtocol, Refusal::Upstream)
            }
            _ => (ErrorKind::UpstreamUnavailable, Refusal::Upstream),
        }
    }
}
