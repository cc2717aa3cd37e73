"""References to GRIB messages: in order, with the values that cfgrib and kerchunk's codec give, or refused."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.errors import TargetError
from pangeo_forge.targets.byte_ranges import stored_arrays
from pangeo_forge.targets.opening import open_dataset
from tests.recipes.standins.files import grib
from tests.targets.referring import refer, write_recipe

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[1] / "data"
RNG = np.random.default_rng(3)

BY_KERCHUNK = """
import os, pickle, sys, warnings
warnings.simplefilter("ignore")
import xarray as xr
ds = xr.open_dataset(sys.argv[1], engine="kerchunk").load()
found = {n: (v.dims, v.values) for n, v in ds.variables.items()}
sys.stdout.buffer.write(pickle.dumps(found)); sys.stdout.flush(); os._exit(0)
"""
"""As a user opens references, with kerchunk's own codec; in a process of its own, since eccodes may abort one at its end."""

MESSAGES: list[dict[str, Any]] = [
    {"shortName": "2t", "typeOfLevel": "heightAboveGround", "level": 2},
    {"shortName": "t", "typeOfLevel": "isobaricInhPa", "level": 850},
    {"shortName": "t", "typeOfLevel": "isobaricInhPa", "level": 500},
]


def target(form: str) -> dict[str, Any]:
    return {"format": "reference", "reference": {"format": form}}


def forecast(folder: Path, edition: int = 2, missing: bool = True) -> np.ndarray:
    """Three lead times, named so that their order is not that of the names' bytes in the directory; (step, message, y, x)."""
    folder.mkdir()
    values = RNG.uniform(250, 300, (3, len(MESSAGES), 3, 4))
    if missing:
        values[1, 2, 0, 1] = np.nan
    for i, step in enumerate((0, 6, 12)):
        lead = {"step": step}
        messages = [{**m, **lead} for m in MESSAGES]
        # In another order in each file: they are found by their keys.
        order = RNG.permutation(len(messages))
        grib(folder / f"f{step:02d}.grib", [messages[j] for j in order], values[i][order], edition=edition)
    return values


def recipe(folder: Path, form: str = "json", **more: Any) -> Path:
    sections: dict[str, Any] = {
        "inputs": {"glob": "*.grib", "concat": {"step": {}}},
        "open": {"select": {"shortName": "t", "typeOfLevel": "isobaricInhPa"}},
        "transforms": [
            {"reset_coords": ["valid_time"]},
            {"expand_dims": {"step": "coord"}},
            {"set_coords": ["valid_time"]},
        ],
        "target": target(form),
    }
    return write_recipe(folder, **{**sections, **more})


@pytest.mark.parametrize(("form", "edition"), [("json", 2), ("parquet", 1)])
def test_values_and_order(tmp_path: Path, form: str, edition: int) -> None:
    values = forecast(tmp_path / "f", edition)
    place = refer(recipe(tmp_path / "f", form))
    found = open_dataset(str(place), chunks=None, decode_timedelta=True).load()
    assert found.t.dims == ("step", "isobaricInhPa", "latitude", "longitude")
    assert (found.step / np.timedelta64(1, "h")).values.tolist() == [0, 6, 12]
    levels = {850: 1, 500: 2}
    for k, level in enumerate(found.isobaricInhPa.values):
        wanted = values[:, levels[int(level)]]
        np.testing.assert_allclose(found.t.values[:, k], wanted, atol=1e-3)
        assert np.isnan(found.t.values[:, k]).sum() == np.isnan(wanted).sum()
    ran = subprocess.run([sys.executable, "-c", BY_KERCHUNK, str(place)], stdout=subprocess.PIPE, check=True)
    theirs = pickle.loads(ran.stdout)
    assert theirs["t"][0] == found.t.dims
    np.testing.assert_array_equal(theirs["t"][1], found.t.values)
    np.testing.assert_array_equal(theirs["latitude"][1], found.latitude.values)


def test_references_equal_the_copy(tmp_path: Path) -> None:
    """Real files of three kinds of levels: each message is a chunk, its bytes are those of the file."""
    names = sorted((DATA / "safrica_grib2_split").glob("*.grib2"))[:3]
    folder = tmp_path / "s"
    folder.mkdir()
    sections = {
        "inputs": {"files": [str(n) for n in names], "concat": {"step": {}}},
        "open": {},
        "transforms": [
            {"reset_coords": ["valid_time"]},
            {"expand_dims": {"step": "coord"}},
            {"set_coords": ["valid_time"]},
        ],
    }
    place = refer(recipe(folder, "json", **sections))
    refs = json.loads(place.read_text())["refs"]
    assert json.loads(refs["pwat/.zarray"])["filters"] == [{"id": "grib", "var": "pwat", "dtype": "float32"}]
    for name in ("pwat", "btmp", "prate"):
        for i, path in enumerate(names):
            url, offset, length = refs[f"{name}/{i}.0.0"]
            message = path.read_bytes()[offset : offset + length]
            assert url == path.as_uri()
            assert (message[:4], message[-4:]) == (b"GRIB", b"7777")
    from tests.datasets.test_rasters import by_cfgrib

    found = open_dataset(str(place), chunks=None).load()
    for i, part in enumerate(by_cfgrib(names)):
        for name in ("pwat", "btmp", "prate"):
            np.testing.assert_array_equal(found[name].isel(step=i).values, part[name].values)
        np.testing.assert_array_equal(found.latitude.values, part.latitude.values)


def test_what_readers_would_take_for_missing_is_refused(tmp_path: Path) -> None:
    values = np.full((1, 3, 4), 9999.0)
    values[0, 0] = [1, 2, 3, 4]
    grib(tmp_path / "a.grib", [{"shortName": "gh", "typeOfLevel": "isobaricInhPa", "level": 300}], values)
    with pytest.raises(TargetError, match=r"means other values.*9999") as caught:
        stored_arrays("grib", str(tmp_path / "a.grib"), [json.dumps(["gh", {}, {}])])
    assert caught.value.code == "T073"


def test_rows_that_run_to_and_fro_are_refused(tmp_path: Path) -> None:
    keys = {"shortName": "2t", "alternativeRowScanning": 1}
    grib(tmp_path / "a.grib", [keys], RNG.uniform(250, 300, (1, 3, 4)))
    with pytest.raises(TargetError, match="order of its own") as caught:
        stored_arrays("grib", str(tmp_path / "a.grib"), [json.dumps(["t2m", {}, {}])])
    assert caught.value.code == "T073"


def test_icechunk_has_no_codec_for_it(tmp_path: Path) -> None:
    forecast(tmp_path / "f", missing=False)
    with pytest.raises(TargetError, match=r"Icechunk know no codec.*parquet or json") as caught:
        refer(recipe(tmp_path / "f", "icechunk"))
    assert caught.value.code == "T071"


def test_a_forecast_as_zarr_reads_messages_directly(tmp_path: Path) -> None:
    from tests.datasets.made import run

    values = forecast(tmp_path / "f")
    text = f"""
inputs: {{glob: "{tmp_path}/f/*.grib", concat: {{step: {{}}}}}}
open: {{select: {{shortName: t, typeOfLevel: isobaricInhPa, level: [500, 850]}}}}
transforms: [reset_coords: [valid_time], expand_dims: {{step: coord}}, set_coords: [valid_time]]
"""
    _, made = run(tmp_path, text)
    assert isinstance(made, xr.Dataset)
    levels = {850: 1, 500: 2}
    for k, level in enumerate(made.isobaricInhPa.values):
        np.testing.assert_allclose(made.t.values[:, k], values[:, levels[int(level)]], atol=1e-3)
