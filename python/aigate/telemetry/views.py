"""Everything that is made of receipts besides the ledger's rows, in one hand for the steward."""

from __future__ import annotations

from collections.abc import Sequence

from aigate.domain import Receipt

from .exposition import counter
from .fleet_view import FleetView
from .line_log import LineLog
from .metrics import Metrics


class TelemetryViews:
    """Metrics, and the log when there is one."""

    def __init__(self, metrics: Metrics, lines: LineLog | None = None) -> None:
        self._metrics = metrics
        self._lines = lines

    def observe(self, receipts: Sequence[Receipt]) -> None:
        """Count receipts that were not seen before."""
        self._metrics.observe(receipts)

    def log(self, lines: Sequence[bytes]) -> None:
        """Write the same receipts' JSON, a line each."""
        if self._lines is not None:
            self._lines.write(lines)

    def render(self, state: FleetView) -> bytes:
        """Prometheus text."""
        dropped = self._lines.dropped if self._lines is not None else 0
        about_log = counter("aigate_log_lines_dropped_total", "Log lines that nobody took.", (), [((), dropped)])
        return self._metrics.render(state) + "".join(about_log).encode()
