"""Small lazy datasets that count what is read of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from pangeo_forge.dataset.transforms import Context, apply_transforms
from pangeo_forge.inputs.lazy import LazyArray, Locator


class Counting:
    """An ArraySource in memory that counts reads and bytes."""

    chunks = None

    def __init__(self, values: Any, name: str = "x") -> None:
        self.values = np.asarray(values)
        self.name = name
        self.reads = 0
        self.elements = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.values.dtype

    @property
    def locator(self) -> Locator:
        return Locator("memory", self.name)

    def read(self, region: tuple[slice, ...]) -> np.ndarray:
        self.reads += 1
        out = self.values[region].copy()
        self.elements += out.size
        return out


def lazy(dims: tuple[str, ...], values: Any, attrs: dict[str, Any] | None = None, name: str = "x") -> xr.Variable:
    return xr.Variable(dims, LazyArray(Counting(values, name)), attrs)


def dataset(
    variables: dict[str, tuple[tuple[str, ...], Any, dict[str, Any]]], attrs: dict[str, Any] | None = None
) -> xr.Dataset:
    made = {n: lazy(d, v, a, n) for n, (d, v, a) in variables.items()}
    coords = {n: v for n, v in made.items() if v.dims == (n,)}
    data = {n: v for n, v in made.items() if n not in coords}
    return xr.Dataset(data, coords=xr.Coordinates(coords, indexes={}), attrs=attrs)


def sst(days: int = 2) -> xr.Dataset:
    """Packed sea surface temperature on a descending latitude axis, in the manner of daily archives."""
    rng = np.random.default_rng(0)
    values = rng.integers(-200, 3500, (days, 1, 4, 6)).astype("i2")
    values[0, 0, 0, :2] = -999
    packing = {"scale_factor": np.float32(0.01), "add_offset": np.float32(0), "_FillValue": np.int16(-999)}
    return dataset(
        {
            "sst": (("time", "zlev", "lat", "lon"), values, packing | {"units": "Celsius", "coordinates": "area"}),
            "crs": ((), np.int32(0), {}),
            "area": (("lat", "lon"), np.ones((4, 6), "f4"), {}),
            "time": (("time",), np.arange(days, dtype="f4") + 15339.5, {"units": "days since 1978-01-01 12:00:00"}),
            "zlev": (("zlev",), np.zeros(1, "f4"), {}),
            "lat": (("lat",), np.array([35, 25, 15, 5], "f4"), {"units": "degrees_north"}),
            "lon": (("lon",), np.arange(0, 360, 60, dtype="f4"), {}),
        },
        {"title": "made", "time_coverage_start": "2020-01-01T06:00:00.500Z"},
    )


def source(ds: xr.Dataset, name: str) -> Counting:
    return ds.variables[name]._data.source  # type: ignore[no-any-return]


def reads(ds: xr.Dataset) -> dict[str, int]:
    """Reads so far of each lazy variable that was read."""
    found = {}
    for name, variable in ds.variables.items():
        if isinstance(variable._data, LazyArray) and variable._data.source.reads:  # type: ignore[attr-defined]
            found[str(name)] = variable._data.source.reads  # type: ignore[attr-defined]
    return found


def values(ds: xr.Dataset, name: str) -> np.ndarray:
    return np.asarray(ds.variables[name].values)


def oracle(ds: xr.Dataset) -> xr.Dataset:
    """The same dataset in memory, decoded by xarray."""
    loaded = {n: xr.Variable(v.dims, np.asarray(v.values), v.attrs) for n, v in ds.variables.items()}
    plain = xr.Dataset(loaded, attrs=ds.attrs).set_coords(list(ds.coords))
    return xr.decode_cf(plain, decode_timedelta=False)


def apply(ds: xr.Dataset, *transforms: Any, **context: Any) -> xr.Dataset:
    return apply_transforms(ds, transforms, Context(**{"label": "input 7", **context}))
