//! The cold side: admin API, bridges and name resolution on tokio.
