//! Reports: read, written, judged, compared and shown.

pub(crate) mod alerts;
pub(crate) mod assertions;
mod columns;
pub(crate) mod commands;
pub(crate) mod compare;
mod curve;
pub(crate) mod file;
pub(crate) mod histogram;
mod html;
pub(crate) mod judge;
pub(crate) mod model;
mod names;
pub(crate) mod outputs;
mod plot;
#[cfg(test)]
mod sample;
mod schema;
mod subject;
mod text;
pub(crate) mod units;
