//! One answer stream of a client, and what is kept so that it can be resumed.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use tokio::sync::mpsc;

/// Messages that wait for a slow client before its server is held up.
pub(crate) const STREAM_QUEUE: usize = 16;
/// Events and bytes a session keeps for `Last-Event-ID`.
pub(crate) const REPLAY_EVENTS_MAX: usize = 256;
pub(crate) const REPLAY_BYTES_MAX: usize = 1 << 20;
/// Messages and bytes kept for a session that has no stream to send them on.
pub(crate) const KEPT_MESSAGES_MAX: usize = 64;
pub(crate) const KEPT_BYTES_MAX: usize = 1 << 20;

/// Which event of which stream: what `id:` and `Last-Event-ID` carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventId {
    pub(crate) stream: u64,
    pub(crate) number: u64,
}

impl EventId {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (stream, number) = text.split_once('-')?;
        Some(Self { stream: stream.parse().ok()?, number: number.parse().ok()? })
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.stream, self.number)
    }
}

/// A message on its way to a client.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// Absent in the modern era, which does not resume.
    pub(crate) id: Option<EventId>,
    pub(crate) data: Bytes,
    /// The response that ends its stream.
    pub(crate) last: bool,
    /// A response that is an error.
    pub(crate) failed: bool,
    /// A response that its client has cancelled the request of.
    pub(crate) cancelled: bool,
}

impl Event {
    /// One that others may follow.
    pub(crate) fn message(data: Bytes) -> Self {
        Self { id: None, data, last: false, failed: false, cancelled: false }
    }
}

/// One POST's answer, or one GET.
pub(crate) struct Stream {
    pub(crate) client: Option<u64>,
    /// Absent while the client is gone and may come back.
    pub(crate) sender: Option<mpsc::Sender<Event>>,
    /// Whether the client takes an event stream.
    pub(crate) streams: bool,
    /// Requests whose responses belong here and have not come.
    pub(crate) open: usize,
    events: u64,
}

impl Stream {
    pub(crate) fn new(
        client: Option<u64>,
        sender: mpsc::Sender<Event>,
        streams: bool,
        open: usize,
    ) -> Self {
        Self { client, sender: Some(sender), streams, open, events: 0 }
    }

    pub(crate) fn next_event(&mut self) -> u64 {
        self.events += 1;
        self.events
    }
}

/// The events that a legacy client may ask for again, oldest first.
#[derive(Default)]
pub(crate) struct Replay {
    events: VecDeque<Event>,
    bytes: usize,
}

impl Replay {
    pub(crate) fn push(&mut self, event: Event) {
        self.bytes += event.data.len();
        self.events.push_back(event);
        while self.events.len() > REPLAY_EVENTS_MAX || self.bytes > REPLAY_BYTES_MAX {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.data.len();
        }
    }

    pub(crate) fn after(&self, last: EventId) -> Vec<Event> {
        self.events
            .iter()
            .filter(|event| {
                event.id.is_some_and(|id| id.stream == last.stream && id.number > last.number)
            })
            .cloned()
            .collect()
    }
}

/// Messages for a client that has no stream open.
#[derive(Default)]
pub(crate) struct Kept {
    messages: VecDeque<Bytes>,
    bytes: usize,
}

impl Kept {
    /// Returns how many old messages had to go.
    pub(crate) fn push(&mut self, message: Bytes) -> usize {
        self.bytes += message.len();
        self.messages.push_back(message);
        let mut dropped = 0;
        while self.messages.len() > KEPT_MESSAGES_MAX || self.bytes > KEPT_BYTES_MAX {
            let Some(oldest) = self.messages.pop_front() else { break };
            self.bytes -= oldest.len();
            dropped += 1;
        }
        dropped
    }

    pub(crate) fn take(&mut self) -> VecDeque<Bytes> {
        self.bytes = 0;
        std::mem::take(&mut self.messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64, bytes: usize) -> Event {
        let id = Some(EventId { stream: 3, number });
        Event { id, ..Event::message(vec![b'x'; bytes].into()) }
    }

    #[test]
    fn an_event_id_reads_back() {
        let id = EventId { stream: 3, number: 14 };
        assert_eq!(EventId::parse(&id.to_string()), Some(id));
        for text in ["", "3", "3-", "-1", "a-b", "3-1-1"] {
            assert_eq!(EventId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn replay_is_bounded_in_count_and_bytes() {
        let mut replay = Replay::default();
        for number in 0..2000 {
            replay.push(event(number, 1));
        }
        assert_eq!(replay.after(EventId { stream: 3, number: 0 }).len(), REPLAY_EVENTS_MAX);
        assert_eq!(replay.after(EventId { stream: 3, number: 1997 }).len(), 2);
        assert!(replay.after(EventId { stream: 4, number: 0 }).is_empty());
        replay.push(event(2000, REPLAY_BYTES_MAX + 1));
        assert!(replay.after(EventId { stream: 3, number: 0 }).is_empty());
    }

    #[test]
    fn kept_messages_are_bounded_and_the_newest_stay() {
        let mut kept = Kept::default();
        let dropped: usize =
            (0..KEPT_MESSAGES_MAX + 2).map(|n| kept.push(n.to_string().into())).sum();
        assert_eq!(dropped, 2);
        let messages = kept.take();
        assert_eq!(messages.len(), KEPT_MESSAGES_MAX);
        assert_eq!(messages[0], "2");
    }
}
