"""HDF5 files with groups and tables, against xarray's own opening of each group and against h5py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

from pangeo_forge.errors import CombineError

from .conversion import SHARED, assert_equals, concatenated, convert, files, shared_files

GROUPS = ("/", "/geolocation", "/product")


def grouped(path: Path) -> xr.Dataset:
    parts = [xr.open_dataset(path, engine="h5netcdf", group=g) for g in GROUPS]
    merged = xr.merge(parts, compat="equals", join="exact", combine_attrs="override")
    return merged.set_coords([n for n in ("latitude", "longitude", "time") if n in merged])


def test_tempo_groups_are_merged(tmp_path: Path) -> None:
    paths = shared_files("tempo_no2_l2_groups", "*_subsetted.nc4")
    got = convert("tempo-no2", tmp_path, data=SHARED)
    expected = concatenated([grouped(p) for p in paths], "mirror_step", coords="different")
    assert got.store.sizes["mirror_step"] == 132 + 132 + 131
    assert_equals(got.store, expected)


def test_tempo_a_coordinate_with_missing_values_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CombineError) as caught:
        convert("tempo-no2", tmp_path, set_=['inputs.glob="{data}/tempo_no2_l2_groups/*.nc4"'])
    assert caught.value.code == "C034"
    assert "mirror_step" in str(caught.value)


def test_tempo_four_groups_of_one_granule(tmp_path: Path) -> None:
    (path,) = files("tempo_no2_l2_groups", "*G01.nc4")
    groups = ["/", "/geolocation", "/product", "/qa_statistics", "/support_data"]
    got = convert(
        "tempo-no2",
        tmp_path,
        set_=[f'inputs={{url: "{{data}}/tempo_no2_l2_groups/{path.name}"}}', f"open.group=[{', '.join(groups)}]"],
    )
    parts = [xr.open_dataset(path, engine="h5netcdf", group=g) for g in groups]
    names = [str(n) for p in parts for n in p.variables]
    assert len(names) == len(set(names))
    assert set(map(str, got.store.variables)) == set(names)
    for part in parts:
        for name, variable in part.variables.items():
            written = got.store[name]
            assert written.dtype == variable.dtype.newbyteorder("="), name
            np.testing.assert_array_equal(written.values, variable.values)


def test_neon_tables(tmp_path: Path) -> None:
    (path,) = shared_files("neon_hdf5_compound")
    got = convert("neon-towers", tmp_path, data=SHARED)
    with h5py.File(path) as file:
        table: Any = file["/Domain_03/OSBS/min_30/boom_1/temperature"][()]
    assert set(map(str, got.store.variables)) == {f"temperature.{n}" for n in table.dtype.names}
    for name in table.dtype.names:
        written = got.store[f"temperature.{name}"]
        assert written.dims == ("row",)
        assert written.dtype == table[name].dtype, name
        np.testing.assert_array_equal(written.values, table[name])
