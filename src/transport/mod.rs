//! Floor 4: how the outside reaches the server. It may not decide anything: it reads requests and
//! frames, asks node and service, and writes their answers.

pub mod address;
pub mod desk;
pub mod websocket;
