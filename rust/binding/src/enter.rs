//! The one door for releasing the GIL.

use pyo3::prelude::*;

/// Below this many bytes a call is shorter than handing the GIL over and back.
const WORTH_RELEASING_BYTES: usize = 16 * 1024;

/// Run `work`, whose cost grows with `bytes`, without the GIL when it is long enough to be worth it.
pub(crate) fn enter<T: Send>(py: Python<'_>, bytes: usize, work: impl FnOnce() -> T + Send) -> T {
    if bytes < WORTH_RELEASING_BYTES { work() } else { py.detach(work) }
}
