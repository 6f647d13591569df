"""What is kept in databases: the ledger and the callers' keys, in SQLite."""

from .key_table import KeyRow, KeyTable
from .ledger_table import Inserted, LedgerTable, Rejected
from .sqlite import Value

__all__ = ["Inserted", "KeyRow", "KeyTable", "LedgerTable", "Rejected", "Value"]
