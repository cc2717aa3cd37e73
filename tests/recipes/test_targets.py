"""Stand-ins of recipes that append day by day, and of those that write references."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.runs.execution import run_recipe
from pangeo_forge.runs.settings import RunSettings
from pangeo_forge.targets.opening import store_of

from .standins.archive import Archive, stored, times
from .test_series import oisst_day

ROOT = "https://www.ncei.noaa.gov/data/sea-surface-temperature-optimum-interpolation/v2.1/access/avhrr"
DAYS = ["19810929", "19810930", "19811001", "19811002"]
RANGE = ["inputs.concat.time.start=1981-09-29", "inputs.concat.time.end=1981-10-02"]


def oisst(archive: Archive) -> list[dict[str, np.ndarray]]:
    """Four days of OISST."""
    return [oisst_day(archive.path(f"{ROOT}/{d[:6]}/oisst-avhrr-v02r01.{d}.nc"), 1366 + i) for i, d in enumerate(DAYS)]


@pytest.mark.long
def test_noaa_oisst_grows(archive: Archive, tmp_path: Path) -> None:
    made = oisst(archive)
    for end in ("1981-09-30", "1981-09-30", "1981-10-02"):
        recipe = archive.recipe(
            "noaa-oisst", tmp_path, hosts=["www.ncei.noaa.gov"], set_=[RANGE[0], f"inputs.concat.time.end={end}"]
        )
        _, ds = archive.run(recipe, tmp_path)
        # The second run finds nothing new, and changes nothing.
        count = 2 if end == "1981-09-30" else 4
        assert [t[:10].replace("-", "") for t in times(ds)] == DAYS[:count]
        raw = stored(tmp_path / "noaa-oisst.zarr")
        for name in ("sst", "anom", "err", "ice"):
            np.testing.assert_array_equal(raw[name].values, np.concatenate([m[name] for m in made[:count]]))


def test_noaa_oisst_reference(archive: Archive, tmp_path: Path) -> None:
    made = oisst(archive)
    recipe = archive.recipe(
        "noaa-oisst-reference", tmp_path, hosts=["www.ncei.noaa.gov"], set_=RANGE, root=str(archive.folder)
    )
    store = str(tmp_path / "oisst.parquet")
    run_recipe(recipe, RunSettings(target=store, cache=str(tmp_path / "cache"), mode="single", workers=1))
    ds = xr.open_zarr(store_of(store), consolidated=False, chunks=None, decode_cf=False)
    for name in ("sst", "anom", "err", "ice"):
        np.testing.assert_array_equal(ds[name].values, np.concatenate([m[name] for m in made]))
    assert xr.decode_cf(ds).time.values.astype("M8[D]").astype(str).tolist() == [
        f"{d[:4]}-{d[4:6]}-{d[6:]}" for d in DAYS
    ]
