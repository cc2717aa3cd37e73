"""A variable of one input as the dataset stages see it: dims, stored dtype, packing, time, and how to read it.

This is the one place that knows how an opened and transformed variable (undecoded, or decoded by a transform, which
leaves the former packing in ``.encoding``) maps to stored numbers. Both the scan and the reading of regions go through
it, so they cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pangeo_forge.dataset import roles, time
from pangeo_forge.dataset.attributes import plain_attrs
from pangeo_forge.dataset.model import Packing, TimeUnits
from pangeo_forge.dataset.packing import PACKING_ATTRS, encode, packing_of
from pangeo_forge.dataset.values import strings
from pangeo_forge.errors import CombineError
from pangeo_forge.inputs.lazy import Access, LazyArray

if TYPE_CHECKING:
    from pangeo_forge.dataset.roles import Dataset, Variable

_TIME_ATTRS = ("units", "calendar")


@dataclass(frozen=True)
class StoredVariable:
    """One variable; ``dims`` and ``shape`` include added concat dims and leave out the dimension of characters."""

    name: str
    variable: Variable
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    packing: Packing
    time: TimeUnits | None
    attrs: dict[str, Any]
    is_coord: bool
    added: tuple[str, ...]
    """Concat dims that the input lacks and this variable gains, each of length 1, in front."""
    is_chars: bool
    is_repacked: bool = False
    """A transform decoded it and remembered the packing, into which values are put again when they are read."""

    def read(self, region: tuple[slice, ...] | None = None) -> np.ndarray:
        """Stored values in ``region`` (one slice a dim; None: all), little-endian; dates of a transform stay dates."""
        region = tuple(slice(None) for _ in self.dims) if region is None else region
        inner = region[len(self.added) :] + ((slice(None),) if self.is_chars else ())
        values = _read(self.variable, inner)
        if self.is_chars:
            values = _joined(values)
        if self.added:
            values = values.reshape((1,) * len(self.added) + values.shape)[region[: len(self.added)]]
        if self.is_repacked:
            return encode(values, self.packing, self.dtype, self.name)
        return strings(values) if self.dtype == "str" else _normal(values)

    def access(self) -> Access | None:
        """The pure view of a stored array that this is, added dims included; None when it is none."""
        data = self.variable._data
        if not isinstance(data, LazyArray) or self.is_chars or self.variable.dtype.kind not in "iufb":
            return None
        for _ in self.added:
            data = data[None]
        return data.access()

    def storage_chunks(self) -> tuple[int, ...] | None:
        """Storage chunks along ``dims``."""
        data = self.variable._data
        chunks = data.storage_chunks if isinstance(data, LazyArray) else self.variable.encoding.get("chunksizes")
        if chunks is None or len(chunks) != self.variable.ndim:
            return None
        whole = (*(1 for _ in self.added), *(int(c) for c in chunks))
        return whole[: len(self.dims)]

    @cached_property
    def nbytes(self) -> int:
        """Bytes of all values; strings are taken for 16 bytes each."""
        size = int(np.prod(self.shape, dtype=np.int64))
        return size * (16 if self.dtype == "str" else np.dtype(self.dtype).itemsize)


def stored_variables(
    ds: Dataset, concat_dims: tuple[str, ...], names: set[str] | None = None, *, decode_times: bool = True
) -> list[StoredVariable]:
    """All variables of an input (or those in ``names``), in the order of the dataset.

    Raises
    ------
    CombineError: C003 for a dtype that no array can hold (compound, mixed objects).
    """
    coords, auxiliary = roles.coordinate_names(ds), roles.auxiliary_names(ds)
    parents = roles.bounds_parents(ds) if decode_times else {}
    chars = roles.char_dims(ds)
    new = tuple(d for d in concat_dims if d not in ds.dims)
    beside = {d: {d} | roles.bounds_of(ds, d) for d in new}
    found = []
    for key, variable in ds.variables.items():
        name = str(key)
        if names is not None and name not in names:
            continue
        gains = new if name not in coords and name not in auxiliary else tuple(d for d in new if name in beside[d])
        parent = ds.variables[parents[name]] if name in parents else None
        found.append(
            _stored(
                name,
                variable,
                gains,
                name in coords,
                parent,
                bool(variable.dims and variable.dims[-1] in chars),
                decode_times,
            )
        )
    return found


def _stored(
    name: str,
    variable: Variable,
    added: tuple[str, ...],
    is_coord: bool,
    parent: Variable | None,
    is_chars: bool,
    decode_times: bool,
) -> StoredVariable:
    kept = variable.ndim - is_chars
    dtype = _dtype(name, variable, is_chars)
    # What a transform has decoded is a time, whatever the opener was told of those that are stored.
    times = _time(variable, parent) if decode_times or dtype == "time" else None
    remembered = _remembered(variable)
    packed = variable.attrs if dtype not in ("time", "str") else {}
    if remembered is not None:
        dtype, packed = remembered
    is_number = dtype not in ("time", "str") and np.dtype(dtype).kind != "S"
    packing = packing_of(packed, np.dtype(dtype), name) if is_number else Packing()
    dropped = {
        *(PACKING_ATTRS if np.dtype("S1" if dtype in ("time", "str") else dtype).kind in "iuf" else ()),
        *(_TIME_ATTRS if times else ()),
    }
    attrs = {k: v for k, v in plain_attrs(variable.attrs).items() if k not in dropped}
    if dtype == "str" or dtype.startswith("|S"):
        dtype = _of_missing_text(attrs, dtype, is_chars)
    coordinates = variable.encoding.get("coordinates")
    if isinstance(coordinates, str):
        attrs.setdefault("coordinates", coordinates)
    return StoredVariable(
        name=name,
        variable=variable,
        dims=(*added, *(str(d) for d in variable.dims[:kept])),
        shape=(*(1 for _ in added), *variable.shape[:kept]),
        dtype="<i8" if dtype == "time" else dtype,
        packing=packing,
        time=times,
        attrs=attrs,
        is_coord=is_coord or name in added,
        added=added,
        is_chars=is_chars,
        is_repacked=remembered is not None,
    )


def _of_missing_text(attrs: dict[str, Any], dtype: str, is_chars: bool) -> str:
    """Say in ``attrs`` which text means "missing" as readers of the target understand it; the dtype that can be read so.

    A fill value of single characters says nothing of the strings that they make. That of strings becomes ``missing_value``, since
    xarray reads no ``_FillValue`` of strings in Zarr v3; it masks strings of any length only.
    """
    fill = attrs.pop("_FillValue", None)
    if is_chars or fill is None:
        return dtype
    text = fill.decode("utf-8", "replace") if isinstance(fill, bytes) else str(fill)
    attrs.setdefault("missing_value", text)
    return "str"


def _remembered(variable: Variable) -> tuple[str, dict[str, Any]] | None:
    """dtype and packing of the integers that a transform (``mask``, ``scale``, ``fill_value``) has decoded.

    Those of values that a hook made are not taken: nothing says that they fit. Without a fill value there would be no
    number for what a mask made missing.
    """
    stored = np.dtype(variable.encoding.get("dtype", "f8"))
    packing = {k: v for k, v in variable.encoding.items() if k in PACKING_ATTRS}
    lazy = isinstance(variable._data, LazyArray)
    if (
        not lazy
        or variable.dtype.kind != "f"
        or stored.kind not in "iu"
        or not {"_FillValue", "missing_value"} & set(packing)
    ):
        return None
    little = stored.newbyteorder("<")
    found = packing_of(packing, little)
    return (little.str, packing) if found.fill_value is not None or found.missing_value else None


def _dtype(name: str, variable: Variable, is_chars: bool) -> str:
    """Stored dtype, little-endian; "str" for strings, "time" for dates."""
    dtype = variable.dtype
    if is_chars:
        return f"|S{max(1, variable.shape[-1])}"
    if dtype.kind in "M":
        return "time"
    if dtype.kind in "UT":
        return "str"
    if dtype.kind == "O":
        return _object_dtype(name, variable)
    if dtype.kind == "V" or dtype.fields:
        raise CombineError(
            f"variable {name!r} has the compound dtype {dtype}, which an array of the target cannot hold",
            code="C003",
            hint=f"leave it out: transforms: [drop: [{name}]], or read one field of it",
        )
    if dtype.kind in "fc" and dtype.itemsize > {"f": 8, "c": 16}[dtype.kind]:
        raise CombineError(
            f"variable {name!r} is {dtype}, which an array of the target cannot hold",
            code="C003",
            hint=f"make it shorter, or leave it out: transforms: [cast: {{{name}: {'float64' if dtype.kind == 'f' else 'complex128'}}}], or drop",
        )
    return "<m8[ns]" if dtype.kind == "m" else dtype.newbyteorder("<").str


def _object_dtype(name: str, variable: Variable) -> str:
    import cftime

    if variable.size == 0 or variable.dtype.metadata:
        return "str"
    sample = _read(variable, (slice(0, 1),) * variable.ndim).reshape(-1)[0]
    if isinstance(sample, cftime.datetime):
        return "time"
    if isinstance(sample, (str, bytes)):
        return "str"
    raise CombineError(
        f"variable {name!r} holds Python objects ({type(sample).__name__}), not numbers or strings",
        code="C003",
        hint=f"leave it out: transforms: [drop: [{name}]]",
    )


def _time(variable: Variable, parent: Variable | None) -> TimeUnits | None:
    if variable.dtype.kind == "M" or (variable.dtype.kind == "O" and _is_cftime(variable)):
        units = variable.encoding.get("units")
        calendar = variable.encoding.get("calendar")
        if calendar is None and variable.dtype.kind == "O":
            calendar = _first(variable).calendar
        calendar = calendar or "proleptic_gregorian"
        kept = str(units) if time.is_time_units(units) else ""
        return TimeUnits(kept, time.normal_calendar(calendar), calendar, decoded=True)
    if variable.dtype.kind not in "iuf":
        return None
    units, calendar = variable.attrs.get("units"), variable.attrs.get("calendar")
    inherits = units is None and parent is not None
    if inherits and parent is not None:
        inherited = parent.attrs if time.is_time_units(parent.attrs.get("units")) else parent.encoding
        units, calendar = inherited.get("units"), calendar or inherited.get("calendar")
    if not time.is_time_units(units):
        return None
    spelling = None if calendar is None else str(calendar)
    return TimeUnits(time.clear_units(str(units)), time.normal_calendar(spelling), spelling, inherits)


def _first(variable: Variable) -> Any:
    return _read(variable, (slice(0, 1),) * variable.ndim).reshape(-1)[0]


def _is_cftime(variable: Variable) -> bool:
    import cftime

    return variable.size > 0 and isinstance(_first(variable), cftime.datetime)


def _read(variable: Variable, region: tuple[slice, ...]) -> np.ndarray:
    data: Any = variable._data
    if isinstance(data, LazyArray):
        return data[region].read()
    if isinstance(data, np.ndarray):
        return data[region]
    other: Any = variable
    return np.asarray(other[region].values)


def _joined(values: np.ndarray) -> np.ndarray:
    """Strings of the last axis' characters."""
    length = values.shape[-1]
    if not length:
        return np.zeros(values.shape[:-1], "S1")
    return np.ascontiguousarray(values).view(f"S{length}").reshape(values.shape[:-1])


def _normal(values: np.ndarray) -> np.ndarray:
    """Little-endian; strings as objects."""
    if values.dtype.kind in "UTO":
        if values.size and not isinstance(values.flat[0], (str, bytes)):
            return values
        return strings(values)
    if values.dtype.kind == "m":
        return values.astype("<m8[ns]")
    return values.astype(values.dtype.newbyteorder("<"), copy=False)
