//! Ids and positions. It may not know how they are made: see [`super::clock`].

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use sessionwire_guard::id::{DeviceId, Seq, SessionId, UserId};

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id!(
    /// A group of users that share permissions.
    GroupId
);
uuid_id!(
    /// One open socket.
    ConnectionId
);
uuid_id!(
    /// A question to the devices in the way: may another one take the seat?
    TakeoverRequestId
);
uuid_id!(
    /// An API key of a service.
    ApiKeyId
);
uuid_id!(
    /// A node, from its start to its end: the same machine started again is another one.
    NodeId
);
