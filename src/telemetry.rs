//! What the process tells about itself: log lines on standard error, and metrics as Prometheus
//! reads them.
//!
//! Both have one place a process, which belongs to the libraries that keep it and is taken by
//! `main` alone; tests that run several nodes in one process take neither. This module opens no
//! listener: serving [`Metrics::render`] is for `app`.

use metrics_exporter_prometheus::{
    BuildError, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use tracing::Subscriber;
use tracing::subscriber::{SetGlobalDefaultError, set_global_default};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::{self, MakeWriter};

use crate::config::{LogFilter, LogFormat};

/// Bounds of the buckets of every duration, in seconds: half a millisecond to ten seconds.
const DURATION_BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Why the process could not begin to tell about itself.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is none.
    #[error("the log filter cannot be used: {0}")]
    Filter(#[from] ParseError),
    /// The log has its place already.
    #[error("the log was set up before: {0}")]
    LogTaken(#[from] SetGlobalDefaultError),
    /// The metrics have their place already, or their buckets are wrong.
    #[error("the metrics cannot be set up: {0}")]
    Metrics(#[from] BuildError),
}

/// Sends the process's log to standard error. Once a process.
pub fn install_log(filter: &LogFilter, format: LogFormat) -> Result<(), TelemetryError> {
    set_global_default(log(filter, format, std::io::stderr)?)?;
    Ok(())
}

/// A log that writes to `writer`.
fn log<W>(
    filter: &LogFilter,
    format: LogFormat,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::Subscriber::builder()
        .with_env_filter(EnvFilter::try_new(filter.as_str())?)
        // It would be told where nobody reads any more, and whoever tells that there panics.
        .log_internal_errors(false)
        .with_writer(writer);
    Ok(match format {
        // No colours: the log is as often a file as a terminal.
        LogFormat::Text => Box::new(lines.with_ansi(false).finish()),
        LogFormat::Json => Box::new(lines.json().flatten_event(true).finish()),
    })
}

/// A handle to the metrics that were counted so far.
#[derive(Clone, Debug)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Takes the process's one place for metrics. Once a process.
    pub fn install() -> Result<Self, TelemetryError> {
        let handle = builder()?.install_recorder()?;
        Ok(Self(handle))
    }

    /// A recorder of its own and the handle to it, for a test to look at what one node counts
    /// (`metrics::with_local_recorder`).
    pub fn detached() -> Result<(PrometheusRecorder, Self), TelemetryError> {
        let recorder = builder()?.build_recorder();
        let handle = recorder.handle();
        Ok((recorder, Self(handle)))
    }

    /// The metrics in the text form that Prometheus reads.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds what was recorded since the last time into the buckets; to be called every few
    /// seconds, or recordings pile up between two readings.
    pub fn fold(&self) {
        self.0.run_upkeep();
    }
}

fn builder() -> Result<PrometheusBuilder, TelemetryError> {
    Ok(PrometheusBuilder::new().set_buckets(&DURATION_BUCKETS)?)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::Arc;

    use parking_lot::Mutex;
    use tracing::subscriber::with_default;

    use super::*;
    use crate::config::Config;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is logged under a filter.
    fn logged(filter: &str, format: LogFormat, say: impl FnOnce()) -> String {
        let level = ("SESSIONWIRE_LOG_LEVEL".to_owned(), filter.to_owned());
        let config = Config::from_sources(None, [level]).unwrap();
        let page = Page::default();
        let writer = page.clone();
        with_default(
            log(&config.log_level, format, move || writer.clone()).unwrap(),
            say,
        );
        let bytes = page.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_filter_decides_what_is_written() {
        let page = logged("info", LogFormat::Text, || {
            tracing::info!(user.id = 7, "heard");
            tracing::debug!("unheard");
        });
        assert!(
            page.contains("heard") && page.contains("user.id=7"),
            "{page}"
        );
        assert!(
            !page.contains("unheard") && !page.contains('\u{1b}'),
            "{page}"
        );
    }

    #[test]
    fn json_is_one_object_a_line() {
        let page = logged("info", LogFormat::Json, || tracing::warn!(seq = 3, "late"));
        let line: serde_json::Value = serde_json::from_str(page.trim_end()).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "late");
        assert_eq!(line["seq"], 3);
    }

    #[test]
    fn what_is_counted_is_rendered() {
        let (recorder, metrics) = Metrics::detached().unwrap();
        metrics::with_local_recorder(&recorder, || {
            metrics::counter!("sessions_started_total").increment(2);
            metrics::histogram!("request_duration_seconds").record(0.03);
        });
        metrics.fold();
        let text = metrics.render();
        assert!(text.contains("sessions_started_total 2"), "{text}");
        assert!(
            text.contains("request_duration_seconds_bucket{le=\"0.05\"} 1"),
            "{text}"
        );
    }
}
