"""NetCDF-4 and HDF5 against xarray's own reader, and the quirks of archives."""

from __future__ import annotations

import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import pytest
import xarray as xr

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.openers import open_dataset, opened
from pangeo_forge.inputs.source import InputSource, OpenOptions

DATA = Path(__file__).parents[2] / "data"
TEMPO = DATA / "tempo_no2_l2_groups/TEMPO_NO2_L2_V03_20240328T154353Z_S008G01.nc4"
SAM0 = DATA / "cmip6_sam0_siconc/siconc_SImon_SAM0-UNICON_historical_r1i1p1f1_gn_201001-201412.nc"
IMERG = DATA / "singles/3B-HHR.MS.MRG.3IMERG.20170103-S110000-E112959.0660.V06B.HDF5.SUB.hdf5"
FILES = [
    (DATA / "cmip6_cams_ta_units_differ/ta_Amon_CAMS-CSM1-0_historical_r1i1p1f1_gn_194001-195412.nc", None),
    (DATA / "singles/vlstr_type.nc", None),
    (IMERG, None),
    (TEMPO, None),
    (TEMPO, "/geolocation"),
    (TEMPO, "support_data"),
    (SAM0, None),
]


def load(path: Path, **options: Any) -> xr.Dataset:
    return open_dataset(InputSource(str(path), str(path), "key"), OpenOptions.from_mapping(options))


@pytest.mark.parametrize(("path", "group"), FILES, ids=lambda p: p.name[:12] if isinstance(p, Path) else str(p))
def test_equals_xarray(path: Path, group: str | None) -> None:
    ours = load(path, decode_coords=False, group=group)
    kept: dict[str, Any] = {"decode_times": False, "mask_and_scale": False, "decode_coords": False}
    theirs = xr.open_dataset(path, engine="h5netcdf", group=group, **kept)
    assert set(ours.variables) == set(theirs.variables)
    xr.testing.assert_identical(ours.load(), theirs.load())
    for name in theirs.variables:
        if theirs[name].dtype.kind not in "OU":
            assert ours[name].dtype == theirs[name].dtype, name


def test_groups_are_merged() -> None:
    dataset = load(TEMPO, group=["/", "/geolocation", "product"])
    assert {"mirror_step", "latitude", "vertical_column_troposphere"} <= set(dataset.variables)
    assert dataset["vertical_column_troposphere"].dims == ("mirror_step", "xtrack")


def test_absent_group_lists_the_groups() -> None:
    with pytest.raises(InputError, match="/geolocation") as caught:
        load(TEMPO, group="/Geolocation")
    assert caught.value.code == "I111"
    assert caught.value.where is not None
    assert caught.value.where.startswith("key (")


def test_phony_dims_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["g/rain"] = np.zeros((3, 4, 4))
        file["g/lat"] = np.arange(4.0)
    assert load(path, group="g").rain.dims == ("phony_dim_1", "phony_dim_0", "phony_dim_2")
    named = load(path, group="g", dims={"/g/rain": ["time", "lat", "lon"], "/g/lat": ["lat"]})
    assert named.rain.dims == ("time", "lat", "lon")
    assert "lat" in named.coords
    renamed = load(path, group="g", dims={"phony_dim_0": "lat"})
    assert renamed.rain.dims == ("phony_dim_1", "lat", "phony_dim_2")
    for dims in ({"nothing": "x"}, {"/g/rain": ["a", "b"]}, {"/g/rian": ["a"]}):
        with pytest.raises(InputError) as caught:
            load(path, group="g", dims=dims)
        assert caught.value.code == "I113"


def test_tables_become_variables(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    table = np.array([(b"d1", 1, 0.5), (b"d2", 2, 1.5)], dtype=[("date", "S2"), ("n", "i4"), ("mean", "f8")])
    with h5py.File(path, "w") as file:
        file["g/temperature"] = table
        file["g/temperature"].attrs["mean"] = "mean of n"
    dataset = load(path, group="g", dims={"/g/temperature": "row"})
    np.testing.assert_array_equal(dataset["temperature.mean"].values, [0.5, 1.5])
    np.testing.assert_array_equal(dataset["temperature.date"].values, [b"d1", b"d2"])
    assert dataset["temperature.mean"].attrs["long_name"] == "mean of n"
    with pytest.raises(InputError, match=r"set open\.group to one of: /g"):
        load(path)


def test_odd_types(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["flag"] = np.array([True, False])
        file["text"] = np.array(["ä", "b"], dtype=h5py.string_dtype())
        file["ragged"] = np.array([np.arange(2), np.arange(3)], dtype=object).astype(h5py.vlen_dtype("i4"))
        file["reference"] = np.array([file["flag"].ref], dtype=h5py.ref_dtype)
        file["big"] = np.arange(3, dtype=">i2")
        file["flag"].attrs["target"] = file["text"].ref
        file["flag"].attrs["_Unsigned"] = "true"
    with pytest.warns(UserWarning, match="left out") as caught:
        dataset = load(path)
    assert len(caught) == 3
    assert set(dataset.variables) == {"flag", "text", "big"}
    assert dataset.flag.dtype == bool
    assert dataset.flag.attrs == {"_Unsigned": "true"}
    assert dataset.text.values.tolist() == ["ä", "b"]
    assert dataset.big.dtype == ">i2"


def test_text_that_is_no_utf8_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["a"] = 1.0
        kind = h5py.h5t.C_S1.copy()
        kind.set_size(4)
        space = h5py.h5s.create(h5py.h5s.SCALAR)
        h5py.h5a.create(file["a"].id, b"units", kind, space).write(np.array(b"\xb0C\x00\x00"))
    with pytest.warns(UserWarning, match="no UTF-8"):
        dataset = load(path)
    assert dataset.a.attrs["units"] == "°C"
    dataset.a.attrs["units"].encode()


def test_data_in_other_files_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(8))
    for way in ("link", "external", "virtual"):
        path = tmp_path / f"{way}.h5"
        with h5py.File(path, "w") as file:
            file["ok"] = 1
            if way == "link":
                file["a"] = h5py.ExternalLink("other.h5", "/a")
            elif way == "external":
                file.create_dataset("a", (1,), "f8", external=[(str(secret), 0, 8)])
            else:
                layout = h5py.VirtualLayout((2,), "f8")
                layout[:] = h5py.VirtualSource("other.h5", "a", (2,))
                file.create_virtual_dataset("a", layout)
        with pytest.raises(InputError) as caught:
            load(path)
        assert caught.value.code == "I114"
        assert list(load(path, drop=["a"]).variables) == ["ok"]


def test_an_unlimited_dimension_that_others_made_longer_is_filled(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("t", None)
        file.createDimension("x", 2)
        file.createVariable("a", "f4", ("t", "x"), fill_value=-9)[0:5] = 1
        file.createVariable("b", "f4", ("t", "x"), fill_value=-9)[0:3] = 2
    with load(path) as ours, xr.open_dataset(path, engine="h5netcdf", decode_cf=False) as theirs:
        assert ours.b.shape == (5, 2)
        np.testing.assert_array_equal(ours.b.values, theirs.b.values)
        np.testing.assert_array_equal(ours.b[1:5:2].values, theirs.b[1:5:2].values)


def test_coordinates_attribute(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("x", 2)
        for name in ("a", "lon", "b", "crs"):
            file.createVariable(name, "f4", ("x",))[:] = 0
        file["a"].coordinates = "lon absent"
        file["a"].grid_mapping = "crs"
        file["lon"].bounds = "b"
    assert set(load(path).coords) == {"lon"}
    assert set(load(path, decode_coords="all").coords) == {"lon", "b", "crs"}
    assert set(load(path, decode_coords=False).coords) == set()
    assert load(path).a.attrs["coordinates"] == "lon absent"


def test_no_file_stays_open_and_datasets_pickle(tmp_path: Path) -> None:
    source = InputSource(str(IMERG), str(IMERG))
    open_dataset(source)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(200):
        with opened(source) as dataset:
            pass
    assert len(os.listdir("/proc/self/fd")) == before
    again = pickle.loads(pickle.dumps(dataset))
    np.testing.assert_array_equal(again.precipitationCal[0, :5].values, dataset.precipitationCal[0, :5].values)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_ten_thousand_opens_leak_nothing() -> None:
    source = InputSource(str(IMERG), str(IMERG))
    open_dataset(source)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10_000):
        open_dataset(source)
    assert len(os.listdir("/proc/self/fd")) == before


SAMPLES = Path(os.environ.get("PANGEO_FORGE_SAMPLE_DATA", "/nonexistent"))


@pytest.mark.long
def test_all_sample_files_equal_xarray() -> None:
    paths = [
        p
        for p in SAMPLES.rglob("*")
        if p.is_file() and p.open("rb").read(4) == b"\x89HDF" and "neon" not in p.name.lower()
    ]
    if not paths:
        pytest.skip("set PANGEO_FORGE_SAMPLE_DATA to a folder of files")
    for path in paths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours = load(path, decode_coords=False)
            theirs = xr.open_dataset(
                path, engine="h5netcdf", decode_times=False, mask_and_scale=False, decode_coords=False
            )
        for name in theirs.variables:
            assert ours[name].dims == theirs[name].dims
            np.testing.assert_array_equal(ours[name].values, theirs[name].values)
