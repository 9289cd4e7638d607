//! Values of headers that every answer has. It may not know what they are for.

use http::HeaderValue;
use uuid::Uuid;

/// The id as it is written everywhere.
pub(super) fn of_uuid(id: Uuid) -> HeaderValue {
    let mut text = Uuid::encode_buffer();
    let text = id.hyphenated().encode_lower(&mut text);
    // Digits and hyphens always can be one.
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
