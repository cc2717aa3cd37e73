"""FilePattern: the ordered inputs of a dataset, computed when asked for.

The order is row-major over the keys: concat keys as the recipe lists them, then merge keys, the last one fastest. A
pattern of ten million inputs holds no more than one of ten, unless a source has listed them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from pangeo_forge.errors import PlanError
from pangeo_forge.pattern.keys import KeySequence, KeyValue, Part, SparseSequence
from pangeo_forge.pattern.locations import ListedLocations, Locations, PickedLocations, file_name, split_member
from pangeo_forge.pattern.redaction import redact_url
from pangeo_forge.pattern.template import Template

if TYPE_CHECKING:
    from pangeo_forge.pattern.sources import SourceContext

Index = tuple[int, ...]
"""Position of an input: one integer per concat key, then one per merge key."""


@dataclass(frozen=True)
class PatternItem:
    """One input of a pattern."""

    index: Index
    """Position in this pattern (a pruned one counts from 0 again)."""
    url: str
    """Where the file, or the archive that holds it, is. May hold a secret: print ``label`` instead."""
    key: Mapping[str, KeyValue]
    label: str
    """Key and URL without secrets, for messages."""
    member: str | None = None
    """Path inside the archive at ``url``."""
    missing: bool = False
    """Whether the recipe says that this file does not exist: its slot is filled, nothing is fetched."""

    @property
    def name(self) -> str:
        """The file's name: that of the member, where there is one."""
        return file_name(self.member or self.url)

    def fingerprint(self) -> str:
        """SHA-256 of what this input is: its key and location, without secrets."""
        return _digest(self._canonical())

    def _canonical(self) -> Any:
        key = {k: v.label for k, v in self.key.items()}
        return [key, redact_url(self.url), self.member, self.missing]


@dataclass(frozen=True)
class PatternKey:
    """A key of a pattern with all its values."""

    name: str
    values: KeySequence
    dim: str | None
    """The dataset's dimension that a concat key runs along; None for a merge key."""

    def __len__(self) -> int:
        return len(self.values)

    def origin(self, position: int) -> int:
        """The position before pruning."""
        return self.values.positions[position] if isinstance(self.values, Part) else position

    def __repr__(self) -> str:
        first, last = self.values[0].label, self.values[len(self) - 1].label
        along = f" along {self.dim!r}" if self.dim not in (None, self.name) else ""
        span = first if len(self) == 1 else f"{first}, {last}" if len(self) == 2 else f"{first} … {last}"
        return f"{self.name}: {len(self)} ({span}){along}"


@dataclass(frozen=True, repr=False)
class FilePattern:
    """Concat and merge keys over a template or a list of locations. Make it by :meth:`from_inputs`."""

    concat_keys: tuple[PatternKey, ...]
    merge_keys: tuple[PatternKey, ...]
    locations: Locations
    member: Template | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    absent: Mapping[tuple[int, ...], frozenset[Index]] = field(default_factory=dict)
    """Inputs known to be missing: for a choice of axes, the positions (before pruning) along them."""

    @classmethod
    def from_inputs(
        cls,
        inputs: Any,
        *,
        folder: Path | str | None = None,
        parameters: Mapping[str, Any] | None = None,
        now: dt.date | None = None,
        context: SourceContext | None = None,
        where: str = "inputs",
    ) -> FilePattern:
        """The pattern of a recipe's ``inputs`` section.

        Parameters
        ----------
        inputs: the recipe's model, or the same as plain data.
        folder: the recipe's folder, to which relative paths belong.
        parameters: values of the recipe's parameters, where its loader has not put them in already.
        now: the run's date (``end: latest``); today's in UTC when left out.
        context: how sources other than ``url`` and ``files`` are read (HTTP client, limits, URL check).

        Raises
        ------
        PlanError: the section cannot be expanded (codes in :mod:`pangeo_forge.pattern.errors`). InputError: a source
        cannot be read, or lists nothing.
        """
        from pangeo_forge.pattern.adapter import build_pattern

        root = None if folder is None else Path(folder)
        return build_pattern(cls, inputs, root, parameters or {}, now, context, where)

    @cached_property
    def keys(self) -> tuple[PatternKey, ...]:
        """Concat keys, then merge keys."""
        return self.concat_keys + self.merge_keys

    @property
    def concat_dims(self) -> tuple[str, ...]:
        """Dimensions that the inputs are concatenated along, in the order of the concat keys."""
        return tuple(k.dim or k.name for k in self.concat_keys)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each key."""
        return tuple(len(k) for k in self.keys)

    @cached_property
    def _count(self) -> int:
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self._count

    def index(self, position: int) -> Index:
        """The index of the input at ``position`` in the order of iteration."""
        if not -len(self) <= position < len(self):
            raise IndexError(f"position {position} of a pattern of {len(self)} inputs")
        position %= len(self)
        found: list[int] = []
        for size in reversed(self.shape):
            position, along = divmod(position, size)
            found.append(along)
        return tuple(reversed(found))

    def position(self, index: Index) -> int:
        """The place of ``index`` in the order of iteration."""
        position = 0
        for along, size in zip(self._checked(index), self.shape, strict=True):
            position = position * size + along
        return position

    def original_index(self, index: Index) -> Index:
        """The index that an input had before pruning."""
        return tuple(k.origin(i) for k, i in zip(self.keys, self._checked(index), strict=True))

    def item(self, index: Index) -> PatternItem:
        """The input at ``index``.

        Raises
        ------
        PlanError: P124 (no such index), or the codes of rendering (P102 to P107).
        """
        origin = self.original_index(index)
        key = {k.name: k.values[i] for k, i in zip(self.keys, index, strict=True)}
        values = {**self.parameters, **key}
        member = None if self.member is None else self.member.render(values)
        url, member = split_member(self.locations.at(origin, values), member)
        known = ", ".join(f"{name}={value.label}" for name, value in key.items())
        inside = f" [{member}]" if member else ""
        missing = any(tuple(origin[a] for a in axes) in found for axes, found in self.absent.items())
        return PatternItem(tuple(index), url, key, f"{known} {redact_url(url)}{inside}".lstrip(), member, missing)

    @overload
    def __getitem__(self, where: int | Index) -> PatternItem: ...
    @overload
    def __getitem__(self, where: slice) -> ItemRange: ...
    def __getitem__(self, where: int | Index | slice) -> PatternItem | ItemRange:
        if isinstance(where, slice):
            return ItemRange(self, range(len(self))[where])
        return self.item(self.index(where) if isinstance(where, int) else where)

    def __iter__(self) -> Iterator[PatternItem]:
        return (self.item(self.index(i)) for i in range(len(self)))

    def prune(self, n: int = 2) -> FilePattern:
        """A small pattern of the same kind: ``n`` values of each concat key, from both its ends, and all merge values.

        ``n=2`` keeps the first and the last; an odd ``n`` keeps one more from the beginning. Positions are counted
        anew from 0 (:meth:`original_index` tells the old ones); an item still knows its key.
        """
        if n < 1:
            raise PlanError(f"a pattern cannot be pruned to {n} values", code="P126", hint="keep at least one")
        return replace(self, concat_keys=tuple(_pruned(k, n) for k in self.concat_keys))

    def part(self, axis: int, positions: Sequence[int]) -> FilePattern:
        """The inputs at some positions of one concat key; counted anew from 0, as in :meth:`prune`."""
        keys = list(self.concat_keys)
        base = keys[axis].values
        if isinstance(base, Part):
            kept = base.positions
            base, positions = base.values, [kept[i] for i in positions]
        if isinstance(self.locations, ListedLocations):
            base = SparseSequence(base, positions)
        keys[axis] = replace(keys[axis], values=Part(base, positions))
        part = replace(self, concat_keys=tuple(keys))
        if not isinstance(self.locations, ListedLocations):
            return part
        origins = [part.original_index(part.index(i)) for i in range(len(part))]
        picked = {origin: self.locations.at(origin, {}) for origin in origins}
        return replace(part, locations=PickedLocations(picked, self.locations.kind))

    def sample(self, k: int) -> list[PatternItem]:
        """Up to ``k`` existing inputs, spread evenly, the first and the last among them."""
        count = len(self)
        k = min(max(k, 1), count)
        positions = [round(i * (count - 1) / (k - 1)) for i in range(k)] if k > 1 else [0]
        items = (self[p] for p in dict.fromkeys(positions))
        return [item for item in items if not item.missing]

    def fingerprint(self) -> str:
        """SHA-256 of keys, template or list, member and absences; of no secret and no path of this machine."""
        used = dict.fromkeys([*_names(self.locations), *(self.member.names if self.member else ())])
        canonical = {
            "version": 1,
            "locations": self.locations.describe(),
            "member": self.member.text if self.member else None,
            "concat": [[k.name, k.dim, k.values.describe()] for k in self.concat_keys],
            "merge": [[k.name, k.values.describe()] for k in self.merge_keys],
            "parameters": {n: str(self.parameters[n]) for n in used if n in self.parameters},
            "absent": sorted([list(axes), sorted(found)] for axes, found in self.absent.items()),
        }
        return _digest(canonical)

    def __repr__(self) -> str:
        lines = [f"<FilePattern of {len(self)} input{'s' if len(self) != 1 else ''}: {self.locations}"]
        lines += [f"  concat {k!r}" for k in self.concat_keys] + [f"  merge {k!r}" for k in self.merge_keys]
        lines += [f"  first {self[0].label}"]
        lines += [f"  last  {self[-1].label}"] if len(self) > 1 else []
        return "\n".join(lines) + ">"

    def _checked(self, index: Index) -> Index:
        if len(index) != len(self.shape) or not all(0 <= i < n for i, n in zip(index, self.shape, strict=True)):
            raise PlanError(f"no input has the index {tuple(index)}", code="P124", hint=f"the shape is {self.shape}")
        return index


@dataclass(frozen=True)
class ItemRange(Sequence[PatternItem]):
    """Some inputs of a pattern, by slice: as lazy as the pattern itself."""

    pattern: FilePattern
    positions: range

    def __len__(self) -> int:
        return len(self.positions)

    @overload
    def __getitem__(self, where: int) -> PatternItem: ...
    @overload
    def __getitem__(self, where: slice) -> ItemRange: ...
    def __getitem__(self, where: int | slice) -> PatternItem | ItemRange:
        if isinstance(where, slice):
            return ItemRange(self.pattern, self.positions[where])
        return self.pattern[self.positions[where]]

    def fingerprint(self) -> str:
        """SHA-256 over the inputs in this order, without secrets."""
        digest = hashlib.sha256()
        for item in self:
            digest.update(item.fingerprint().encode())
        return digest.hexdigest()


def _pruned(key: PatternKey, n: int) -> PatternKey:
    size = len(key)
    if size <= n:
        return key
    kept = [*range(n - n // 2), *range(size - n // 2, size)]
    base = key.values
    if isinstance(base, Part):
        return replace(key, values=Part(base.values, [base.positions[i] for i in kept]))
    return replace(key, values=Part(base, kept))


def _names(locations: Locations) -> tuple[str, ...]:
    from pangeo_forge.pattern.locations import TemplateLocations
    from pangeo_forge.pattern.template import parse_template

    if not isinstance(locations, TemplateLocations):
        return ()
    return parse_template(redact_url(locations.template.text)).names


def _digest(canonical: Any) -> str:
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
