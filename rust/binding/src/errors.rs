//! Engine errors become exceptions of `aigate.errors` here and nowhere else.
//!
//! Each engine error enum has one exhaustive `match` below that names the Python class to raise, so that a new
//! variant does not compile until somebody decided whose fault it is.

use aigate_engine::{
    frames::FrameError,
    inspect::{InspectError, SyntaxError},
};
use aigate_io::IoError;
use pyo3::{exceptions::PyRuntimeError, prelude::*, sync::PyOnceLock, types::PyType};

static ERRORS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

/// Build `aigate.errors.<class>(*args)`; when even that fails, the failure itself is the error.
pub(crate) fn raise<A>(py: Python<'_>, class: &str, args: A) -> PyErr
where
    A: for<'py> pyo3::call::PyCallArgs<'py>,
{
    let build = || -> PyResult<PyErr> {
        let module =
            ERRORS.get_or_try_init(py, || PyModule::import(py, "aigate.errors").map(Bound::unbind))?;
        let class = module.bind(py).getattr(class)?.cast_into::<PyType>()?;
        Ok(PyErr::from_value(class.call1(args)?))
    };
    build().unwrap_or_else(|failure| failure)
}

pub(crate) fn inspect_error(py: Python<'_>, error: &InspectError) -> PyErr {
    let class = match error {
        InspectError::Unreadable(_) | InspectError::Member { .. } => "InvalidRequest",
    };
    let refusal = raise(py, class, (error.to_string(),));
    match refusal.value(py).setattr("param", error.param()) {
        Ok(()) => refusal,
        Err(failure) => failure,
    }
}

/// A whole answer is refused only for its grammar, which is the provider's doing.
pub(crate) fn reply_error(py: Python<'_>, error: SyntaxError) -> PyErr {
    raise(py, "UpstreamInvalid", (format!("the provider's answer: {error}"),))
}

pub(crate) fn frame_error(py: Python<'_>, error: FrameError) -> PyErr {
    match error {
        FrameError::LineTooLong(_) | FrameError::EventTooLong(_) => {
            raise(py, "UpstreamInvalid", (error.to_string(),))
        }
    }
}

pub(crate) fn io_error(py: Python<'_>, error: &IoError) -> PyErr {
    let class = match error {
        IoError::Refused { .. } => "InvalidRequest",
        IoError::Unreachable { .. } => "UpstreamUnreachable",
        IoError::Timeout { .. } => "UpstreamTimeout",
        IoError::Invalid { .. } => "UpstreamInvalid",
        IoError::Elsewhere => return PyRuntimeError::new_err(error.to_string()),
    };
    raise(py, class, (error.to_string(),))
}
