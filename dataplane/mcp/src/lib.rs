//! The MCP envelope: JSON-RPC spans, protocol eras and errors, without I/O.
