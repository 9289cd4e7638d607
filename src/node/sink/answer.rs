//! What the answer to a POST means, whatever was posted. It may not know what that was.

use std::time::Duration;

use http::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};

use super::target::Failure;

/// As much of an answer is read as lets the connection be used again.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What an answer means. Its text does not matter.
pub(super) async fn judge(answer: Response) -> Result<(), Failure> {
    let status = answer.status();
    let after = answer.headers().get(RETRY_AFTER);
    let after = after.and_then(|it| it.to_str().ok()?.parse().ok());
    finish(answer).await;
    match status {
        status if status.is_success() => Ok(()),
        StatusCode::GONE => Err(Failure::Gone(
            "the receiver answered 410: it is gone".into(),
        )),
        status if status.is_redirection() => Err(Failure::again(format!(
            "the receiver answered {}: redirects are not followed",
            status.as_u16()
        ))),
        status => Err(Failure::Again {
            what: format!("the receiver answered {}", status.as_u16()),
            after: after.map(Duration::from_secs),
        }),
    }
}

/// Reads what there is, so that the connection can be used again; too much of it closes the connection.
async fn finish(mut answer: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = answer.chunk().await {
        read += chunk.len();
        if read > ANSWER_BYTES_MAX {
            return;
        }
    }
}
