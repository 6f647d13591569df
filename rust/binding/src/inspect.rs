//! Request bodies and whole replies for Python: `inspect`, `Body`, `read_reply`, `Reply`.

use std::{borrow::Cow, num::NonZero};

use aigate_engine::{
    inspect::{Body, Edited, Edits, Reply},
    tokens::count_chat,
};
use pyo3::{prelude::*, pybacked::PyBackedBytes, types::PyBytes};

use crate::{
    enter::enter,
    errors::{inspect_error, reply_error},
    frames::{Figures, figures, known},
};

#[pyclass(module = "aigate._native", name = "Body", frozen)]
struct PyBody {
    body: Body<PyBackedBytes>,
}

#[pyclass(module = "aigate._native", name = "Reply", frozen)]
struct PyReply {
    reply: Reply<PyBackedBytes>,
}

#[pymethods]
impl PyBody {
    #[getter]
    fn model(&self) -> Option<Cow<'_, str>> {
        self.body.model()
    }

    #[getter]
    fn stream(&self) -> bool {
        self.body.stream()
    }

    #[getter]
    fn include_usage(&self) -> bool {
        self.body.include_usage()
    }

    #[getter]
    fn output_cap(&self) -> Option<u64> {
        self.body.output_cap()
    }

    #[getter]
    fn n(&self) -> u64 {
        self.body.n()
    }

    #[getter]
    fn message_count(&self) -> usize {
        self.body.message_count()
    }

    #[getter]
    fn tool_count(&self) -> usize {
        self.body.tool_count()
    }

    #[getter]
    fn image_count(&self) -> usize {
        self.body.image_count()
    }

    #[getter]
    fn text_bytes(&self) -> u64 {
        self.body.text_bytes()
    }

    #[getter]
    fn user(&self) -> Option<Cow<'_, str>> {
        self.body.user()
    }

    #[getter]
    fn metadata(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        self.body.metadata().collect()
    }

    fn canonical_hash<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let hash = enter(py, self.body.bytes().len(), || self.body.canonical_hash());
        PyBytes::new(py, &hash)
    }

    fn count_tokens(&self, py: Python<'_>, encoding: &str) -> PyResult<u64> {
        let encoding = known(encoding)?;
        Ok(enter(py, self.body.bytes().len(), || count_chat(&self.body, encoding)))
    }

    #[pyo3(signature = (model, include_usage, output_cap = None))]
    fn edited<'py>(
        &self,
        py: Python<'py>,
        model: Option<&str>,
        include_usage: bool,
        output_cap: Option<NonZero<u64>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        written(py, self.body.storage(), &self.body.edited(Edits { model, include_usage, output_cap }))
    }
}

#[pymethods]
impl PyReply {
    #[getter]
    fn model(&self) -> Option<&str> {
        self.reply.model()
    }

    #[getter]
    fn usage(&self) -> Option<Figures> {
        self.reply.usage().map(figures)
    }

    #[getter]
    fn raw_usage(&self) -> &str {
        self.reply.raw_usage()
    }

    #[getter]
    fn error(&self) -> Option<&str> {
        self.reply.error()
    }

    #[getter]
    fn has_choices(&self) -> bool {
        self.reply.has_choices()
    }

    fn count_output_tokens(&self, py: Python<'_>, encoding: &str) -> PyResult<u64> {
        let encoding = known(encoding)?;
        let count = || self.reply.texts().map(|text| encoding.count(&text.text) as u64).sum();
        Ok(enter(py, self.reply.storage().len(), count))
    }

    fn renamed<'py>(&self, py: Python<'py>, model: &str) -> PyResult<Bound<'py, PyBytes>> {
        written(py, self.reply.storage(), &self.reply.renamed(model))
    }
}

/// The edited bytes as a Python object, which is the original itself when nothing is different.
fn written<'py>(
    py: Python<'py>,
    original: &PyBackedBytes,
    edited: &Edited<'_>,
) -> PyResult<Bound<'py, PyBytes>> {
    if edited.is_unchanged() {
        return Ok(original.into_pyobject(py)?.cast_into()?);
    }
    PyBytes::new_with(py, edited.len(), |mut rest| {
        for piece in edited.pieces() {
            let (here, after) = rest.split_at_mut(piece.len());
            here.copy_from_slice(piece);
            rest = after;
        }
        Ok(())
    })
}

/// Read a request body once.
#[pyfunction]
fn inspect(py: Python<'_>, body: Bound<'_, PyBytes>) -> PyResult<PyBody> {
    let bytes = PyBackedBytes::from(body);
    let read = enter(py, bytes.len(), || Body::read(bytes));
    read.map(|body| PyBody { body }).map_err(|error| inspect_error(py, &error))
}

/// Read a whole answer once.
#[pyfunction]
fn read_reply(py: Python<'_>, body: Bound<'_, PyBytes>) -> PyResult<PyReply> {
    let bytes = PyBackedBytes::from(body);
    let read = enter(py, bytes.len(), || Reply::read(bytes));
    read.map(|reply| PyReply { reply }).map_err(|error| reply_error(py, error))
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyBody>()?;
    module.add_class::<PyReply>()?;
    module.add_function(wrap_pyfunction!(inspect, module)?)?;
    module.add_function(wrap_pyfunction!(read_reply, module)?)
}
