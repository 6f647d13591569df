"""The nouns everybody shares: frozen values, no I/O, integer money and tokens."""

from .event import Event, Events, Relay
from .exchange import Answer, Exchange, Outbound
from .price import NANO_PER_USD, Price
from .principal import ANY_MODEL, Principal
from .receipt import Kind, Outcome, Receipt
from .request import Request, Wishes
from .route import Provider, Route, Target, Timeouts
from .script import Cut, Script, Stall, Step
from .secret import Secret
from .snapshot import Snapshot, StaticKey
from .tally import Journal, Tally
from .usage import Usage

__all__ = [
    "ANY_MODEL",
    "NANO_PER_USD",
    "Answer",
    "Cut",
    "Event",
    "Events",
    "Exchange",
    "Journal",
    "Kind",
    "Outbound",
    "Outcome",
    "Price",
    "Principal",
    "Provider",
    "Receipt",
    "Relay",
    "Request",
    "Route",
    "Script",
    "Secret",
    "Snapshot",
    "Stall",
    "StaticKey",
    "Step",
    "Tally",
    "Target",
    "Timeouts",
    "Usage",
    "Wishes",
]
