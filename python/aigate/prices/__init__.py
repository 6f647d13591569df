"""What models cost: the dated price book. Taking over a price map is in `litellm_map` and `keeping`, which only the
command line loads: a worker carries no more than it needs.
"""

from .book import (
    OVERRIDES,
    Known,
    PriceBook,
    PriceEntry,
    PriceFile,
    Rates,
    encoding_of,
    load_book,
    load_shipped,
    read_price_file,
)
from .exact import nano_usd, usd_text

__all__ = [
    "OVERRIDES",
    "Known",
    "PriceBook",
    "PriceEntry",
    "PriceFile",
    "Rates",
    "encoding_of",
    "load_book",
    "load_shipped",
    "nano_usd",
    "read_price_file",
    "usd_text",
]
