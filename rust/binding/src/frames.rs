//! Event streams for Python: `SseReader`, `ChatRelay` and `sse_event`.

use std::borrow::Cow;

use aigate_engine::{
    frames::{Bounds, ChatRelay, Rewrite, SseReader, write_event},
    inspect::UsageCounts,
    tokens::{Encoding, encoding},
};
use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    types::{PyBytes, PyList, PyString},
};

use crate::{enter::enter, errors::frame_error};

/// The order in which Python's `Usage` takes its figures.
pub(crate) type Figures = (u64, u64, u64, u64, u64, u64, u64);

#[pyclass(module = "aigate._native", name = "SseReader")]
struct PySseReader {
    reader: SseReader,
    names: Names,
}

/// Names of events as Python strings: most have none, and a stream that has them repeats the last one.
struct Names {
    none: Py<PyString>,
    last: Py<PyString>,
    last_bytes: Vec<u8>,
}

#[pyclass(module = "aigate._native", name = "ChatRelay")]
struct PyChatRelay {
    relay: ChatRelay,
}

impl Names {
    fn get<'py>(&mut self, py: Python<'py>, name: &[u8]) -> Bound<'py, PyString> {
        if name.is_empty() {
            return self.none.bind(py).clone();
        }
        if self.last_bytes != name {
            name.clone_into(&mut self.last_bytes);
            self.last = PyString::new(py, &String::from_utf8_lossy(name)).unbind();
        }
        self.last.bind(py).clone()
    }
}

#[pymethods]
impl PySseReader {
    #[new]
    #[pyo3(signature = (max_line_bytes = Bounds::default().line_bytes, max_event_bytes = Bounds::default().event_bytes))]
    fn new(py: Python<'_>, max_line_bytes: usize, max_event_bytes: usize) -> Self {
        let bounds = Bounds { line_bytes: max_line_bytes, event_bytes: max_event_bytes };
        let none = PyString::intern(py, "").unbind();
        let names = Names { last: none.clone_ref(py), none, last_bytes: Vec::new() };
        Self { reader: SseReader::new(bounds), names }
    }

    fn feed<'py>(&mut self, py: Python<'py>, data: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyList>> {
        let names = &mut self.names;
        let events = PyList::empty(py);
        let mut appended = Ok(());
        let outcome = self.reader.feed(data.as_bytes(), |event| {
            if appended.is_ok() {
                appended = events.append((names.get(py, event.name), PyBytes::new(py, &event.data)));
            }
        });
        appended?;
        match outcome {
            Err(error) if events.is_empty() => Err(frame_error(py, error)),
            _ => Ok(events), // an error stays, and fails the next call
        }
    }
}

#[pymethods]
impl PyChatRelay {
    #[new]
    #[pyo3(signature = (strip_usage, model, encoding = "o200k_base"))]
    fn new(strip_usage: bool, model: Option<String>, encoding: &str) -> PyResult<Self> {
        let relay = ChatRelay::new(Rewrite { strip_usage, model }, known(encoding)?);
        Ok(Self { relay })
    }

    fn feed<'py>(&mut self, py: Python<'py>, data: &Bound<'py, PyBytes>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = data.as_bytes();
        let relay = &mut self.relay;
        let outcome = enter(py, bytes.len(), || relay.feed(bytes));
        match outcome.map_err(|error| frame_error(py, error))? {
            Cow::Borrowed(whole) if whole.len() == bytes.len() => Ok(data.clone()),
            frames => Ok(PyBytes::new(py, &frames)),
        }
    }

    fn finish<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let tail = self.relay.finish().map_err(|error| frame_error(py, error))?;
        Ok(PyBytes::new(py, &tail))
    }

    #[getter]
    fn has_content(&self) -> bool {
        self.relay.facts().has_content
    }

    #[getter]
    fn finished(&self) -> bool {
        self.relay.is_finished()
    }

    #[getter]
    fn done(&self) -> bool {
        self.relay.facts().is_done
    }

    #[getter]
    fn events(&self) -> u64 {
        self.relay.facts().events
    }

    #[getter]
    fn model(&self) -> Option<&str> {
        Some(self.relay.facts().model.as_str()).filter(|model| !model.is_empty())
    }

    #[getter]
    fn usage(&self) -> Option<Figures> {
        self.relay.facts().usage.map(figures)
    }

    #[getter]
    fn raw_usage(&self) -> &str {
        &self.relay.facts().raw_usage
    }

    #[getter]
    fn error(&self) -> Option<&str> {
        self.relay.facts().error.as_ref().map(|error| error.message.as_str())
    }

    #[getter]
    fn error_code(&self) -> &str {
        self.relay.facts().error.as_ref().map_or("", |error| &error.code)
    }

    #[getter]
    fn error_type(&self) -> &str {
        self.relay.facts().error.as_ref().map_or("", |error| &error.kind)
    }

    #[getter]
    fn raw_error(&self) -> &str {
        self.relay.facts().error.as_ref().map_or("", |error| &error.raw)
    }

    fn count_output_tokens(&self, py: Python<'_>, encoding: &str) -> PyResult<u64> {
        let encoding = known(encoding)?;
        Ok(enter(py, self.relay.uncounted_bytes(), || self.relay.output_tokens(encoding)))
    }
}

/// One frame of an event stream.
#[pyfunction]
fn sse_event<'py>(py: Python<'py>, name: &str, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let frame = write_event(name, data).map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(PyBytes::new(py, &frame))
}

pub(crate) fn known(name: &str) -> PyResult<&'static Encoding> {
    encoding(name).ok_or_else(|| PyValueError::new_err(format!("unknown encoding {name:?}")))
}

pub(crate) fn figures(usage: UsageCounts) -> Figures {
    let UsageCounts { fresh, cache_read, cache_write, output, reasoning, audio_input, audio_output } = usage;
    (fresh, cache_read, cache_write, output, reasoning, audio_input, audio_output)
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PySseReader>()?;
    module.add_class::<PyChatRelay>()?;
    module.add_function(wrap_pyfunction!(sse_event, module)?)
}
