"""Variables that some inputs lack (``combine: {variables: union}``) are missing there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.errors import CombineError

from .made import run

pytestmark = pytest.mark.slow

SECTIONS = """
inputs:
  url: {folder}/in/{{time:%Y%m%d}}.nc
  concat:
    time: {{start: 2000-01-01, end: 2000-01-04, step: 1D}}
combine: {{variables: {policy}}}
target: {{chunks: {{time: 3}}}}
"""


def archive(folder: Path, lacking: dict[int, list[str]], engine: str) -> xr.Dataset:
    (folder / "in").mkdir()
    parts = []
    for day in range(4):
        ds = xr.Dataset(
            {
                "t": (("time", "x"), np.arange(3.0)[None] + day),
                "p": (("time", "x"), np.arange(3, dtype="i2")[None] + day, {"scale_factor": 0.5, "_FillValue": np.int16(-9)}),
                "seen": ("time", np.array([day], "i4"), {"units": "days since 2000-01-01"}),
                "word": ("time", np.array(["ab"]).astype("S" if engine == "scipy" else object)),
                "mask": ("x", np.array([1, 0, 1], "i1")),
            },
            {"time": ("time", np.array([day], "i4"), {"units": "days since 2000-01-01"})},
        ).drop_vars(lacking.get(day, []))  # fmt: skip
        ds.to_netcdf(folder / f"in/200001{day + 1:02d}.nc", engine=engine)  # type: ignore[call-overload]
        parts.append(xr.decode_cf(ds))
    return xr.concat(
        [p.drop_vars("mask", errors="ignore") for p in parts], "time", data_vars="all", join="exact", coords="minimal",
        compat="equals",
    )  # fmt: skip


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
@pytest.mark.parametrize(
    "lacking",
    [{1: ["t"], 2: ["p"]}, {0: ["t", "p", "mask"], 3: ["p"]}, {0: ["seen", "word"], 1: ["mask"], 3: ["seen"]}],
)
def test_union(lacking: dict[int, list[str]], engine: str, tmp_path: Path) -> None:
    expected = archive(tmp_path, lacking, engine)
    _, got = run(tmp_path, SECTIONS.format(folder=tmp_path, policy="union"))
    assert set(map(str, got.variables)) == {*map(str, expected.variables), "mask"}
    words = [str(np.asarray(v).astype("U")) for v in got["word"].values]
    assert words == ["" if "word" in lacking.get(day, []) else "ab" for day in range(4)]
    for name in set(expected.variables) - {"word"}:
        np.testing.assert_array_equal(got[name].values, expected[name].values, err_msg=str(name))
    assert got["mask"].values.tolist() == [1, 0, 1]
    assert got["p"].encoding["dtype"] == "int16"


def test_exact_names_who_lacks_what(tmp_path: Path) -> None:
    archive(tmp_path, {1: ["t"]}, "scipy")
    with pytest.raises(CombineError) as caught:
        run(tmp_path, SECTIONS.format(folder=tmp_path, policy="exact"))
    assert caught.value.code == "C010"
    assert "20000102.nc" in str(caught.value)


def test_intersection_leaves_out(tmp_path: Path) -> None:
    archive(tmp_path, {1: ["t"]}, "scipy")
    _, got = run(tmp_path, SECTIONS.format(folder=tmp_path, policy="intersection"))
    assert set(got.data_vars) == {"p", "seen", "mask", "word"}
