//! HTTP/1.1 and Server-Sent Events codecs, without I/O.
