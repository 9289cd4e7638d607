//! The `sessionwire` program.

fn main() {}
