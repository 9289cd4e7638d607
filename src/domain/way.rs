//! Who writes is let through: what could as well be done a moment later looks whether somebody does. It may not know
//! what is written.

use std::sync::Arc;

/// Where those pass who write.
#[derive(Debug, Default)]
pub struct Way(Arc<()>);

/// Somebody who writes; has passed when dropped.
#[derive(Debug)]
pub struct Passage {
    _held: Arc<()>,
}

impl Way {
    /// Somebody writes.
    pub fn enter(&self) -> Passage {
        Passage {
            _held: Arc::clone(&self.0),
        }
    }

    /// Whether somebody writes.
    pub fn is_taken(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_taken_until_the_last_has_passed() {
        let way = Way::default();
        let (one, other) = (way.enter(), way.enter());
        drop(one);
        assert!(way.is_taken());
        drop(other);
        assert!(!way.is_taken());
    }
}
