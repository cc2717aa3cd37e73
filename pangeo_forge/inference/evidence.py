"""What one or two samples hold, metadata only: format, groups, dimensions, variables, times, packing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pangeo_forge.errors import InputError, PangeoForgeError
from pangeo_forge.inputs.openers import open_dataset, opened
from pangeo_forge.inputs.sniff import sniff
from pangeo_forge.inputs.source import InputSource, OpenOptions

if TYPE_CHECKING:
    import xarray as xr

    from pangeo_forge.inputs.fetch import Fetcher

LARGEST_SAMPLE = 1_000_000_000
"""Bytes of a remote sample that is still fetched to look into it."""
_SMALL = 1 << 20


@dataclass(frozen=True)
class SampleVariable:
    """One variable of a sample."""

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    is_coord: bool
    packed: bool
    is_time: bool
    calendar: str | None
    units: str | None
    attrs: Mapping[str, Any]
    values: np.ndarray | None = None
    """Decoded values of small coordinates: exact ticks for times."""

    @property
    def nbytes(self) -> int:
        """Size as stored."""
        try:
            size = np.dtype(self.dtype).itemsize
        except TypeError:
            size = 16
        return int(np.prod(self.shape, dtype=np.int64)) * size


@dataclass(frozen=True)
class Sample:
    """One sample that was opened."""

    position: int
    """Which of the names it is."""
    name: str
    format: str
    group: str | list[str] | None
    sizes: Mapping[str, int]
    variables: Mapping[str, SampleVariable]
    attrs: Mapping[str, Any]

    @property
    def data(self) -> list[SampleVariable]:
        """Variables that are no coordinates."""
        return [v for v in self.variables.values() if not v.is_coord]


@dataclass
class Evidence:
    """What opening samples told."""

    samples: list[Sample] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was left out."""

    @property
    def first(self) -> Sample | None:
        """The first sample that could be opened."""
        return self.samples[0] if self.samples else None


def examine(names: Sequence[str], positions: Sequence[int], fetcher: Fetcher) -> Evidence:
    """Open the samples at ``positions``. What cannot be had becomes a warning, and the names alone must do."""
    evidence = Evidence()
    found: list[tuple[int, InputSource, OpenOptions, list[str]]] = []
    for position in positions:
        try:
            source, options = _source(names[position], fetcher)
            found.append((position, source, options, find_groups(source, options)))
        except PangeoForgeError as error:
            evidence.warnings.append(f"not opened: {error}")
    groups = [g for g in found[0][3] if all(g in others for *_, others in found)] if found else []
    for position, source, options, _ in found:
        try:
            group = _together(source, options, groups)
            with opened(source, _with_group(options, group)) as ds:
                sample = _sample(position, names[position], _format_of(source, options), group, ds)
            evidence.samples.append(sample)
        except PangeoForgeError as error:
            evidence.warnings.append(f"not opened: {error}")
    _name_left_out(evidence, found)
    return evidence


def _name_left_out(evidence: Evidence, found: Sequence[tuple[int, InputSource, OpenOptions, list[str]]]) -> None:
    if not evidence.samples or not evidence.samples[0].group:
        return
    chosen = evidence.samples[0].group
    used = [chosen] if isinstance(chosen, str) else chosen
    others = [g for g in dict.fromkeys(g for *_, groups in found for g in groups) if g not in used]
    if others:
        shown = ", ".join(others[:6]) + (" ..." if len(others) > 6 else "")
        evidence.notes.append(
            f"groups that are left out: {shown}; they are not in every sample, or do not fit beside {', '.join(used)}"
        )


def _with_group(options: OpenOptions, group: str | list[str] | None) -> OpenOptions:
    from dataclasses import replace

    return replace(options, group=tuple(group) if isinstance(group, list) else group) if group else options


def _source(name: str, fetcher: Fetcher) -> tuple[InputSource, OpenOptions]:
    if "/dodsC/" in name or name.endswith((".dods", ".dds")):
        return InputSource(name, None, name, request=fetcher.read), OpenOptions(format="opendap")
    if "://" not in name:
        return InputSource(name, name, name), OpenOptions()
    if name.rstrip("/").endswith(".zarr"):
        return InputSource(name, None, name), OpenOptions(format="zarr")
    size = fetcher.probe(name).size
    if size is not None and size > LARGEST_SAMPLE:
        raise InputError(
            f"the sample has {size / 1e9:.1f} GB, too much to fetch for a look", code="I001", where=name,
            hint="download it and give the local file besides, or go on: plan --probe will open it",
        )  # fmt: skip
    return InputSource(name, fetcher.fetch(name).path, name), OpenOptions()


def _format_of(source: InputSource, options: OpenOptions) -> str:
    if source.path is None:
        return options.format
    return sniff(source.path)


def find_groups(source: InputSource, options: OpenOptions) -> list[str]:
    """Groups that hold the data, where the root does not, the root first if it holds what they share; []: the root."""
    if source.path is None or os.path.isdir(source.path) or sniff(source.path) != "hdf5":
        return []
    try:
        root: xr.Dataset | None = open_dataset(source, options)
    except InputError as error:
        if error.code != "I111":
            raise
        root = None
    if root is not None and _has_data(root):
        return []
    full = [g for g in _groups(source.path) if (ds := _try(source, options, g)) is not None and _has_data(ds)]
    return ["/", *full] if full and root is not None and root.variables else full


def _together(source: InputSource, options: OpenOptions, groups: list[str]) -> str | list[str] | None:
    """The groups, if they fit into one dataset; else the first that holds data; None: the root."""
    if len(groups) > 1 and _try(source, options, groups) is not None:
        return groups
    return next((g for g in groups if g != "/"), None)


def _groups(path: str) -> list[str]:
    from pangeo_forge.inputs.openers.hdf5_group import group_paths

    found: list[str] = OpenOptions().limits.call(group_paths, path, where=path)
    return found[:50]


def _try(source: InputSource, options: OpenOptions, group: str | list[str]) -> xr.Dataset | None:
    try:
        return open_dataset(source, _with_group(options, group))
    except PangeoForgeError:
        return None


def _has_data(ds: xr.Dataset) -> bool:
    return any(v.dims and name not in ds.dims for name, v in ds.variables.items())


def _sample(position: int, name: str, format_: str, group: str | list[str] | None, ds: xr.Dataset) -> Sample:
    from pangeo_forge.dataset.roles import auxiliary_names, char_dims
    from pangeo_forge.dataset.stored import stored_variables

    auxiliary, characters = auxiliary_names(ds), char_dims(ds)
    variables = {}
    for v in stored_variables(ds, (), decode_times=True):
        coordinate = v.is_coord or v.name in auxiliary
        small = int(np.prod(v.shape, dtype=np.int64)) * 8 <= _SMALL and (coordinate or not v.dims)
        variables[v.name] = SampleVariable(
            v.name, v.dims, v.shape, v.dtype, coordinate, v.packing.is_scaled, v.time is not None,
            v.time.calendar if v.time else None, v.time.units if v.time else None, dict(v.attrs), _meaning(v) if small else None,
        )  # fmt: skip
    sizes = {str(d): n for d, n in ds.sizes.items() if d not in characters}
    return Sample(position, name, format_, group, sizes, variables, {str(k): v for k, v in ds.attrs.items()})


def _meaning(v: Any) -> np.ndarray | None:
    from pangeo_forge.dataset.values import meaning

    try:
        return np.asarray(meaning(v.read(), v.packing, v.time))
    except PangeoForgeError:
        return None
