//! A device: an installation or browser profile that names itself. It may not know sessions.

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::id::DeviceId;
use super::text::{TITLE_CHARS_MAX, check_line};

/// What kind of thing a device is; policies can count by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// A browser.
    Web,
    /// An iPhone or iPad.
    Ios,
    /// An Android device.
    Android,
    /// A desktop application.
    Desktop,
    /// A game client.
    Game,
    /// Anything else.
    Other,
}

impl Platform {
    /// Every platform.
    pub const ALL: [Self; 6] = [
        Self::Web,
        Self::Ios,
        Self::Android,
        Self::Desktop,
        Self::Game,
        Self::Other,
    ];

    /// The name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Ios => "ios",
            Self::Android => "android",
            Self::Desktop => "desktop",
            Self::Game => "game",
            Self::Other => "other",
        }
    }
}

/// A device as its user names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Chosen and kept by the client.
    pub id: DeviceId,
    /// A name that a person recognises.
    pub name: String,
    /// What kind of thing it is.
    pub platform: Platform,
}

impl Device {
    /// Whether the name is within bounds.
    pub fn check(&self) -> Result<(), Error> {
        check_line("device.name", &self.name, TITLE_CHARS_MAX)
    }

    /// What others may see of it.
    pub fn label(&self) -> DeviceLabel {
        DeviceLabel {
            device_name: self.name.clone(),
            platform: self.platform,
        }
    }
}

/// A device as others may see it: without its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceLabel {
    /// The name that its person recognises.
    pub device_name: String,
    /// What kind of thing it is.
    pub platform: Platform,
}
