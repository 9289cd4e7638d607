//! Sockets on a real listener.
