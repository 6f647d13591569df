//! The outbound HTTP client for Python: `Origin`, `Client`, `Exchange`.
//!
//! `Client` and `Exchange` belong to the thread whose event loop drives them. Nothing here waits, so the GIL is kept, but
//! for reading certificates.

use std::sync::Arc;

use aigate_io::{
    Client, Deadlines, Exchange, IoError, Origin, OriginError, Proxy, Request, Settings, Timings,
};
use bytes::Bytes;
use pyo3::{
    exceptions::{PyOSError, PyValueError},
    prelude::*,
    pybacked::{PyBackedBytes, PyBackedStr},
    types::{PyBytes, PyList},
};

use crate::{enter::enter, errors::io_error};

type Headers = Vec<(PyBackedStr, PyBackedStr)>;

#[pyclass(module = "aigate._native", name = "Origin", frozen)]
struct PyOrigin(Arc<Origin>);

#[pyclass(module = "aigate._native", name = "Client", frozen)]
struct PyClient(Client);

#[pyclass(module = "aigate._native", name = "Exchange", frozen)]
struct PyExchange(Exchange);

#[pymethods]
impl PyOrigin {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python objects")]
    fn new(
        py: Python<'_>,
        base_url: &str,
        headers: Headers,
        ca_file: Option<&str>,
        proxy: Option<(String, Option<String>)>,
        http2: bool,
    ) -> PyResult<Self> {
        let proxy = proxy.map(|(address, authorization)| Proxy { address, authorization });
        let read =
            || Origin::new(base_url, borrowed(&headers), ca_file.map(AsRef::as_ref), proxy.as_ref(), http2);
        let origin = enter(py, usize::MAX, read); // it reads files
        origin.map(|origin| Self(Arc::new(origin))).map_err(|OriginError(why)| PyValueError::new_err(why))
    }
}

#[pymethods]
impl PyClient {
    #[new]
    fn new(
        max_connections_per_origin: usize,
        max_idle_per_origin: usize,
        idle_connection_ms: u64,
        buffer_bytes: usize,
        max_head_bytes: usize,
    ) -> PyResult<Self> {
        let settings = Settings {
            max_connections_per_origin,
            max_idle_per_origin,
            idle_connection_ms,
            buffer_bytes,
            max_head_bytes,
        };
        Client::new(settings).map(Self).map_err(PyOSError::new_err)
    }

    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        raised(py, self.0.fd())
    }

    fn turn(&self, py: Python<'_>) -> PyResult<Vec<u64>> {
        raised(py, self.0.turn())
    }

    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python objects")]
    fn open(
        &self,
        origin: &Bound<'_, PyOrigin>,
        method: &str,
        path: &str,
        headers: Headers,
        body: PyBackedBytes,
        deadlines_ms: (u64, u64, u64, u64),
    ) -> PyResult<PyExchange> {
        let py = origin.py();
        let request = raised(py, Request::new(method, path, borrowed(&headers), Bytes::from_owner(body)))?;
        let (connect_ms, first_byte_ms, idle_ms, total_ms) = deadlines_ms;
        let deadlines = Deadlines { connect_ms, first_byte_ms, idle_ms, total_ms };
        raised(py, self.0.open(&origin.get().0, request, deadlines)).map(PyExchange)
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        raised(py, self.0.close())
    }

    #[getter]
    fn in_flight(&self, py: Python<'_>) -> PyResult<usize> {
        raised(py, self.0.in_flight())
    }

    #[getter]
    fn open_connections(&self, py: Python<'_>) -> PyResult<usize> {
        raised(py, self.0.open_connections())
    }
}

#[pymethods]
impl PyExchange {
    #[getter]
    fn id(&self) -> u64 {
        self.0.id()
    }

    #[getter]
    fn status(&self, py: Python<'_>) -> PyResult<Option<u16>> {
        Ok(raised(py, self.0.head())?.map(|head| head.status()))
    }

    fn head<'py>(&self, py: Python<'py>) -> PyResult<Option<(u16, Bound<'py, PyList>)>> {
        let Some(head) = raised(py, self.0.head())? else { return Ok(None) };
        Ok(Some((head.status(), PyList::new(py, head.headers())?)))
    }

    fn read<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        handed_over(py, self.0.read())
    }

    fn body<'py>(&self, py: Python<'py>, limit: usize) -> PyResult<Option<Bound<'py, PyBytes>>> {
        handed_over(py, self.0.body(limit))
    }

    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        raised(py, self.0.cancel())
    }

    #[getter]
    fn sent(&self, py: Python<'_>) -> PyResult<bool> {
        raised(py, self.0.sent())
    }

    #[getter]
    fn reused(&self, py: Python<'_>) -> PyResult<bool> {
        raised(py, self.0.reused())
    }

    #[getter]
    fn timings_ns(&self, py: Python<'_>) -> PyResult<(u64, u64, u64, u64)> {
        let Timings { connected_ns, sent_ns, first_byte_ns, end_ns } = raised(py, self.0.timings())?;
        Ok((connected_ns, sent_ns, first_byte_ns, end_ns))
    }
}

fn borrowed(headers: &Headers) -> impl Iterator<Item = (&str, &str)> {
    headers.iter().map(|(name, value)| (&**name, &**value))
}

fn raised<T>(py: Python<'_>, result: Result<T, IoError>) -> PyResult<T> {
    result.map_err(|error| io_error(py, &error))
}

fn handed_over(
    py: Python<'_>,
    bytes: Result<Option<Vec<u8>>, IoError>,
) -> PyResult<Option<Bound<'_, PyBytes>>> {
    Ok(raised(py, bytes)?.map(|bytes| PyBytes::new(py, &bytes)))
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyOrigin>()?;
    module.add_class::<PyClient>()?;
    module.add_class::<PyExchange>()
}
