"""What is different between the inputs of today and those that a store holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from pangeo_forge.dataset.archive import Archive
from pangeo_forge.errors import InputError, TargetError
from pangeo_forge.inputs.fetch.address import local_path
from pangeo_forge.pattern.pattern import FilePattern, PatternItem
from pangeo_forge.runs.ledger import FILLED, Ledger, Row, identity_of
from pangeo_forge.runs.local_inputs import LocalInputs

SHOWN = 10


@dataclass(frozen=True)
class Changes:
    """Inputs that are not as the ledger knows them; labels, but for ``new``."""

    new: tuple[int, ...] = ()
    """Positions along the key that is appended to, all after those that the store holds."""
    changed: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    """Not in the store, but before the last that is."""

    @property
    def disturb(self) -> bool:
        """Whether anything but new inputs at the end was found."""
        return bool(self.changed or self.vanished or self.late)

    def lines(self) -> list[str]:
        """For warnings and messages."""
        told = []
        for what, labels in (("changed", self.changed), ("is gone", self.vanished), ("came late", self.late)):
            told += [f"{label} {what}" for label in labels[:SHOWN]]
            told += [f"... and {len(labels) - SHOWN} more that {what}"] if len(labels) > SHOWN else []
        return told


def find_changes(
    ledger: Ledger,
    pattern: FilePattern,
    archive: Archive,
    axis: int,
    *,
    listed: bool,
    recheck: int | None = None,
    local: LocalInputs | None = None,
) -> Changes:
    """Compare the inputs of ``pattern`` with a ledger.

    Nothing is fetched or opened. Local files are looked at; of remote ones the server is asked for size and ETag.

    Parameters
    ----------
    axis: of the concat key that is appended to.
    recheck: known remote inputs that are asked for, from the end; None: all.
    local: looks at local inputs.

    Raises
    ------
    TargetError: T055 when inputs that the store holds now come in another order.
    """
    rows = {row.identity: row for row in ledger.rows}
    found = [(item, identity_of(item, listed)) for item in pattern]
    placed = [(item, rows[identity]) for item, identity in found if identity in rows]
    last = max((item.index[axis] for item, _ in placed), default=-1)
    _check_order(placed, axis)
    known = [(item, row) for item, row in placed if row.etag != FILLED]
    seen = {row.identity for _, row in known}
    late = [item for item, identity in found if identity not in seen and item.index[axis] <= last and not item.missing]
    vanished = [row.identity for row in ledger.rows if row.identity not in seen and row.etag != FILLED]
    asked = known if recheck is None else known[max(0, len(known) - recheck) :]
    local = local or LocalInputs()
    changed: list[str] = []
    gone: list[str] = []
    for item, row in known:
        verdict = local.verdict(item, row)
        if verdict == "remote":
            continue
        (changed if verdict == "changed" else gone if verdict == "gone" else []).append(item.label)
    for item, verdict in _remote_verdicts(asked, archive):
        (changed if verdict == "changed" else gone).append(item.label)
    there = tuple(item.label for item in late if _exists(item, archive))
    new = tuple(range(last + 1, pattern.shape[axis]))
    return Changes(new, tuple(changed), (*vanished, *gone), there)


def _check_order(known: list[tuple[PatternItem, Row]], axis: int) -> None:
    ordered = sorted(known, key=lambda pair: pair[0].index[axis])
    for (_, one), (item, two) in pairwise(ordered):
        if two.start < one.start:
            raise TargetError(
                f"inputs come in another order than those in the store: {item.label} was before {one.identity}",
                code="T055",
                hint="build it anew with --rebuild",
            )


def _remote_verdicts(known: list[tuple[PatternItem, Row]], archive: Archive) -> Iterator[tuple[PatternItem, str]]:
    """Those of remote inputs that are not as they were; several are asked for at a time, as politely as in a fetch."""
    from concurrent.futures import ThreadPoolExecutor

    remote = [(item, row) for item, row in known if local_path(item.url) is None and row.size is not None]
    with ThreadPoolExecutor(8) as pool:
        verdicts = pool.map(lambda pair: _remote_verdict(pair[0], pair[1], archive), remote)
        yield from ((item, v) for (item, _), v in zip(remote, verdicts, strict=True) if v != "same")


def _remote_verdict(item: PatternItem, row: Row, archive: Archive) -> str:
    try:
        now = archive.fetcher.probe(item.url, item.label)
    except InputError as error:
        if error.code == "I301":
            return "gone"
        raise
    pairs = [(row.etag, now.etag), (row.last_modified, now.last_modified), (row.size, now.size)]
    both = [(a, b) for a, b in pairs if a is not None and b is not None]
    # An ETag decides where there is one: mirrors differ in their dates.
    decisive = both[:1] if row.etag and now.etag else both
    return "same" if all(a == b for a, b in decisive) else "changed"


def _exists(item: PatternItem, archive: Archive) -> bool:
    return archive.fetcher.exists(item.url, item.label)
