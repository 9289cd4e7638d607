//! Notices: something said to a user or to a group, on the connections open at the moment.

use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::RestState;
use super::extract::{Id, Json, Scoped, User};
use super::problem::Problem;
use super::receipt::{ChangeQuery, Changing, Outcome, ReceiptBody};
use super::schema;
use crate::domain::error::Error;
use crate::domain::id::GroupId;
use crate::domain::message::{NoticeContent, NoticeLevel};
use crate::domain::text::{BODY_CHARS_MAX, TITLE_CHARS_MAX, check_line, check_paragraph};
use crate::service::NoticeTarget;

/// The longest `data`, written as JSON.
const DATA_BYTES_MAX: usize = 8 * 1024;
/// The deepest `data`: it travels inside other objects, and readers bound the whole at 128 levels.
const DATA_DEPTH_MAX: usize = 32;

/// What is said.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Notice)]
struct NoticeBody {
    #[schema(schema_with = schema::notice_level)]
    level: NoticeLevel,
    /// 1 to 200 characters.
    #[schema(example = "Maintenance")]
    title: String,
    /// Up to 2000 characters.
    #[schema(example = "The reports are read-only from 10 to 11.")]
    body: String,
    /// For the client's program; at most 8 KiB.
    data: Option<Value>,
}

impl NoticeBody {
    fn read(self) -> Result<NoticeContent, Error> {
        check_line("title", &self.title, TITLE_CHARS_MAX)?;
        check_paragraph("body", &self.body, BODY_CHARS_MAX)?;
        if let Some(data) = &self.data {
            check_data(data)?;
        }
        Ok(NoticeContent {
            level: self.level,
            title: self.title,
            body: self.body,
            data: self.data,
        })
    }
}

fn check_data(data: &Value) -> Result<(), Error> {
    if data.to_string().len() > DATA_BYTES_MAX {
        return Err(Error::validation(format!(
            "`data` may have at most {DATA_BYTES_MAX} bytes"
        )));
    }
    if depth(data) > DATA_DEPTH_MAX {
        return Err(Error::validation(format!(
            "`data` may be nested at most {DATA_DEPTH_MAX} levels deep"
        )));
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

pub(super) fn routes() -> OpenApiRouter<RestState> {
    OpenApiRouter::new()
        .routes(routes!(notify_user))
        .routes(routes!(notify_group))
}

async fn send(
    rest: &RestState,
    asked: Changing<Scoped>,
    to: NoticeTarget,
    body: NoticeBody,
) -> Result<Json<Outcome<ReceiptBody>>, Problem> {
    let done = rest.core.send_notice(&asked.call, to, body.read()?).await?;
    Ok(Json(asked.settling.receipt(rest, done.effect).await))
}

/// Say something to a user
///
/// To the connections open at the moment; not repeated.
#[utoipa::path(post, path = "/v1/users/{id}/notices", params(("id" = String, Path, description = "The id, or `ext:` and the external id"), ChangeQuery),
    request_body = NoticeBody,
    responses((status = 200, description = "What it reached", body = Outcome<ReceiptBody>)))]
async fn notify_user(
    State(rest): State<RestState>,
    asked: Changing<Scoped>,
    User(id): User,
    Json(body): Json<NoticeBody>,
) -> Result<Json<Outcome<ReceiptBody>>, Problem> {
    send(&rest, asked, NoticeTarget::User(id), body).await
}

/// Say something to the members of a group
///
/// To the connections open at the moment; not repeated.
#[utoipa::path(post, path = "/v1/groups/{id}/notices", params(("id" = Uuid, Path), ChangeQuery),
    request_body = NoticeBody,
    responses((status = 200, description = "What it reached", body = Outcome<ReceiptBody>)))]
async fn notify_group(
    State(rest): State<RestState>,
    asked: Changing<Scoped>,
    Id(id): Id<GroupId>,
    Json(body): Json<NoticeBody>,
) -> Result<Json<Outcome<ReceiptBody>>, Problem> {
    send(&rest, asked, NoticeTarget::Group(id), body).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_fine(body: Value) -> bool {
        serde_json::from_value::<NoticeBody>(body).is_ok_and(|body| body.read().is_ok())
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |inner, _| json!([inner]))
    }

    #[test]
    fn a_notice_has_bounds() {
        let notice = |title: &str, body: &str, data: Value| {
            is_fine(json!({ "level": "info", "title": title, "body": body, "data": data }))
        };
        assert!(notice("Title", "", Value::Null));
        assert!(notice("Title", "Two\nlines", json!({ "a": 1 })));
        assert!(!notice("", "Body", Value::Null));
        assert!(!notice(&"t".repeat(201), "Body", Value::Null));
        assert!(!notice("Title", &"b".repeat(2001), Value::Null));
        assert!(!notice("Title", "Body", json!("d".repeat(DATA_BYTES_MAX))));
        assert!(notice("Title", "Body", nested(32)));
        assert!(!notice("Title", "Body", nested(33)));
        assert!(!is_fine(
            json!({ "level": "loud", "title": "T", "body": "B" })
        ));
    }
}
