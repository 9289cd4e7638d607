//! The one binary of integration tests; a module a subject.
//!
//! Each module is `#[cfg(test)]`, so that its helpers count as tests for the lints too.

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod openapi;
