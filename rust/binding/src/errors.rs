//! Engine errors become exceptions of `aigate.errors` here and nowhere else.
//!
//! Each engine error enum has one exhaustive `match` below that names the Python class to raise, so that a new
//! variant does not compile until somebody decided whose fault it is.

use pyo3::{prelude::*, sync::PyOnceLock, types::PyType};

static ERRORS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

/// Build `aigate.errors.<class>(*args)`; when even that fails, the failure itself is the error.
pub(crate) fn raise<A>(py: Python<'_>, class: &str, args: A) -> PyErr
where
    A: for<'py> pyo3::call::PyCallArgs<'py>,
{
    let build = || -> PyResult<PyErr> {
        let module = ERRORS.get_or_try_init(py, || PyModule::import(py, "aigate.errors").map(Bound::unbind))?;
        let class = module.bind(py).getattr(class)?.cast_into::<PyType>()?;
        Ok(PyErr::from_value(class.call1(args)?))
    };
    build().unwrap_or_else(|failure| failure)
}
