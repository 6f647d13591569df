"""From a path and an environment to a `Loaded`: the whole way in one call, every fault of it in one exception."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from aigate.domain import Snapshot
from aigate.errors import PolicyInvalid
from aigate.prices import OVERRIDES, PriceBook, load_book, load_shipped

from .checks import check, normal_base_url
from .decode import decode
from .faults import Findings, Mark
from .files import read_tree
from .secret_refs import SecretReader, UnreadSecrets
from .snapshot import Outside, compile_policy
from .written import Written, WrittenProvider

DEFAULT_NAME = "aigate.yaml"
EMBEDDED = "embedded-default"
_NOT_YET_VARIABLES = (
    ("ANTHROPIC_API_KEY", "anthropic"),
    ("GEMINI_API_KEY", "gemini"),
    ("GOOGLE_API_KEY", "gemini"),
    ("MISTRAL_API_KEY", "mistral"),
    ("COHERE_API_KEY", "cohere"),
    ("CO_API_KEY", "cohere"),
    ("AZURE_OPENAI_API_KEY", "azure"),
    ("AWS_BEARER_TOKEN_BEDROCK", "bedrock"),
)


class Loaded(msgspec.Struct, frozen=True):
    """A policy that holds.

    Attributes:
        snapshot: what requests consult.
        notices: lines for the start banner and the log: warnings, and what was recognised but is not supported yet.
        sources: every file and folder it was made of; a change of one of them calls for a reload.
        next_price_day: ISO date from which another price holds, so that it calls for a reload; empty = none known.
    """

    snapshot: Snapshot
    notices: tuple[str, ...]
    sources: tuple[Path, ...]
    next_price_day: str


class Attempt(msgspec.Struct, frozen=True):
    """What came of reading a policy.

    Attributes:
        loaded: the policy, if it holds.
        faults: why it does not; one line a fault.
        sources: every file and folder that was looked at, missing ones included.
    """

    loaded: Loaded | None
    faults: tuple[str, ...]
    sources: tuple[Path, ...]

    def result(self) -> Loaded:
        """The policy. Raises PolicyInvalid with every fault if it does not hold."""
        if self.loaded is None:
            raise PolicyInvalid(self.faults)
        return self.loaded


def default_path(env: Mapping[str, str]) -> Path | None:
    """Where the policy is when nobody says: `$AIGATE_CONFIG`, else `./aigate.yaml`; None = the embedded default."""
    if named := env.get("AIGATE_CONFIG"):
        return Path(named)
    here = Path(DEFAULT_NAME)
    return here if here.exists() else None


def data_folder(env: Mapping[str, str]) -> Path:
    """Where this installation keeps what it writes: `$AIGATE_DATA`, else `./.aigate`."""
    return Path(env.get("AIGATE_DATA") or ".aigate")


def utc_today() -> str:
    """Today's ISO date, UTC."""
    return datetime.now(UTC).date().isoformat()


def load_policy(
    path: Path | None, env: Mapping[str, str], *, today: str | None = None, follow_secrets: bool = True
) -> Loaded:
    """The policy at `path`, or the embedded default (None), compiled. Raises PolicyInvalid with every fault.

    `today` is the ISO date for which prices are looked up; by default the clock's. With `follow_secrets=False`
    references are only checked for their form, and the secrets of the snapshot are empty.
    """
    return attempt_policy(path, env, today=today, follow_secrets=follow_secrets).result()


def attempt_policy(
    path: Path | None, env: Mapping[str, str], *, today: str | None = None, follow_secrets: bool = True
) -> Attempt:
    """The same, with the faults as a value."""
    findings = Findings(Mark(EMBEDDED if path is None else str(path), 1))
    overrides = data_folder(env) / OVERRIDES
    book = _book(overrides, findings)
    outside = Outside((SecretReader if follow_secrets else UnreadSecrets)(env), book, today or utc_today())
    written = _default(env, findings) if path is None else _written(path, findings)
    snapshot = compile_policy(written, outside, findings) if written is not None else None
    sources = (*(() if path is None else (path,)), overrides, *outside.secrets.files, *outside.files)
    if snapshot is None or findings.failed:
        return Attempt(None, findings.faults(), sources)
    notices = findings.warnings() if path is not None else _not_yet_notices(env)
    return Attempt(Loaded(snapshot, notices, sources, book.next_change(outside.day)), (), sources)


def _written(path: Path, findings: Findings) -> Written | None:
    tree = read_tree(path, findings)
    if tree is None:
        return None
    written = decode(tree, Written, findings)
    if written is not None:
        check(written, tree, findings)
    return written


def _book(overrides: Path, findings: Findings) -> PriceBook:
    try:
        return load_book(overrides.parent)
    except (ValueError, OSError) as error:
        findings.fault((), f"imported prices: {error}", Mark(str(overrides), 1))
        return PriceBook(load_shipped())


def _default(env: Mapping[str, str], findings: Findings) -> Written:
    """The policy of an installation without one: OpenAI when its key is there, and the offline model."""
    providers = {"echo": WrittenProvider(type="echo")}
    if env.get("OPENAI_API_KEY"):
        url = env.get("OPENAI_BASE_URL") or None
        try:
            normal_base_url(url or "https://api.openai.com")
        except ValueError as error:
            findings.fault(("providers", "openai", "base_url"), f"OPENAI_BASE_URL: {error}")
        openai = WrittenProvider(type="openai", api_key="env:OPENAI_API_KEY", base_url=url)
        providers = {"openai": openai, **providers}
    return Written(version=1, providers=providers)


def _not_yet_notices(env: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        f"{variable} is set, but providers of type {kind} are not supported yet"
        for variable, kind in _NOT_YET_VARIABLES
        if env.get(variable)
    )
