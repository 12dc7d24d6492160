//! `cargo xtask docs`: the site that documents everything, made of `docs/`, the headers, the docstrings and what is
//! measured.

use std::fs;

use crate::{
    step::{Progress, Stop, Verdict},
    tools,
    venv::DOCS,
};

const SITE: &str = "target/docs";

pub fn run(progress: &Progress) -> Verdict {
    tools::check()?;
    DOCS.set_up(progress)?;
    tools::build_library(progress)?; // which knows its docstrings
    // Pages that are there no more must not be found, and warnings about old ones be seen again.
    let _ = fs::remove_dir_all(tools::root().join(SITE));
    let mut sphinx = DOCS.python();
    sphinx.args(["-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", "--fresh-env"]);
    sphinx.args(["--builder", "html", "--jobs", "auto", "--doctree-dir", "target/doctrees", "docs", SITE]);
    progress.must("build the site", &mut sphinx)?;
    let mut check = DOCS.python();
    if !progress
        .run("check its links, and that the whole API is in it", check.args(["docs/site/check.py", SITE]))?
        .ok
    {
        return Err(Stop::Failed);
    }
    progress.say(&tools::root().join(SITE).join("index.html").display().to_string());
    Ok(())
}
