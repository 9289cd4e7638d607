//! How long it takes until a server is ready, on no data and on what it left, and what it takes with nobody there.

use tempfile::TempDir;

use super::Bench;
use crate::failure::{During as _, Outcome};
use crate::figures::real;
use crate::report::What;

pub(super) fn run(bench: &mut Bench) -> Outcome<()> {
    let Some(recipe) = bench.recipe.clone().filter(|it| it.database.is_none()) else {
        return Ok(());
    };
    for _ in 0..bench.options.runs {
        let folder = TempDir::with_prefix("sessionwire-bench-").during("making a folder")?;
        let recipe = recipe.on(folder.path());
        for name in ["on no data", "on data"] {
            let server = recipe.start()?;
            let what = What::lower("start", format!("until ready, {name}"), "ms");
            bench.book.plain(what, server.ready_ms);
            if let Some(pss) = server.pss()? {
                let what = What::lower("start", format!("memory, {name}"), "MB");
                bench.book.plain(what, real(pss) / 1e6);
            }
        }
    }
    Ok(())
}
