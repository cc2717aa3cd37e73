"""``open.engine``: any xarray backend in place of our own readers, with the same values, contained like them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.openers import open_dataset
from pangeo_forge.inputs.source import InputSource, OpenOptions
from tests.datasets.made import run

DATA = Path(__file__).parents[2] / "data"
TEMPO = DATA / "tempo_no2_l2_groups/TEMPO_NO2_L2_V03_20240328T154353Z_S008G01.nc4"
CAMS = sorted((DATA / "cmip6_cams_ta_units_differ").glob("*.nc"))
HADGEM = sorted((DATA / "cmip5_hadgem2es_tas_netcdf3").glob("*.nc"))


def load(path: Path, **options: Any) -> xr.Dataset:
    return open_dataset(InputSource(str(path), str(path), "time=1"), OpenOptions(**options))


def read(ds: xr.Dataset) -> xr.Dataset:
    """The dataset with plain arrays in it."""
    variables = {n: (v.dims, v.values, v.attrs) for n, v in ds.variables.items()}
    return xr.Dataset(variables, attrs=ds.attrs).set_coords(list(ds.coords))


@pytest.mark.parametrize(
    ("path", "engine", "group"),
    [(CAMS[0], "h5netcdf", None), (HADGEM[0], "scipy", None), (TEMPO, "h5netcdf", "/product")],
)
def test_equals_our_own_reader(path: Path, engine: str, group: str | None) -> None:
    ours, theirs = load(path, group=group), load(path, group=group, engine=engine)
    assert set(ours.coords) == set(theirs.coords)
    xr.testing.assert_identical(read(ours), read(theirs))


def test_regions_are_read_lazily(tmp_path: Path) -> None:
    ds = load(CAMS[0], engine="h5netcdf")
    whole = load(CAMS[0]).ta
    np.testing.assert_array_equal(ds.ta[3:9:2, 0].values, whole[3:9:2, 0].values)
    np.testing.assert_array_equal(ds.ta[::-1, -1:].values, whole[::-1, -1:].values)


def test_an_engine_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no xarray engine 'hdf4'.*h5netcdf") as caught:
        load(CAMS[0], engine="hdf4")
    assert caught.value.code == "I116"
    (tmp_path / "a.bin").write_bytes(b"\x00\x01" * 100)
    with pytest.raises(InputError, match="time=1") as caught:
        load(tmp_path / "a.bin", engine="h5netcdf")
    assert caught.value.code == "I110"


def test_a_recipe_with_an_engine(tmp_path: Path) -> None:
    text = f"""
inputs: {{glob: "{DATA}/cmip6_cams_ta_units_differ/*.nc", concat: {{time: {{}}}}}}
open: {{engine: h5netcdf, engine_options: {{decode_vlen_strings: true}}, timeout: 5min, max_unpacked: 1GB}}
"""
    _, made = run(tmp_path, text, prune=2)
    expected = xr.open_mfdataset(
        [CAMS[0], CAMS[-1]], engine="h5netcdf", data_vars="minimal", coords="minimal", compat="override"
    )
    np.testing.assert_array_equal(made.ta.values, expected.ta.values)
    np.testing.assert_array_equal(made.time.values, expected.time.values)
