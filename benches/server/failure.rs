//! What can go wrong while it measures. Nothing is repaired: a figure that can't be trusted is not given.

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The system refused something.
    #[error("{during}: {source}")]
    Io {
        /// What was being done.
        during: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A call was answered otherwise than by success.
    #[error("{call} was answered {status}: {body}")]
    Refused {
        /// Method and path.
        call: String,
        /// The status.
        status: u16,
        /// The answer.
        body: String,
    },
    /// What came can't be read.
    #[error("unreadable: {0}")]
    Json(#[from] serde_json::Error),
    /// The database of the floor refused something.
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    /// Something else than what was expected.
    #[error("{0}")]
    Unexpected(String),
}

/// What a step of a benchmark ends with.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// Says what was being done when the system refused.
pub(crate) trait During<T> {
    /// The same with these words before it.
    fn during(self, what: &str) -> Outcome<T>;
}

impl<T, E: Into<std::io::Error>> During<T> for Result<T, E> {
    fn during(self, what: &str) -> Outcome<T> {
        self.map_err(|error| Failure::Io {
            during: what.to_owned(),
            source: error.into(),
        })
    }
}

/// A failure in these words.
pub(crate) fn unexpected(words: impl Into<String>) -> Failure {
    Failure::Unexpected(words.into())
}
