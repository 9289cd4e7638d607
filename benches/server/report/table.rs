//! The figures for people: a table of Markdown for each measure.

use super::{Book, Figure};
use crate::figures::Spread;

const HEAD: &str = "\n\n| what | | median (min – max) | floor | x floor | CPU µs each: server | floor | clients |\n\
    | --- | --- | --: | --: | --: | --: | --: | --: |\n";

/// All of it.
pub(crate) fn markdown(book: &Book) -> String {
    let mut text = String::new();
    let mut measure = "";
    for figure in &book.figures {
        if figure.what.measure != measure {
            measure = figure.what.measure;
            text.push_str("\n## ");
            text.push_str(measure);
            text.push_str(HEAD);
        }
        text.push_str(&row(figure));
    }
    text
}

fn row(figure: &Figure) -> String {
    let what = &figure.what;
    let floor = figure.floor().map_or(String::new(), |floor| {
        format!("{} {}", what.floor, median(&floor))
    });
    let [server, beside, clients] = figure
        .cpu()
        .map(|it| it.map_or(String::new(), |it| number(it.median)));
    format!(
        "| {} | {} | {} | {floor} | {} | {server} | {beside} | {clients} |\n",
        what.name,
        what.unit,
        spread(figure.value()),
        spread(figure.ratio()),
    )
}

fn median(spread: &Spread) -> String {
    number(spread.median)
}

fn spread(spread: Option<Spread>) -> String {
    let Some(spread) = spread else {
        return String::new();
    };
    let (median, min, max) = (
        number(spread.median),
        number(spread.min),
        number(spread.max),
    );
    if min == max {
        median
    } else {
        format!("{median} ({min} – {max})")
    }
}

/// Three digits that count, or all before the point.
fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 100.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}
