"""What scan, combine and plan hand to each other: plain, frozen, picklable data. No xarray, no Beam, no I/O.

Values that pass between stages:

- An :class:`InputScan` says what one input holds (metadata and small coordinates only).
- A :class:`Template` is the exact description of the whole dataset, made from all scans before a byte of data is moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pangeo_forge.inputs.lazy import Access

__all__ = [
    "Access",
    "ArrayTemplate",
    "Index",
    "InputScan",
    "Packing",
    "Template",
    "TimeUnits",
    "VariableScan",
]

Index = tuple[int, ...]
"""Position of an input: one integer per concat key (in the recipe's order), then one per merge key."""


@dataclass(frozen=True)
class Packing:
    """The CF packing of a variable as an input has it (netCDF CF conventions, section 8.1). All None: not packed."""

    scale_factor: float | None = None
    add_offset: float | None = None
    fill_value: Any = None
    """_FillValue in the stored dtype (a Python scalar), or None."""
    missing_value: tuple[Any, ...] = ()
    unsigned: bool | None = None
    """_Unsigned attribute."""
    scale_dtype: str | None = None
    """dtype of the scale_factor attribute ('<f4', '<f8'): it decides the dtype that xarray decodes to."""
    offset_dtype: str | None = None
    """dtype of the add_offset attribute."""

    @property
    def is_none(self) -> bool:
        """Whether stored values are the values: nothing is scaled, masked or unsigned."""
        return not self.is_scaled and self.fill_value is None and not self.missing_value and self.unsigned is None

    @property
    def is_scaled(self) -> bool:
        """Whether decoding multiplies or adds."""
        return self.scale_factor is not None or self.add_offset is not None


@dataclass(frozen=True)
class TimeUnits:
    """How stored numbers mean times: ``units`` is a CF string, ``calendar`` a CF calendar (normalised name)."""

    units: str
    """Empty: the times were made by a transform and are stored in no unit."""
    calendar: str
    spelling: str | None = None
    """The calendar attribute as the input writes it ("365_day"); None: it has none."""
    inherited: bool = False
    """Units of a bounds variable without units of its own: those of the variable that it bounds."""
    decoded: bool = False
    """The variable holds dates, which a transform decoded or a hook made; ``units`` are those that the file used."""


@dataclass(frozen=True)
class VariableScan:
    """One variable of one input, after the recipe's transforms."""

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    """numpy dtype string of the stored values; 'str' for variable-length strings."""
    attrs: Mapping[str, Any]
    """Attributes without those that packing and time hold."""
    packing: Packing
    time: TimeUnits | None
    is_coord: bool
    values: np.ndarray | None = None
    """Stored values, kept for 1-D coordinates along a concat dim and for small variables without any concat dim.
    Times that a transform made (dates, stored in no unit) are kept as exact ticks (see dataset/time.py)."""
    digest: str | None = None
    """SHA-256 over canonical values; for variables without a concat dim, and for ``values`` that are kept."""
    storage_chunks: tuple[int, ...] | None = None
    access: Access | None = None
    """Set when the variable is a pure view of a stored array, so that workers may read its raw chunks."""


@dataclass(frozen=True)
class InputScan:
    """What one input holds."""

    index: Index
    label: str
    """Key and URL without secrets, for messages."""
    sizes: Mapping[str, int]
    variables: tuple[VariableScan, ...]
    attrs: Mapping[str, Any]


@dataclass(frozen=True)
class ArrayTemplate:
    """One array of the dataset to be written."""

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    """dtype as stored in the target; 'str' for variable-length strings."""
    attrs: Mapping[str, Any]
    """All attributes to write, CF encoding included (scale_factor, add_offset, units, calendar, coordinates ...) but
    not ``_FillValue``."""
    fill_value: Any
    """The CF _FillValue in the stored dtype, or None."""
    is_coord: bool
    concat_dims: tuple[str, ...]
    """Those of ``dims`` along which inputs are concatenated."""
    merge: tuple[Index, ...] | None
    """Merge positions (the tail of an Index) whose inputs hold it; None: all do."""
    values: np.ndarray | None
    """Stored values when known already (coordinates along concat dims, small constants): the driver writes them."""
    recode: bool
    """False: stored values of all inputs go through bit-exact. True: each input is decoded by its own packing and
    encoded into this array's."""
    storage_chunks: tuple[int, ...] | None = None
    """Storage chunks of the inputs along ``dims`` (of the first input), for counting read amplification."""
    accesses: tuple[Access, ...] = ()
    """Distinct pure views by which inputs hold it; empty when some input needs the general path."""
    packing: Packing = Packing()
    """Packing of the values as written; what ``attrs`` and ``fill_value`` say, in the form that encoding needs."""
    time: TimeUnits | None = None
    """Set when this holds times: units and calendar as written."""
    access_of: np.ndarray | None = None
    """When ``accesses`` has more than one: for each of ``Template.positions``, which; -1: absent."""
    lacking: Mapping[int, int] = field(default_factory=dict)
    """Numbers (in ``Template.positions``) of inputs that do not hold it though others of their merge position do, and
    which input holds the same part of it instead; -1: none, the part is missing."""


@dataclass(frozen=True)
class Template:
    """The whole dataset, exactly: what will be written, and which input holds what."""

    sizes: Mapping[str, int]
    concat_dims: tuple[str, ...]
    """One per concat key, in the recipe's order. A dim may not occur twice."""
    lengths: Mapping[str, np.ndarray]
    """Per concat dim: length that each position along it contributes (int64, in order)."""
    starts: Mapping[str, np.ndarray]
    """Per concat dim: where each position's slab starts in the target (int64); not monotonic when sorted."""
    arrays: tuple[ArrayTemplate, ...]
    attrs: Mapping[str, Any]
    positions: tuple[Index, ...] = ()
    """Positions that hold an input (a missing input that is filled has none)."""
    trims: Mapping[str, Mapping[int, tuple[int, int]]] = field(default_factory=dict)
    """Per concat dim: positions of which only the part [start, stop) is used (duplicates: first | last)."""
    warnings: tuple[str, ...] = ()

    def array(self, name: str) -> ArrayTemplate:
        """The array of that name."""
        return next(a for a in self.arrays if a.name == name)
