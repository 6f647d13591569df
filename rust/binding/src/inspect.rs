//! Request bodies and whole replies for Python: `inspect`, `Body`, `read_reply`, `Reply`.

use aigate_engine::{
    inspect::{Body, Edited, Edits, Reply, UsageCounts},
    tokens::{Encoding, count_chat, encoding},
};
use pyo3::{exceptions::PyValueError, prelude::*, pybacked::PyBackedBytes, types::PyBytes};

use crate::{
    enter::enter,
    errors::{inspect_error, reply_error},
};

/// The order in which Python's `Usage` takes its figures.
type Figures = (u64, u64, u64, u64, u64, u64, u64);

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
        output_cap: Option<u64>,
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
        Ok(enter(py, self.reply.bytes().len(), count))
    }

    fn renamed<'py>(&self, py: Python<'py>, model: &str) -> PyResult<Bound<'py, PyBytes>> {
        written(py, self.reply.storage(), &self.reply.renamed(model))
    }
}

/// Read a request body once.
#[pyfunction]
fn inspect(py: Python<'_>, body: PyBackedBytes) -> PyResult<PyBody> {
    let read = enter(py, body.len(), || Body::read(body));
    read.map(|body| PyBody { body }).map_err(|error| inspect_error(py, &error))
}

/// Read a whole answer once.
#[pyfunction]
fn read_reply(py: Python<'_>, body: PyBackedBytes) -> PyResult<PyReply> {
    let read = enter(py, body.len(), || Reply::read(body));
    read.map(|reply| PyReply { reply }).map_err(|error| reply_error(py, &error))
}
