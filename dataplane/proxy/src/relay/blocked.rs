//! An answer whose body does not pass.

use penstock_http1::Framing;
use penstock_inspect::Side;
use penstock_mcp::ErrorKind;
use penstock_metrics::Refusal;

use super::{Begun, Exchange};
use crate::guard::{Asked, Eyes, Guard, Instead, Stop, forget_the_body, leave_out};

impl Exchange<'_> {
    /// Puts an error in the place of the answer's body. The head stays, for clients go on by it: by the status of a
    /// session that has ended, by `WWW-Authenticate`, by the id of a session that has begun. Only a success is none
    /// where nobody reads the error.
    pub(super) fn put_error(&mut self, begun: &mut Begun, guard: &Guard, stop: &Stop) {
        let Self { down, shard, view, buffer, .. } = self;
        Eyes::new(guard, shard, view, Side::Response, down).tell_blocked(stop, Instead::Error);
        shard.cells.refuse(Refusal::Blocked);
        let asked = Asked::of(down);
        let head = &mut begun.head;
        head.fields.retain(|field| !is_of_the_content(field.name.of(buffer)));
        forget_the_body(&mut head.fields, buffer);
        leave_out(&mut head.fields, buffer, &["trailer"]);
        buffer.truncate(begun.bytes);
        if (200..300).contains(&head.status) {
            head.set_status(buffer, asked.status(ErrorKind::AnswerBlocked));
        }
        head.add(buffer, "Content-Type", "application/json");
        begun.bytes = buffer.len();
        asked.write(ErrorKind::AnswerBlocked, stop, buffer);
        head.framing = Framing::Length((buffer.len() - begun.bytes) as u64);
    }
}

/// `Content-Type`, `Content-Range` and their like.
fn is_of_the_content(name: &[u8]) -> bool {
    name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-"))
}
