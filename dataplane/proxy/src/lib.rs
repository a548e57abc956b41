//! The shards: accept, read, forward, answer.
