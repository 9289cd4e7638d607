//! The figures as they come together, run by run, and as they are told in the end.

mod table;

use serde::Serialize;
use serde_json::{Value, json};

use crate::figures::Spread;
pub(crate) use table::markdown;

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Better {
    /// Less.
    Lower,
    /// More.
    Higher,
}

/// What a figure is of.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct What {
    /// The measure.
    pub(crate) measure: &'static str,
    /// What of it.
    pub(crate) name: String,
    /// In what.
    pub(crate) unit: &'static str,
    /// Which way is better.
    pub(crate) better: Better,
    /// What it is compared with; nothing where it is empty.
    pub(crate) floor: &'static str,
}

impl What {
    /// The less the better.
    pub(crate) fn lower(
        measure: &'static str,
        name: impl Into<String>,
        unit: &'static str,
    ) -> Self {
        Self {
            measure,
            name: name.into(),
            unit,
            better: Better::Lower,
            floor: "",
        }
    }

    /// The more the better.
    pub(crate) fn higher(
        measure: &'static str,
        name: impl Into<String>,
        unit: &'static str,
    ) -> Self {
        Self {
            better: Better::Higher,
            ..Self::lower(measure, name, unit)
        }
    }

    /// Compared with this.
    pub(crate) fn over(self, floor: &'static str) -> Self {
        Self { floor, ..self }
    }
}

/// Microseconds of processor time for each of what is counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    /// The server's.
    pub(crate) server: Option<f64>,
    /// The floor's.
    pub(crate) floor: Option<f64>,
    /// That of all clients of the server.
    pub(crate) clients: Option<f64>,
}

#[derive(Default)]
struct Runs {
    values: Vec<f64>,
    floors: Vec<f64>,
    ratios: Vec<f64>,
    cpu: Vec<Cpu>,
}

/// A figure with all its runs.
pub(crate) struct Figure {
    what: What,
    runs: Runs,
}

/// All figures, in the order in which they first came.
#[derive(Default)]
pub(crate) struct Book {
    figures: Vec<Figure>,
}

impl Book {
    /// Writes down one run.
    pub(crate) fn add(&mut self, what: What, value: f64, floor: Option<f64>, cpu: Cpu) {
        let told = |it: &Figure| it.what.measure == what.measure && it.what.name == what.name;
        let place = self.figures.iter().position(told);
        let place = place.unwrap_or_else(|| {
            self.figures.push(Figure {
                what,
                runs: Runs::default(),
            });
            self.figures.len() - 1
        });
        let runs = &mut self.figures[place].runs;
        runs.values.push(value);
        runs.cpu.push(cpu);
        if let Some(floor) = floor {
            runs.floors.push(floor);
            runs.ratios.push(value / floor);
        }
    }

    /// One run of what has no floor and no processor time of interest.
    pub(crate) fn plain(&mut self, what: What, value: f64) {
        self.add(what, value, None, Cpu::default());
    }

    /// All of it, for programs.
    pub(crate) fn json(&self) -> Value {
        self.figures.iter().map(Figure::json).collect()
    }
}

impl Figure {
    fn value(&self) -> Option<Spread> {
        Spread::of(self.runs.values.iter().copied())
    }

    fn floor(&self) -> Option<Spread> {
        Spread::of(self.runs.floors.iter().copied())
    }

    fn ratio(&self) -> Option<Spread> {
        Spread::of(self.runs.ratios.iter().copied())
    }

    fn cpu(&self) -> [Option<Spread>; 3] {
        let of =
            |which: fn(&Cpu) -> Option<f64>| Spread::of(self.runs.cpu.iter().filter_map(which));
        [of(|it| it.server), of(|it| it.floor), of(|it| it.clients)]
    }

    fn json(&self) -> Value {
        let [server, floor, clients] = self.cpu();
        json!({
            "measure": self.what.measure, "name": self.what.name, "unit": self.what.unit,
            "better": self.what.better, "value": self.value(), "floor_name": self.what.floor,
            "floor": self.floor(), "ratio": self.ratio(), "runs": self.runs.values,
            "cpu_us_each": { "server": server, "floor": floor, "clients": clients },
        })
    }
}
