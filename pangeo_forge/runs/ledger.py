"""The ledger: which inputs a store holds, and where; what makes an append the same as having built at once.

A ledger is one immutable JSON object, ``ledger/<state>.json`` in the dataset's home. ``state`` is a digest of what it
says, and stands in the store's root attributes, so the one put that makes new data visible also switches the ledger.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pangeo_forge.dataset.model import Index, Template
from pangeo_forge.inputs.fetch.address import redact_url
from pangeo_forge.pattern.pattern import FilePattern, PatternItem
from pangeo_forge.pipeline.prepare_inputs import LedgerEntry
from pangeo_forge.plan.compact import attrs_from_json, attrs_to_json
from pangeo_forge.plan.plan import ArrayPlan, Plan
from pangeo_forge.recipe.model import Recipe
from pangeo_forge.targets.byte_ranges import ChunkForm
from pangeo_forge.targets.objects import ObjectStore

SCHEMA_VERSION = 1
FILLED = "absent"
"""Stands for the ETag of an input that did not exist and whose place was filled."""


@dataclass(frozen=True)
class Row:
    """One input of the store."""

    identity: str
    """What tells it from the others: key and URL, or the URL alone where inputs are listed."""
    url: str
    """Without secrets."""
    size: int | None
    etag: str | None
    last_modified: str | None
    sha256: str | None
    start: int
    """Where its values begin along the dimension that is appended to (the first concat dim without append)."""
    stop: int
    run: str
    """The run that wrote it."""


@dataclass(frozen=True)
class Ledger:
    """What a store holds."""

    recipe_id: str
    fingerprint: str
    """Of the recipe without what may change from append to append: see :func:`append_fingerprint`."""
    dim: str | None
    """The dimension that is appended to."""
    length: int
    """Along it."""
    zarr_format: int
    attrs: Mapping[str, Any]
    arrays: tuple[ArrayPlan, ...]
    """As they are in the store, without values."""
    constants: Mapping[str, str]
    """Digests of arrays that no input divides, where they are known."""
    rows: tuple[Row, ...]
    forms: Mapping[str, ChunkForm] = field(default_factory=dict)
    """Of references: what the inputs' chunks are like, by array."""

    @cached_property
    def state(self) -> str:
        """Digest of all but the names of runs."""
        data = self._document()
        for row in data["rows"]:
            row[-1] = ""
        text = json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def to_bytes(self) -> bytes:
        """As it is stored: a row a line."""
        data = self._document()
        rows = ",\n".join(json.dumps(r, separators=(",", ":")) for r in data.pop("rows"))
        head = json.dumps(data, separators=(",", ":"))
        return f'{head[:-1]},"rows":[\n{rows}\n]}}'.encode()

    def _document(self) -> dict[str, Any]:
        bare = [replace(a, values=None).to_json() for a in self.arrays]
        data = {k: getattr(self, k) for k in ("recipe_id", "fingerprint", "dim", "length", "zarr_format")}
        rows = [list(row.__dict__.values()) for row in self.rows]
        forms = {name: form.to_json() for name, form in self.forms.items()}
        return {
            "schema_version": SCHEMA_VERSION,
            **data,
            **({"forms": forms} if forms else {}),
            "attrs": attrs_to_json(dict(self.attrs)),
            "arrays": bare,
            "constants": dict(self.constants),
            "rows": rows,
        }

    @classmethod
    def from_bytes(cls, data: bytes) -> Ledger:
        """Inverse of :meth:`to_bytes`; raises ValueError for another schema version."""
        found = json.loads(data)
        if found.pop("schema_version") != SCHEMA_VERSION:
            raise ValueError("a ledger of another version")
        arrays = tuple(ArrayPlan.from_json(a) for a in found.pop("arrays"))
        rows = tuple(Row(*r) for r in found.pop("rows"))
        forms = {name: ChunkForm.from_json(form) for name, form in found.pop("forms", {}).items()}
        return cls(arrays=arrays, rows=rows, forms=forms, attrs=attrs_from_json(found.pop("attrs")), **found)

    def array(self, name: str) -> ArrayPlan | None:
        """The array of that name, if there is one."""
        return next((a for a in self.arrays if a.name == name), None)


def key_of(state: str) -> str:
    """Where the ledger of a state is, below the home."""
    return f"ledger/{state}.json"


def read_ledger(objects: ObjectStore, state: str | None) -> Ledger | None:
    """The ledger of a state; None when there is none that this version reads."""
    data = objects.get(key_of(state)) if state else None
    try:
        return None if data is None else Ledger.from_bytes(data)
    except (ValueError, TypeError, KeyError):
        return None


def append_fingerprint(recipe: Recipe) -> str:
    """Digest of what of a recipe affects data that are written already.

    Which inputs there are is left out: the ledger compares them one by one. So is what only concerns later runs.
    """
    data = recipe.model_dump(mode="json", include={"inputs", "open", "transforms", "combine", "target"})
    inputs = {k: data["inputs"].get(k) for k in ("member", "items_per_file", "on_missing")}
    inputs["keys"] = [list(recipe.inputs.concat), list(recipe.inputs.merge)]
    for name in ("name", "on_changed"):
        data["target"].pop(name, None)
    if recipe.hooks:
        data["hooks"] = recipe.hook_digests()
    text = json.dumps({**data, "inputs": inputs}, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def identity_of(item: PatternItem, listed: bool) -> str:
    """What tells an input from the others, from run to run."""
    if not listed:
        return item.label
    return redact_url(item.url) + (f" [{item.member}]" if item.member else "")


def is_listed(recipe: Recipe) -> bool:
    """Whether inputs come from a list, so that their number in it means nothing."""
    return recipe.inputs.url is None


def with_filled(entries: Iterable[LedgerEntry], absent: Mapping[Index, str], pattern: FilePattern) -> list[LedgerEntry]:
    """Entries of inputs, and of those that are absent and whose places are filled (``on_missing: fill``)."""
    filled = [
        LedgerEntry(index, label, redact_url(pattern.item(index).url), None, FILLED, None, None)
        for index, label in absent.items()
    ]
    return [*entries, *filled]


def make_rows(
    entries: Iterable[LedgerEntry],
    pattern: FilePattern,
    template: Template,
    dim: str,
    *,
    listed: bool,
    run: str,
    offset: int = 0,
) -> tuple[Row, ...]:
    """Rows for inputs, in the order of their place: the same whether they came at once or one by one."""
    axis = template.concat_dims.index(dim) if dim in template.concat_dims else None
    rows = []
    for entry in sorted(entries, key=lambda e: e.index):
        start, length = 0, 0
        if axis is not None:
            start = int(template.starts[dim][entry.index[axis]]) + offset
            length = int(template.lengths[dim][entry.index[axis]])
        identity = identity_of(pattern.item(entry.index), listed)
        known = (entry.size, entry.etag, entry.last_modified, entry.sha256)
        rows.append(Row(identity, entry.url, *known, start, start + length, run))
    return tuple(sorted(rows, key=lambda row: (row.start, row.stop, row.identity)))


def make_ledger(
    recipe: Recipe,
    plan: Plan,
    template: Template,
    entries: Sequence[LedgerEntry],
    pattern: FilePattern,
    run: str,
    constants: Mapping[str, str],
) -> Ledger:
    """The ledger of a store that was built from nothing."""
    dim = recipe.target.append or (template.concat_dims[0] if template.concat_dims else "")
    rows = make_rows(entries, pattern, template, dim, listed=is_listed(recipe), run=run)
    return Ledger(
        recipe.id,
        append_fingerprint(recipe),
        recipe.target.append,
        int(template.sizes.get(dim, 0)),
        plan.zarr_format,
        dict(plan.attrs),
        plan.arrays,
        constants,
        rows,
    )
