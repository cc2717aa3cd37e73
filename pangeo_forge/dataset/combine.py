"""Combine scans: an associative, commutative collection that forgets nothing, and the template it gives.

A :class:`Combination` is a set of small records, one an input, whose equal parts (layouts, coordinates, attributes) are
held once. Merging is a union of sets, so neither the order of inputs nor the tree in which they are merged matters; all
judgement is left to :meth:`Combination.template`, which looks at the inputs in the order of their index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from pangeo_forge.dataset.attributes import canonical
from pangeo_forge.dataset.conflicts import EXAMPLES
from pangeo_forge.dataset.filling import Absent
from pangeo_forge.dataset.model import Access, Index, InputScan, Packing, Template, TimeUnits, VariableScan
from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.errors import CombineError

ATTR_VALUES = 16
"""Distinct values of one attribute that are remembered: those that occur first in the order of inputs."""


class Layout(NamedTuple):
    """How an input holds a variable, apart from lengths along concat dims and values."""

    name: str
    dims: tuple[str, ...]
    inner: tuple[tuple[str, int], ...]
    """Dims that are not concatenated, and their lengths."""
    dtype: str
    packing: Packing
    time: TimeUnits | None
    is_coord: bool
    storage_chunks: tuple[int, ...] | None
    access: Access | None


class Content(NamedTuple):
    """What an input's variable holds, as far as it was read."""

    values: np.ndarray | None
    digest: str | None


class Record(NamedTuple):
    """One input."""

    label: str
    lengths: tuple[int | None, ...]
    """Along each concat dim; None: the input has no variable along it."""
    layouts: tuple[Layout, ...]
    contents: tuple[Content | None, ...]


@dataclass
class Tally:
    """Values of one attribute: who says each, first positions first; of many values, only the first are kept."""

    count: int = 0
    """Inputs that have the attribute."""
    values: dict[str, tuple[Any, list[tuple[Index, str]]]] = field(default_factory=dict)
    """Canonical value: the value and the first few who say it (index, label)."""
    overflow: bool = False

    def add(self, value: Any, said: list[tuple[Index, str]]) -> None:
        """Note who says a value."""
        known = self.values.setdefault(canonical(value), (value, []))[1]
        known[:] = sorted({*known, *said})[:EXAMPLES]
        if len(self.values) > ATTR_VALUES:
            self.overflow = True
            del self.values[max(self.values, key=lambda k: self.values[k][1][0])]

    def merged(self, other: Tally) -> Tally:
        """Both together."""
        result = Tally(self.count + other.count, overflow=self.overflow or other.overflow)
        for tally in (self, other):
            for value, said in tally.values.values():
                result.add(value, said)
        return result

    def ordered(self) -> list[tuple[Any, list[tuple[Index, str]]]]:
        """Values in the order of who says them first."""
        return sorted(self.values.values(), key=lambda v: v[1][0])


@dataclass
class Combination:
    """Scans of any number of inputs, in any order."""

    settings: CombineSettings
    inputs: dict[Index, Record] = field(default_factory=dict)
    attrs: dict[tuple[str, str], Tally] = field(default_factory=dict)
    """By variable ("" for the dataset) and attribute."""
    clashes: dict[Index, tuple[str, ...]] = field(default_factory=dict)
    """Indexes that two different inputs claim, and their labels."""
    absent: Absent | None = None
    """Inputs that do not exist and whose places are filled; set by the driver, when all are known."""
    _interned: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def empty(cls, settings: CombineSettings) -> Combination:
        """No inputs yet."""
        return cls(settings)

    def add(self, scan: InputScan) -> Combination:
        """Take in one scan, in place; returns itself."""
        dims = self.settings.concat_dims
        layouts = tuple(self._intern(_layout(v, dims)) for v in scan.variables)
        contents = tuple(
            self._intern_content(v.digest, layout, Content(v.values, v.digest))
            for v, layout in zip(scan.variables, layouts, strict=True)
        )
        lengths = tuple(scan.sizes.get(d) for d in dims)
        self._insert(scan.index, Record(scan.label, lengths, self._intern(layouts), contents))
        said = [(scan.index, scan.label)]
        for owner, attrs in [("", scan.attrs), *((v.name, v.attrs) for v in scan.variables)]:
            for name, value in attrs.items():
                tally = self.attrs.setdefault((owner, name), Tally())
                tally.count += 1
                tally.add(value, said)
        return self

    def merge(self, other: Combination) -> Combination:
        """Both together, as a new combination; neither is changed."""
        return Combination.join((self, other))

    @classmethod
    def join(cls, parts: Sequence[Combination]) -> Combination:
        """All together, each record looked at once: the same as merging them in any order, in a time that grows as they do."""
        result = cls(parts[0].settings, absent=next((p.absent for p in parts if p.absent), None))
        for part in parts:
            # Records of one combination share their layouts: each is looked up once, not once an input.
            known: dict[int, tuple[Layout, ...]] = {}
            for index, record in part.inputs.items():
                layouts = known.get(id(record.layouts))
                if layouts is None:
                    layouts = known[id(record.layouts)] = result._intern(tuple(map(result._intern, record.layouts)))
                contents = tuple(
                    None if c is None else result._intern_content(c.digest, x, c)
                    for x, c in zip(layouts, record.contents, strict=True)
                )
                result._insert(index, replace_record(record, layouts, contents))
            for index, labels in part.clashes.items():
                result.clashes[index] = tuple(sorted({*labels, *result.clashes.get(index, ())}))
            for key, tally in part.attrs.items():
                result.attrs[key] = result.attrs.get(key, Tally()).merged(tally)
        return result

    def template(self) -> Template:
        """The exact description of the whole dataset.

        Raises
        ------
        CombineError: C001 no inputs; C002 two inputs at one position; C004 to C010 inputs that disagree; C02x times;
            C03x coordinates along a concat dim, C036 those of absent inputs; see each module for its codes.
        """
        from pangeo_forge.dataset.assembly import assemble

        if self.clashes:
            index, labels = min(self.clashes.items())
            raise CombineError(f"different inputs claim position {index}: {', '.join(labels)}", code="C002")
        if not self.inputs:
            raise CombineError("there is nothing to combine: no input was scanned", code="C001")
        return assemble(replace(self))

    def _insert(self, index: Index, record: Record) -> None:
        known = self.inputs.get(index)
        if known is not None and _fingerprint(known) != _fingerprint(record):
            self.clashes[index] = tuple(sorted({known.label, record.label, *self.clashes.get(index, ())}))
            record = min(known, record, key=_fingerprint)
        self.inputs[index] = record

    def _intern(self, part: Any) -> Any:
        # By repr, because NaN is not equal to itself.
        return self._interned.setdefault(repr(part) if isinstance(part, Layout) else tuple(map(id, part)), part)

    def _intern_content(self, digest: str | None, layout: Layout, content: Content) -> Content | None:
        if digest is None:
            return None
        return self._interned.setdefault((digest, id(layout)), content)  # type: ignore[no-any-return]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_interned": {}}


def replace_record(record: Record, layouts: tuple[Layout, ...], contents: tuple[Content | None, ...]) -> Record:
    """The same record with shared parts."""
    return Record(record.label, record.lengths, layouts, contents)


def _layout(v: VariableScan, concat_dims: tuple[str, ...]) -> Layout:
    inner = tuple((d, n) for d, n in zip(v.dims, v.shape, strict=True) if d not in concat_dims)
    return Layout(v.name, v.dims, inner, v.dtype, v.packing, v.time, v.is_coord, v.storage_chunks, v.access)


def _fingerprint(record: Record) -> tuple[str, ...]:
    digests = (c.digest if c else None for c in record.contents)
    return (record.label, repr(record.lengths), repr(record.layouts), repr(tuple(digests)))
