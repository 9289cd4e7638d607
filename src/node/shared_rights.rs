//! Rights that many connected users have are held once: most people of a company may do the same. It may not
//! know who has them.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::domain::standing::Rights;

/// So many may be known before it is looked which of them nobody has any more.
const LOOK_AT_LEAST: usize = 64;

/// The rights that somebody has, each once.
#[derive(Default)]
pub(super) struct SharedRights(Mutex<Known>);

#[derive(Default)]
struct Known {
    rights: HashSet<Arc<Rights>>,
    look_at: usize,
}

impl SharedRights {
    /// The same rights, as others have them where others do.
    pub(super) fn share(&self, rights: Arc<Rights>) -> Arc<Rights> {
        let mut known = self.0.lock();
        if let Some(same) = known.rights.get(&rights) {
            return Arc::clone(same);
        }
        if known.rights.len() >= known.look_at {
            known.rights.retain(|it| Arc::strong_count(it) > 1);
            known.look_at = (known.rights.len() * 2).max(LOOK_AT_LEAST);
        }
        known.rights.insert(Arc::clone(&rights));
        rights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(group: &str) -> Arc<Rights> {
        Arc::new(Rights::by_token(&[group.to_owned()], &[]))
    }

    #[test]
    fn the_same_rights_are_held_once_and_no_longer_than_somebody_has_them() {
        let shared = SharedRights::default();
        let first = shared.share(rights("staff"));
        assert!(Arc::ptr_eq(&first, &shared.share(rights("staff"))));
        for number in 0..1000 {
            shared.share(rights(&number.to_string()));
        }
        let known = shared.0.lock();
        assert!(known.rights.len() <= LOOK_AT_LEAST);
        assert!(known.rights.contains(&rights("staff")));
    }
}
