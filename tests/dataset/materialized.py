"""What a template says, written out in memory: the stored dataset of a target, to compare with xarray."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from pangeo_forge.dataset.combine import Combination
from pangeo_forge.dataset.model import Template
from pangeo_forge.dataset.read import input_region, read_region
from pangeo_forge.dataset.scan import scan_dataset
from pangeo_forge.dataset.settings import CombineSettings

DATA = Path(__file__).parents[1] / "data"
SHARED = Path(os.environ.get("PANGEO_FORGE_DATA", Path(__file__).parents[3] / "shared" / "data"))


def files(dataset: str, pattern: str = "*") -> list[Path]:
    return sorted((DATA / dataset).glob(pattern))


def shared_files(dataset: str, pattern: str = "*") -> list[Path]:
    import pytest

    found = sorted((SHARED / dataset).glob(pattern))
    if not found:
        pytest.skip(f"no sample data in {SHARED / dataset}")
    return found


def stored(path: Path) -> xr.Dataset:
    """A NetCDF file undecoded."""
    engine = "h5netcdf" if path.read_bytes()[:4] == b"\x89HDF" else "scipy"
    return xr.open_dataset(path, engine=engine, decode_cf=False)


def combined(
    inputs: Mapping[tuple[int, ...], xr.Dataset] | Sequence[xr.Dataset],
    concat_dims: tuple[str, ...] = ("time",),
    keys: Mapping[tuple[int, ...], Mapping[str, Any]] | None = None,
    **settings: Any,
) -> tuple[Template, dict[tuple[int, ...], xr.Dataset]]:
    """Scan and combine; inputs given as a sequence are positions of one concat key."""
    datasets = dict(inputs) if isinstance(inputs, Mapping) else {(i,): ds for i, ds in enumerate(inputs)}
    combination = Combination.empty(CombineSettings(concat_dims, **settings))
    for index, ds in datasets.items():
        combination.add(scan_dataset(ds, index, f"input {index}", concat_dims, key=(keys or {}).get(index)))
    return combination.template(), datasets


def materialize(template: Template, datasets: Mapping[tuple[int, ...], xr.Dataset]) -> xr.Dataset:
    """The stored dataset: known values as the template has them, the rest read input by input."""
    n = len(template.concat_dims)
    variables = {}
    for array in template.arrays:
        dtype = object if array.dtype == "str" else np.dtype(array.dtype)
        fill = array.fill_value
        data = np.zeros(array.shape, dtype) if fill is None else np.full(array.shape, fill, dtype)
        for position in reversed(template.positions):
            if array.merge is not None and position[n:] not in array.merge:
                continue
            if array.name not in datasets[position].variables:
                continue
            source = input_region(template, array, position)
            target = tuple(
                slice(
                    int(template.starts[d][p := position[template.concat_dims.index(d)]]),
                    int(template.starts[d][p] + template.lengths[d][p]),
                )
                if d in template.concat_dims
                else slice(None)
                for d in array.dims
            )
            if array.values is None:
                data[target] = read_region(
                    datasets[position], array, source, concat_dims=template.concat_dims, label=str(position)
                )
        if array.values is not None:
            assert array.values.shape == array.shape
            assert array.dtype == "str" or array.values.dtype.str == array.dtype
            data = array.values
        attrs = dict(array.attrs) if fill is None else {**array.attrs, "_FillValue": np.array(fill, dtype)[()]}
        variables[array.name] = (array.dims, data, attrs)
    return xr.Dataset(variables, attrs=dict(template.attrs))


def decoded(ds: xr.Dataset) -> xr.Dataset:
    return xr.decode_cf(ds)
