"""Metrics, log lines and traces. All but the traces are views of receipts, so they cannot disagree with the ledger."""

from .exposition import CONTENT_TYPE
from .line_log import LineLog
from .metrics import KnownNames, Metrics
from .traces import Traces
from .views import TelemetryViews

__all__ = ["CONTENT_TYPE", "KnownNames", "LineLog", "Metrics", "TelemetryViews", "Traces"]
