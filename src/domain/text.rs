//! Bounds for the texts that people give: names, titles, passwords. It may not know where they came
//! from.

use super::error::Error;

/// The longest user name, group name or permission, in characters.
pub const NAME_CHARS_MAX: usize = 128;
/// The longest display name, device name or notice title, in characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// The longest notice body, in characters.
pub const BODY_CHARS_MAX: usize = 2_000;
/// The shortest password, in characters (NIST SP 800-63B).
pub const PASSWORD_CHARS_MIN: usize = 8;
/// The longest password, in bytes: hashing is not a way to keep the server busy.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// The most groups a user can be created with, and permissions a group can have.
pub const LIST_MAX: usize = 200;
/// The most users added or removed by one call.
pub const BULK_MAX: usize = 20_000;

/// A line of text: 1 to `max` characters, none of them a control character.
pub fn check_line(field: &str, text: &str, max: usize) -> Result<(), Error> {
    let length = text.chars().take(max + 1).count();
    if text.trim().is_empty() || length > max {
        return Err(Error::validation(format!(
            "`{field}` needs 1 to {max} characters"
        )));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::validation(format!(
            "`{field}` must not contain control characters"
        )));
    }
    Ok(())
}

/// Several lines of text: up to `max` characters; of control characters only line ends and tabs.
pub fn check_paragraph(field: &str, text: &str, max: usize) -> Result<(), Error> {
    if text.chars().take(max + 1).count() > max {
        return Err(Error::validation(format!(
            "`{field}` may have at most {max} characters"
        )));
    }
    if text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    {
        return Err(Error::validation(format!(
            "`{field}` must not contain control characters"
        )));
    }
    Ok(())
}

/// A password that is being set.
pub fn check_new_password(field: &str, password: &str) -> Result<(), Error> {
    check_password_size(field, password)?;
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return Err(Error::validation(format!(
            "`{field}` needs at least {PASSWORD_CHARS_MIN} characters"
        )));
    }
    Ok(())
}

/// A password that is being presented: only its size is checked, before anything is looked up.
pub fn check_password_size(field: &str, password: &str) -> Result<(), Error> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(Error::validation(format!(
            "`{field}` may have at most {PASSWORD_BYTES_MAX} bytes"
        )));
    }
    if password.contains('\0') {
        return Err(Error::validation(format!("`{field}` must not contain NUL")));
    }
    Ok(())
}
