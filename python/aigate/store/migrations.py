"""The schemas, as ordered steps. A step that was released is never edited; a change is a new step."""

from __future__ import annotations

from typing import Final

from .sqlite import Migration

LEDGER: Final[tuple[Migration, ...]] = (
    Migration(
        "receipts",
        (
            # Columns are the fields of domain.Receipt in their order, but for `kind`. The key is the UUIDv7, so rows
            # arrive in the order of the key and a range of time is a range of it: no other index earns its cost.
            """
            CREATE TABLE ledger (
                id BLOB PRIMARY KEY CHECK (length(id) = 16),
                request_id TEXT,
                time_ms INTEGER,
                key TEXT,
                org TEXT,
                team TEXT,
                service TEXT,
                user TEXT,
                tags TEXT,
                route TEXT,
                provider TEXT,
                model TEXT,
                served_model TEXT,
                dialect TEXT,
                stream INTEGER,
                outcome TEXT,
                status INTEGER,
                error TEXT,
                error_source TEXT,
                attempt INTEGER,
                cache TEXT,
                guard_verdicts TEXT,
                input_tokens INTEGER,
                cached_read_tokens INTEGER,
                cache_write_tokens INTEGER,
                output_tokens INTEGER,
                reasoning_tokens INTEGER,
                audio_input_tokens INTEGER,
                audio_output_tokens INTEGER,
                usage_source TEXT,
                raw_usage TEXT,
                cost_nano_usd INTEGER,
                saved_nano_usd INTEGER,
                price_version TEXT,
                policy TEXT,
                ttft_ms REAL,
                latency_ms REAL,
                upstream_ms REAL,
                gateway_us INTEGER,
                trace_id TEXT,
                feedback TEXT
            ) STRICT, WITHOUT ROWID
            """,
        ),
    ),
)

KEYS: Final[tuple[Migration, ...]] = (
    Migration(
        "keys",
        (
            """
            CREATE TABLE keys (
                id TEXT PRIMARY KEY,
                digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
                org TEXT NOT NULL,
                team TEXT NOT NULL,
                service TEXT NOT NULL,
                user TEXT NOT NULL,
                models TEXT NOT NULL,
                tags TEXT NOT NULL,
                require_tags TEXT NOT NULL,
                forbid_tags TEXT NOT NULL,
                created_ms INTEGER NOT NULL,
                expires_ms INTEGER NOT NULL,
                revoked_ms INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID
            """,
        ),
    ),
)
