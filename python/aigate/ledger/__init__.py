"""The durable path: a spool in each worker, one steward above them, and the questions that the ledger answers."""

from .attempts import GATEWAY_DIED
from .fleet import FleetState, WorkerHealth
from .freshness import bring_up_to_date
from .heartbeat import Heartbeat, SpoolState
from .ids import IdSource, uuid7
from .options import SpoolOptions
from .shipper import NoViews, Shipped, Shipper, Sink, Views
from .spool import SpoolWriter
from .steward import Steward, StewardLock, StewardSettings, StewardViews
from .usage import DIMENSIONS, Totals, Usage, UsageQuery, exact_usd, parse_query, read_usage

__all__ = [
    "DIMENSIONS",
    "GATEWAY_DIED",
    "FleetState",
    "Heartbeat",
    "IdSource",
    "NoViews",
    "Shipped",
    "Shipper",
    "Sink",
    "SpoolOptions",
    "SpoolState",
    "SpoolWriter",
    "Steward",
    "StewardLock",
    "StewardSettings",
    "StewardViews",
    "Totals",
    "Usage",
    "UsageQuery",
    "Views",
    "WorkerHealth",
    "bring_up_to_date",
    "exact_usd",
    "parse_query",
    "read_usage",
    "uuid7",
]
