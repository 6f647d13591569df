"""The nouns everybody shares: frozen values, no I/O, integer money and tokens."""

from .event import Broken, Closed, Event, Relay, UsageReport
from .price import NANO_PER_USD, Price
from .principal import ANY_MODEL, Principal
from .receipt import Kind, Outcome, Receipt
from .route import Provider, Route, Target, Timeouts
from .secret import Secret
from .snapshot import Snapshot, StaticKey
from .usage import Usage

__all__ = [
    "ANY_MODEL",
    "NANO_PER_USD",
    "Broken",
    "Closed",
    "Event",
    "Kind",
    "Outcome",
    "Price",
    "Principal",
    "Provider",
    "Receipt",
    "Relay",
    "Route",
    "Secret",
    "Snapshot",
    "StaticKey",
    "Target",
    "Timeouts",
    "Usage",
    "UsageReport",
]
