"""NetCDF-3, GRIB, GeoTIFF and zarr against the field's own readers."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.openers import open_dataset
from pangeo_forge.inputs.source import InputSource, OpenOptions

DATA = Path(__file__).parents[2] / "data"
NETCDF3 = DATA / "cmip5_hadgem2es_tas_netcdf3/tas_Amon_HadGEM2-ES_rcp85_r1i1p1_229912-229912.nc"
GRIB = DATA / "safrica_grib2_split/safrica.valid201003081200.grib2"
TIFF = DATA / "singles/test_data_tif_time.tif"
ZARR = DATA / "singles/sic_daily_sample.zarr.zip"


def load(path: Path | str, **options: Any) -> xr.Dataset:
    return open_dataset(InputSource(str(path), str(path), "key"), OpenOptions.from_mapping(options))


def test_netcdf3_equals_xarray(tmp_path: Path) -> None:
    theirs = xr.open_dataset(
        NETCDF3, engine="scipy", decode_times=False, mask_and_scale=False, decode_coords=False
    ).load()
    xr.testing.assert_identical(load(NETCDF3, decode_coords=False).load(), theirs)
    packed = tmp_path / "wrong_name.tif"
    packed.write_bytes(gzip.compress(NETCDF3.read_bytes()))
    unpacked = load(packed, decode_coords=False, scratch=str(tmp_path))
    xr.testing.assert_identical(unpacked.load(), theirs)


def test_a_format_that_the_bytes_deny_is_an_error() -> None:
    with pytest.raises(InputError) as caught:
        load(NETCDF3, format="grib2")
    assert caught.value.code == "I115"
    with pytest.raises(InputError) as caught:
        load(NETCDF3, group="/Grid")
    assert caught.value.code == "I111"


def cfgrib_values(path: Path) -> dict[str, Any]:
    """What cfgrib's own dataset holds, told by another process, since eccodes may not be loaded here."""
    code = (
        "import sys, cfgrib, pickle, os, numpy as np\n"
        "d = cfgrib.open_file(sys.argv[1], indexpath='')\n"
        "out = {n: (v.dimensions, np.asarray(v.data[tuple(slice(None) for _ in v.dimensions)] if v.dimensions else v.data),"
        " v.attributes) for n, v in d.variables.items()}\n"
        "sys.stdout.buffer.write(pickle.dumps(out)); sys.stdout.flush(); os._exit(0)\n"
    )
    import pickle

    ran = subprocess.run([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, check=True)
    return pickle.loads(ran.stdout)


def test_grib_equals_cfgrib() -> None:
    loaded_before = "eccodes" in sys.modules  # xarray loads it too, when it looks for engines in another test
    dataset = load(GRIB)
    theirs = cfgrib_values(GRIB)
    assert set(dataset.variables) == set(theirs)
    for name, (dims, values, attrs) in theirs.items():
        assert dataset[name].dims == tuple(dims)
        assert dataset[name].attrs == attrs
        np.testing.assert_array_equal(dataset[name].values, values)
    np.testing.assert_array_equal(dataset.pwat[5:9, ::7].values, theirs["pwat"][1][5:9, ::7])
    assert {"latitude", "step", "surface"} <= set(dataset.coords)
    assert loaded_before or "eccodes" not in sys.modules


def test_grib_select_and_drop() -> None:
    assert list(load(GRIB, select={"shortName": "pwat"}).data_vars) == ["pwat"]
    assert list(load(GRIB, drop=["p*"]).data_vars) == ["btmp"]
    passes = load(GRIB, select=[{"shortName": "pwat"}, {"typeOfLevel": "surface"}])
    assert set(passes.data_vars) == {"pwat", "prate"}
    with pytest.raises(InputError, match="typeOfLevel: cloudTop, shortName: btmp") as caught:
        load(GRIB, select={"shortName": "t2m"})
    assert caught.value.code == "I117"


MAKE_LEVELS = """
import eccodes as e, sys, os
with open(sys.argv[1], "rb") as f: h = e.codes_grib_new_from_file(f)
with open(sys.argv[2], "wb") as out:
    for kind, level, value in (("surface", 0, 1.0), ("heightAboveGround", 50, 2.0), ("heightAboveGround", 80, 3.0)):
        m = e.codes_clone(h)
        e.codes_set(m, "typeOfLevel", kind); e.codes_set(m, "level", level)
        e.codes_set_values(m, [value] * e.codes_get_size(m, "values")); e.codes_write(m, out)
    if len(sys.argv) > 3: e.codes_write(m, out)
os._exit(0)
"""


def test_grib_levels_are_told_apart(tmp_path: Path) -> None:
    one = DATA / "singles/polar_stereo.grib2"
    path = tmp_path / "levels.grib2"
    subprocess.run([sys.executable, "-c", MAKE_LEVELS, str(one), str(path)], check=True)
    with pytest.raises(
        InputError, match=r"\{typeOfLevel: heightAboveGround, shortName: \w+\}  # level 50, 80"
    ) as caught:
        load(path)
    assert caught.value.code == "I118"
    both = load(path, select=[{"typeOfLevel": "surface"}, {"typeOfLevel": "heightAboveGround"}])
    assert len(both.data_vars) == 2
    (surface,) = [n for n in both.data_vars if "surface" in str(n)]
    (height,) = [n for n in both.data_vars if "heightAboveGround" in str(n)]
    assert float(both[surface].max()) == 1.0
    assert both[height].isel(heightAboveGround=1).values.max() == 3.0
    apart = load(
        path,
        select=[{"typeOfLevel": "heightAboveGround", "level": 50}, {"typeOfLevel": "heightAboveGround", "level": 80}],
    )
    low, high = sorted(apart.data_vars, key=lambda n: float(apart[n].max()))
    assert str(low).endswith("heightAboveGround_50")
    assert str(high).endswith("heightAboveGround_80")
    assert float(apart["heightAboveGround"]) == 50
    assert float(apart["heightAboveGround_80"]) == 80


def test_grib_repeated_messages_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "twice.grib2"
    one = DATA / "singles/polar_stereo.grib2"
    path.write_bytes(one.read_bytes() * 2)
    with pytest.raises(InputError) as caught:
        load(path)
    assert caught.value.code == "I119"


def test_grib_truncated(tmp_path: Path) -> None:
    path = tmp_path / "cut.grib2"
    path.write_bytes(GRIB.read_bytes()[:-5])
    with pytest.raises(InputError, match="5 bytes") as caught:
        load(path)
    assert caught.value.code == "I105"


def test_geotiff_equals_rasterio() -> None:
    import rasterio

    dataset = load(TIFF)
    with rasterio.open(TIFF) as raster:
        np.testing.assert_array_equal(dataset.band_data.values, raster.read())
        np.testing.assert_array_equal(dataset.band_data[1, 3:9, ::4].values, raster.read(2)[3:9, ::4])
        x, y = raster.xy(5, 7)
        assert (float(dataset.x[7]), float(dataset.y[5])) == pytest.approx((x, y))
    assert dataset.band_data.dims == ("band", "y", "x")
    assert dataset.band_data.attrs["grid_mapping"] == "spatial_ref"
    assert "crs_wkt" in dataset.spatial_ref.attrs
    assert list(dataset.band.values) == [1, 2]


def test_geotiff_packing_nodata_and_projection(tmp_path: Path) -> None:
    import rasterio
    from rasterio.transform import from_origin

    path = tmp_path / "a.dat"
    shape: dict[str, Any] = {"driver": "GTiff", "width": 40, "height": 20, "count": 1, "dtype": "int16"}
    with rasterio.open(path, "w", crs="EPSG:32633", transform=from_origin(500, 900, 10, 10), nodata=-9, **shape) as out:
        out.write(np.arange(800, dtype="i2").reshape(1, 20, 40))
        out.scales, out.offsets = (0.1,), (5.0,)
    dataset = load(path)
    attrs = dataset.band_data.attrs
    assert (attrs["_FillValue"], attrs["scale_factor"], attrs["add_offset"]) == (-9, 0.1, 5.0)
    assert attrs["_FillValue"].dtype == "i2"
    grid = dataset.spatial_ref.attrs
    assert grid["grid_mapping_name"] == "transverse_mercator"
    assert grid["longitude_of_central_meridian"] == 15
    assert grid["GeoTransform"] == "500.0 10.0 0.0 900.0 0.0 -10.0"
    np.testing.assert_array_equal(dataset.y.values, 895.0 - 10 * np.arange(20))


def test_zarr_zip_equals_xarray(tmp_path: Path) -> None:
    with zipfile.ZipFile(ZARR) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / "sic_daily_sample.zarr"
    theirs = xr.open_zarr(folder, decode_cf=False, chunks=None).load()
    xr.testing.assert_identical(load(folder, decode_coords=False).load(), theirs)
    xr.testing.assert_identical(load(ZARR, decode_coords=False).load(), theirs)


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_made_here(version: int, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    made = xr.Dataset({"a": (("t", "x"), np.arange(12, dtype="i2").reshape(3, 4))}, {"t": [1, 2, 3]})
    made.to_zarr(path, group="g", zarr_format=version, encoding={"a": {"chunks": (2, 2)}})  # type: ignore[call-overload]
    dataset = load(path, group="g")
    np.testing.assert_array_equal(dataset.a[1:, ::2].values, made.a[1:, ::2].values)
    assert dataset.a.variable._data.storage_chunks == (2, 2)
    remote = open_dataset(InputSource(f"file://{path}"), OpenOptions(format="zarr", group="g"))
    np.testing.assert_array_equal(remote.a.values, made.a.values)
    with pytest.raises(InputError) as caught:
        load(path, group="h")
    assert caught.value.code == "I111"
