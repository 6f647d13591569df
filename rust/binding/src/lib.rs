//! `aigate._native`: the wall between Python and Rust. Converts, calls, converts; holds no algorithm.

mod enter;
mod errors;
mod frames;
mod inspect;
mod io;
mod tokens;

use pyo3::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    inspect::register(module)?;
    tokens::register(module)?;
    frames::register(module)?;
    io::register(module)
}
