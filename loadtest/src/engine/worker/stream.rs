//! Streams: each on a connection of its own, opened when it is due, closed when it was held.

use super::Worker;
use crate::engine::clock;
use crate::engine::connection::Purpose;
use crate::engine::failure::Fault;
use crate::engine::schedule::Due;
use crate::report::model::ErrorKind;

impl Worker<'_> {
    /// Begins a stream.
    pub(super) fn open_stream(&mut self, number: usize, due: Due) {
        if !self.has_place_beside() {
            let fault = Fault::written(
                ErrorKind::Connect,
                format!("no descriptor left for a stream beside {} others", self.beside),
            );
            return self.lose(number, due, fault);
        }
        let turn = self.sessions.take();
        let purpose = Purpose::Stream { template: number, open: None };
        let flight = self.flight(purpose, due, turn);
        let index = self.place_beside();
        self.in_flight += 1;
        if let Some(connection) = self.connections.get_mut(index) {
            connection.flight = Some(flight);
        }
        self.begin(index, clock::now());
    }

    /// How many are open; those that are being opened are calls in flight.
    pub(super) fn open_streams(&self) -> u64 {
        let places = self.connections.iter().skip(self.carriers);
        let flights = places.filter_map(|one| one.flight.as_ref());
        let open = flights
            .filter(|flight| matches!(flight.purpose, Purpose::Stream { open: Some(_), .. }));
        open.count() as u64
    }

    /// Its connection is there: the request goes out.
    pub(super) fn subscribe(&mut self, index: usize) {
        let flight = self.connections.get_mut(index).and_then(|one| one.flight.take());
        let Some(flight) = flight else { return self.reply_aside(index, clock::now()) };
        let Purpose::Stream { template, .. } = flight.purpose else { return };
        let template = self.template(template);
        self.launch(index, template, flight);
    }

    /// It ended by itself, or said what was wrong.
    pub(super) fn stream_ended(&mut self, index: usize) {
        let flight = self.connections.get_mut(index).and_then(|one| one.flight.as_mut());
        let outcome = flight.and_then(|flight| flight.outcome.take());
        let fault = match outcome {
            Some((Err(fault), _)) => fault,
            _ => Fault::new(ErrorKind::Disconnected, "a stream that ended early"),
        };
        self.end_stream(index, Err(fault), clock::now());
    }

    pub(super) fn end_stream(&mut self, index: usize, result: Result<(), Fault>, now: u64) {
        self.done(index, result, now, now);
    }

    /// Closes those that are open: their calls have succeeded.
    pub(super) fn close_streams(&mut self, now: u64) {
        for index in self.carriers..self.connections.len() {
            let flight = self.connections.get(index).and_then(|one| one.flight.as_ref());
            if flight.is_some_and(|flight| {
                matches!(flight.purpose, Purpose::Stream { open: Some(_), .. })
            }) {
                self.end_stream(index, Ok(()), now);
            }
        }
    }
}
