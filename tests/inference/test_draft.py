"""What the samples hold decides dims, transforms and checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from pangeo_forge.inference.start import Start, start_recipe
from pangeo_forge.recipe.load import load_recipe


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(
    name: str, variable: str, dims: dict[str, Any], scalars: dict[str, Any] | None = None, **encoding: Any
) -> None:
    values = np.ones([len(v) for v in dims.values()], "f4")
    ds = xr.Dataset({variable: (tuple(dims), values)}, coords={**dims, **(scalars or {})})
    Path(name).parent.mkdir(exist_ok=True)
    ds.to_netcdf(name, engine="h5netcdf", encoding={variable: encoding} if encoding else None)


def start(**options: Any) -> tuple[Start, Any]:
    made = start_recipe("made", ["in"], **options)
    return made, load_recipe(made.path)


GRID = {"lat": np.arange(3.0), "lon": np.arange(4.0)}


def daily(year: int) -> Any:
    return pd.date_range(f"{year}-01-01", f"{year}-12-31")


def test_a_dim_called_day_is_renamed() -> None:
    for variable, name in (("pr", "precipitation"), ("tmmx", "air_temperature")):
        for year in (1999, 2000):
            write(
                f"in/{variable}_{year}.nc",
                name,
                {"day": daily(year), **GRID},
                dtype="i2",
                scale_factor=0.1,
                _FillValue=-999,
            )
    made, recipe = start()
    assert recipe.inputs.concat["year"].dim == "time"
    assert recipe.transforms[0].name == "rename"
    assert list(recipe.inputs.merge) == ["variable"]
    assert recipe.inputs.items_per_file is None  # years differ in length
    assert "packed (precipitation)" in made.path.read_text()


def test_another_name_of_the_dim_is_kept() -> None:
    for year in (1999, 2000):
        write(f"in/a_{year}.nc", "t", {"time_counter": daily(year), **GRID})
    _, recipe = start()
    assert recipe.inputs.concat["year"].dim == "time_counter"
    assert recipe.transforms == []


def test_the_same_variables_are_joined_along_a_new_dim() -> None:
    for scenario in ("ssp126", "ssp585"):
        write(f"in/tas_{scenario}.nc", "tas", {"time": daily(2000), **GRID})
    made, recipe = start()
    assert list(recipe.inputs.concat) == ["scenario"]
    assert recipe.inputs.merge == {}
    assert any("same variables" in n for n in made.notes)


def test_files_without_time_get_the_dates_of_their_names() -> None:
    for day in (1, 2, 3):
        write(f"in/et_2020{day:03d}.nc", "et", GRID)
    _, recipe = start()
    assert (recipe.inputs.concat["time"].dim, recipe.inputs.items_per_file) == ("time", 1)
    assert recipe.transforms == []


def test_a_scalar_time_becomes_the_dim() -> None:
    for day in (1, 2, 3):
        write(f"in/et_2020{day:03d}.nc", "et", GRID, {"time": pd.Timestamp(2020, 1, day)})
    made, recipe = start()
    assert [t.name for t in recipe.transforms] == ["expand_dims"]
    assert "expand_dims: {time: coord}" in made.path.read_text()
    assert {"dim": "time", "regular": "1D"} in [c.model_dump(exclude_none=True) for c in recipe.checks]


def test_single_values_that_differ_are_dropped_and_named() -> None:
    for year in (1999, 2000):
        write(f"in/a_{year}.nc", "t", {"time": daily(year), **GRID}, {"run": year})
    made, recipe = start()
    assert any("dropped run" in n for n in made.notes)
    assert [t.name for t in recipe.transforms] == ["drop"]


def test_a_stranger_among_the_samples_is_named() -> None:
    for year, n in ((1999, 3), (2000, 5)):
        write(f"in/a_{year}.nc", "t", {"time": daily(year), "lat": np.arange(float(n))})
    made, _ = start()
    assert any("'lat' has 3 and 5 positions" in n for n in made.notes)


def test_names_alone() -> None:
    for year in (1999, 2000):
        write(f"in/a_{year}.nc", "t", {"day": daily(year), **GRID})
    made, recipe = start(open_samples=False)
    assert made.draft.sample is None
    assert recipe.inputs.concat["year"].dim == "time"
    assert any("no sample was opened" in n for n in made.notes)


def test_a_broken_sample_leaves_the_names() -> None:
    Path("in").mkdir()
    for day in (1, 2, 3):
        Path(f"in/et_2020010{day}.nc").write_bytes(b"<html>login</html>")
    made, recipe = start()
    assert any("rests on names alone" in w for w in made.warnings)
    assert len(list(recipe.inputs.concat)) == 1
