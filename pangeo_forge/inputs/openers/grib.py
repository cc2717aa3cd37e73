"""Opens GRIB 1 and 2 with cfgrib, in an isolated process (``isolation``): its names, a strict reading.

A file with several kinds of levels does not make one dataset: the error lists what there is and the ``select`` to write.
``select`` as a list reads one pass each and merges them; where two passes have a variable or level of the same name, its kind
of level (and its value, if need be) is added to the name: ``t_surface``, ``t_heightAboveGround_2``. A list of values within
a ``select`` (``level: [2, 10]``) makes a dimension where all fields have all of them, else one pass for each.
"""

from __future__ import annotations

import builtins
import itertools
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.damage import GET_AGAIN
from pangeo_forge.inputs.isolation import Limits
from pangeo_forge.inputs.lazy import Locator
from pangeo_forge.inputs.openers.assembly import StoredDataset, StoredVariable, to_xarray
from pangeo_forge.inputs.openers.leaves import KnownArray, Region, region_bytes
from pangeo_forge.inputs.source import InputSource, OpenOptions

if TYPE_CHECKING:
    import xarray as xr

Select = Mapping[str, Any]
_CACHED_FILES = 4
KIND = "grib"
"""Of locators."""


def open(source: InputSource, options: OpenOptions) -> xr.Dataset:
    """The dataset of the messages that ``options.select`` picks.

    Raises
    ------
    InputError: I105 truncated, I117 nothing selected, I118 mixed levels or several values of a key, I119 two messages for
        one place; I120 the library crashed; I121 it hung.
    """
    if source.path is None:
        raise InputError(
            "GRIB is read from a local file", code="I101", where=source.where, hint="set fetch.cache: true"
        )
    path = os.fspath(source.path)
    check(path)
    extra = dict(options.engine_options)
    run = _Describer(path, extra, options.limits, source.where)
    parts = [part for select in options.selects for part in _passes(run, select)]
    stored = _merged(parts, options.selects, path)
    return to_xarray(stored, decode_coords=options.decode_coords, drop=options.drop, source=path)


def _passes(run: _Describer, select: Select) -> list[StoredDataset]:
    """One pass for a select; where its lists of values do not make one grid (2 m and 10 m), one for each combination."""
    lists = {k: v for k, v in select.items() if isinstance(v, list | tuple)}
    try:
        return [run(dict(select))]
    except InputError as error:
        if error.code != "I118" or not lists:
            raise
    combinations = (dict(zip(lists, c, strict=True)) for c in itertools.product(*lists.values()))
    return [run({**select, **c}) for c in combinations]


@dataclass(frozen=True)
class _Describer:
    path: str
    extra: Mapping[str, Any]
    limits: Limits
    where: str

    def __call__(self, select: Select) -> StoredDataset:
        arguments = (self.path, select, self.extra, self.limits)
        stored: StoredDataset = self.limits.call(describe, *arguments, where=self.where)
        return stored


def check(path: str) -> None:
    """Walk the messages by their lengths: a file that ends within one was truncated (I105)."""
    size = os.path.getsize(path)
    with builtins.open(path, "rb") as file:
        position = 0
        while position < size:
            file.seek(position)
            head = file.read(4096)
            at = head.find(b"GRIB")
            if at < 0:
                position += max(len(head) - 3, 1)
                continue
            length = told_length(head[at : at + 16])
            if length is None:
                return
            if position + at + length > size:
                missing = position + at + length - size
                what = f"the file is truncated: {missing} bytes of its last message are absent"
                raise InputError(what, code="I105", where=path, hint=GET_AGAIN)
            position += at + length


def told_length(head: bytes) -> int | None:
    """Length of the message that begins with ``head``; None where only the library can tell."""
    if len(head) < 16:
        return None
    length = int.from_bytes(head[8:16] if head[7] == 2 else head[4:7], "big")
    if head[7] == 2:
        return length if length >= 16 else None
    # GRIB 1 files above 8 MB use a convention of ECMWF's for the length.
    return length if head[7] == 1 and 8 <= length < 0x800000 else None


# -- in the isolated process -----------------------------------------------------------------------------------------------

_open_files: dict[tuple[str, int, str], Any] = {}


def opened_strictly(path: str, select: Select, extra: Mapping[str, Any]) -> Any:
    """cfgrib's dataset of the messages that ``select`` picks; the last few are kept open."""
    key = (path, os.stat(path).st_mtime_ns, repr((sorted(select.items()), sorted(extra.items()))))
    if key not in _open_files:
        while len(_open_files) >= _CACHED_FILES:
            del _open_files[next(iter(_open_files))]
        _open_files[key] = _open_strictly(path, select, extra)
    return _open_files[key]


def _open_strictly(path: str, select: Select, extra: Mapping[str, Any]) -> Any:
    from cfgrib import dataset as cfgrib_dataset
    from cfgrib import messages

    given = {k: v for k, v in extra.items() if k not in ("indexpath", "errors", "filter_by_keys")}
    keys = cfgrib_dataset.compute_index_keys(given.get("time_dims", ("time", "step")), given.get("extra_coords", {}))
    stream = messages.FileStream(path, errors="raise")
    # No index file beside the input: inputs may be read-only, and stale ones were a source of wrong values.
    index = cfgrib_dataset.open_fileindex(stream, "", keys, filter_by_keys=dict(select))
    if not index.field_ids_index:
        found = _table(path)
        raise InputError(f"no message has {dict(select)}", code="I117", where=path, hint=f"the file has:\n{found}")
    try:
        return cfgrib_dataset.open_from_index(index, errors="raise", **given)
    except cfgrib_dataset.DatasetBuildError as error:
        raise _mixed(path, select, error) from error
    except ValueError as error:
        raise _mixed(path, select, error) from error


def _mixed(path: str, select: Select, error: Exception) -> InputError:
    key = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], str) else "levels"
    hint = f"set open.select to one of these, or to a list of several:\n{_table(path)}"
    return InputError(
        f"the messages do not make one dataset: {key} has several values", code="I118", where=path, hint=hint
    )


def _table(path: str) -> str:
    """The combinations of level type and variable that the file has, each as the ``select`` to write."""
    from cfgrib import messages

    keys = ["typeOfLevel", "shortName", "level"]
    index = messages.FileIndex.from_fieldset(messages.FileStream(path, errors="ignore"), keys)
    levels: dict[tuple[str, str], set[Any]] = {}
    for values, _ in index.iter_index():
        row = dict(zip(index.index_keys, values, strict=True))
        levels.setdefault((str(row["typeOfLevel"]), str(row["shortName"])), set()).add(row["level"])
    lines = []
    for (kind, name), found in sorted(levels.items()):
        ordered = sorted(found, key=lambda v: (str(type(v)), v))
        shown = ", ".join(map(str, ordered[:6])) + (f", ... {len(found)} levels" if len(found) > 6 else "")
        lines.append(f"  {{typeOfLevel: {kind}, shortName: {name}}}  # level {shown}")
    return "\n".join(lines[:40]) + (f"\n  ... {len(lines)} in all" if len(lines) > 40 else "")


def describe(path: str, select: Select, extra: Mapping[str, Any], limits: Limits) -> StoredDataset:
    """What the selected messages hold; small arrays with their values."""
    dataset = opened_strictly(path, select, extra)
    variables, coords = {}, set()
    for name, variable in dataset.variables.items():
        attrs = dict(variable.attributes.items())
        if isinstance(variable.data, np.ndarray) or not hasattr(variable.data, "field_id_index"):
            variables[name] = StoredVariable(tuple(variable.dimensions), KnownArray(np.asarray(variable.data)), attrs)
            coords.add(name)
            continue
        _check_unique(path, name, variable.data)
        shape = tuple(int(n) for n in variable.data.shape)
        geo = variable.data.geo_ndim
        chunks = (*(1 for _ in shape[:-geo]), *shape[-geo:])
        array = GribArray(path, name, shape, np.dtype(variable.data.dtype), chunks, dict(select), dict(extra), limits)
        variables[name] = StoredVariable(tuple(variable.dimensions), array, attrs)
    attrs = {k: v for k, v in dataset.attributes.items() if k != "history"}
    return StoredDataset(variables, attrs, frozenset(coords))


def _check_unique(path: str, name: str, data: Any) -> None:
    for place, messages in data.field_id_index.items():
        if len(messages) > 1:
            raise InputError(
                f"{name}: {len(messages)} messages are for the same place {tuple(place)}",
                code="I119",
                where=path,
                hint="tell them apart by open.select (stepRange, stepType, ...)",
            )


def read_values(path: str, select: Select, extra: Mapping[str, Any], name: str, region: Region) -> np.ndarray:
    """Values of a region, decoding only the messages that it touches."""
    data = opened_strictly(path, select, extra).variables[name].data
    geo = data.geo_ndim
    header = tuple(list(range(*s.indices(n))) for s, n in zip(region[:-geo], data.shape[:-geo], strict=True))
    return np.ascontiguousarray(data[(*header, *region[-geo:])])


@dataclass(eq=False)
class GribArray:
    """One variable of GRIB messages; read in the isolated process."""

    path: str
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None
    select: Select
    extra: Mapping[str, Any]
    limits: Limits

    @property
    def locator(self) -> Locator | None:
        """Kind "grib": messages are found by their keys, file by file; None where these do not travel as JSON."""
        try:
            return Locator(KIND, json.dumps([self.name, dict(self.select), dict(self.extra)]))
        except TypeError:
            return None

    def read(self, region: Region) -> np.ndarray:
        """Values in ``region``; missing points are NaN."""
        arguments = (self.path, self.select, self.extra, self.name, region)
        place, nbytes = f"{self.path}: {self.name}", region_bytes(region, self.dtype)
        values: np.ndarray = self.limits.call(read_values, *arguments, where=place, nbytes=nbytes)
        return values


def grib_arrays(path: str, names: Sequence[str], limits: Limits) -> dict[str, GribArray]:
    """Arrays by the names that their locators have in other files.

    Raises
    ------
    InputError: I212 the file has no such variable; as :func:`open`.
    """
    wanted: dict[str, list[tuple[str, str]]] = {}
    for place in names:
        name, select, extra = json.loads(place)
        wanted.setdefault(json.dumps([select, extra]), []).append((place, name))
    found: dict[str, GribArray] = {}
    for keys, places in wanted.items():
        select, extra = json.loads(keys)
        stored: StoredDataset = limits.call(describe, path, select, extra, limits, where=path)
        for place, name in places:
            source = stored.variables[name].source if name in stored.variables else None
            if not isinstance(source, GribArray):
                hint = "compare the messages of this file with those of the others"
                raise InputError(f"the file has no variable {name!r}", code="I212", where=path, hint=hint)
            found[place] = source
    return found


# -- several passes --------------------------------------------------------------------------------------------------------


def _merged(parts: list[StoredDataset], selects: tuple[Select, ...], path: str) -> StoredDataset:
    if len(parts) == 1:
        return parts[0]
    repeated = {n for p in parts for n in p.variables if n not in p.coords and sum(n in q.variables for q in parts) > 1}
    variables: dict[str, StoredVariable] = {}
    coords: set[str] = set()
    for part in parts:
        suffix = _suffix(part)
        names = {n: f"{n}_{suffix}" if n in repeated else n for n in part.variables}
        for name in part.coords:
            if name in variables and not _same(variables[name], part.variables[name]):
                names[name] = f"{name}_{suffix.rpartition('_')[2]}" if name in suffix else f"{name}_{suffix}"
        for name, variable in part.variables.items():
            label = names[name]
            if label in variables and not (name in part.coords and _same(variables[label], variable)):
                raise InputError(
                    f"two passes of open.select give {label!r}",
                    code="I118",
                    where=path,
                    hint="make the selects differ by typeOfLevel or level, or drop the name",
                )
            dims = tuple(names.get(d, d) for d in variable.dims)
            attrs = dict(variable.attrs)
            if isinstance(attrs.get("coordinates"), str):
                attrs["coordinates"] = " ".join(names.get(w, w) for w in attrs["coordinates"].split())
            variables[label] = StoredVariable(dims, variable.source, attrs)
            if name in part.coords:
                coords.add(label)
    return StoredDataset(variables, parts[0].attrs, frozenset(coords))


def _suffix(part: StoredDataset) -> str:
    """Kind of level and, for a single one above the surface, its value: ``surface``, ``heightAboveGround_2``."""
    for name in part.variables:
        kind = part.variables[name].attrs.get("GRIB_typeOfLevel")
        if not kind:
            continue
        level = part.variables.get(str(kind))
        if level is None or level.source.shape or kind == "surface":
            return str(kind)
        return f"{kind}_{float(level.source.read(())):g}"
    return "level"


def _same(one: StoredVariable, other: StoredVariable) -> bool:
    if one.dims != other.dims or one.source.shape != other.source.shape:
        return False
    whole = tuple(slice(0, n, 1) for n in one.source.shape)
    return bool(np.array_equal(one.source.read(whole), other.source.read(whole)))
