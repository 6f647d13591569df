//! Token counts for Python: `count_tokens` and `warm_tokenizer`.

use pyo3::{
    prelude::*,
    types::{PyBytes, PyString},
};

use crate::{enter::enter, frames::known};

/// Tokens of plain text.
#[pyfunction]
fn count_tokens(py: Python<'_>, text: &Bound<'_, PyString>, encoding: &str) -> PyResult<usize> {
    let encoding = known(encoding)?;
    if let Ok(text) = text.to_str() {
        return Ok(enter(py, text.len(), || encoding.count(text)));
    }
    let text = repaired(text)?;
    Ok(enter(py, text.len(), || encoding.count(&text)))
}

/// Load the tables now.
#[pyfunction]
fn warm_tokenizer(py: Python<'_>, encoding: &str) -> PyResult<()> {
    let encoding = known(encoding)?;
    enter(py, usize::MAX, || encoding.warm()); // reads from the disk
    Ok(())
}

/// A string that is no UTF-8 because of surrogates, as tiktoken takes it: pairs make a character, single ones are
/// replaced by U+FFFD.
fn repaired(text: &Bound<'_, PyString>) -> PyResult<String> {
    let encoded = text.call_method1("encode", ("utf-16-le", "surrogatepass"))?.cast_into::<PyBytes>()?;
    let units = encoded.as_bytes().as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit));
    Ok(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(count_tokens, module)?)?;
    module.add_function(wrap_pyfunction!(warm_tokenizer, module)?)
}
