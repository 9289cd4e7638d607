//! Transports: sockets, REST, and the pages that come with the program.
//!
//! Floor 4. Each request is decoded, handed to one service or node, and its answer encoded. It may
//! not know storage.

pub mod address;
mod cookies;
mod credential;
pub mod desk;
mod driver;
pub mod origin;
mod outlet;
pub mod patience;
pub mod possession;
pub mod rest;
pub mod socketio;
pub mod sockets;
pub mod sse;
pub mod status;
pub mod tokens;
pub mod underlay;
pub mod web;
pub mod websocket;
