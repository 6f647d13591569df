"""Whether a policy has changed on disk, and reading it anew.

Owns the comparison; does not own the pace (the app polls), a thread, or the last good policy (the app keeps it).
Invariant: a change is reported once, and one that comes while the policy is being read is reported afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from .files import SUFFIXES
from .load import Loaded, attempt_policy, utc_today

_Signature = tuple[object, ...] | None


class PolicyWatch:
    """Watches the files and folders in `paths`, missing ones included, and after a reload what it found as well.

    `next_price_day` is the ISO date from which another price holds (empty = none), `today` the one of now.
    """

    def __init__(self, paths: Iterable[Path], next_price_day: str = "", today: Callable[[], str] = utc_today) -> None:
        self._paths = tuple(paths)
        self._next_price_day = next_price_day
        self._today = today
        self._seen = _look(self._paths)

    def changed(self) -> bool:
        """Whether a file, a folder's list of files or a price in force is another than when this was asked last."""
        before, self._seen = self._seen, _look(self._seen)
        if self._next_price_day and self._today() >= self._next_price_day:
            self._next_price_day = ""
            return True
        return before != self._seen

    def reload(self, policy: Path | None, env: Mapping[str, str]) -> Loaded:
        """The policy as it is now, and from now on watched. Raises PolicyInvalid with every fault.

        What a policy with faults refers to is watched too, so that a secret put in place later is noticed.
        """
        before = _look(self._seen)
        attempt = attempt_policy(policy, env, today=self._today())
        paths = (*self._paths, *attempt.sources)
        self._seen = {path: before[path] if path in before else _signature(path) for path in paths}
        self._next_price_day = attempt.loaded.next_price_day if attempt.loaded else self._next_price_day
        return attempt.result()


def _look(paths: Iterable[Path]) -> dict[Path, _Signature]:
    return {path: _signature(path) for path in paths}


def _signature(path: Path) -> _Signature:
    """What changes when `path` is written, replaced, removed or, for a folder, gains or loses a policy file."""
    try:
        stat = path.stat()
        if path.is_dir():
            files = sorted(entry for entry in path.iterdir() if entry.suffix in SUFFIXES)
            return (stat.st_ino, *((file.name, _signature(file)) for file in files))
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)
