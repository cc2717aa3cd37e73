"""Pictures of variables of all kinds; and which part of a variable is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib import image

from pangeo_forge.ci.pictures import LARGEST, plain_png
from pangeo_forge.ci.review.quicklook import draw_quicklooks
from pangeo_forge.ci.review.report import MOST_PICTURES
from pangeo_forge.ci.review.slices import MOST_POINTS, drawn_dims, numbers, slice_of

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
TIMES = np.array(["1981-09-01", "1981-09-02", "2024-12-30", "2024-12-31"], dtype="datetime64[ns]")


def _dataset() -> xr.Dataset:
    lat, lon = np.linspace(90, -90, 19), np.arange(0, 360, 10.0)
    field = np.broadcast_to(np.cos(np.deg2rad(lat))[:, None], (4, 19, 36)).astype("f4").copy()
    field[:, 3:6, 2:9] = np.nan
    return xr.Dataset(
        {
            "sst": (("time", "lat", "lon"), field, {"units": "degC"}),
            "anomaly": (("time", "lon", "lat"), field.transpose(0, 2, 1) - 0.5),
            "flags": (("lat", "lon"), (field[0] > 0.5).astype("i1"), {"flag_values": [0, 1]}),
            "series": (("time",), np.array([1.0, 2, 5, 4])),
            "profile": (("station", "level"), RNG.normal(size=(3, 20))),
            "names": (("station",), np.array(["a", "bb", "c"], dtype=object)),
            "scalar": ((), 3.0),
            "nothing": (("time", "lat", "lon"), np.full_like(field, np.nan)),
            "seen_at": (("station",), TIMES[:3]),
            "constant": (("lat", "lon"), np.full((19, 36), 7.0)),
            "$\\frac{x}$ <b>|`@": (("y", "x"), RNG.normal(size=(5, 6)), {"units": "$^"}),
            "five": (("member", "time", "z", "lat", "lon"), np.broadcast_to(field[None, :, None], (2, 4, 2, 19, 36))),
            "one": (("only",), np.array([1.0])),
            "empty": (("none",), np.zeros(0)),
        },
        coords={
            "time": TIMES,
            "lat": ("lat", lat, {"units": "degrees_north"}),
            "lon": ("lon", lon, {"units": "degrees_east"}),
        },
    )


def test_all_kinds(tmp_path: Path) -> None:
    made = draw_quicklooks(_dataset(), tmp_path, "x")
    assert [p.variable for p in made] == [
        "sst", "anomaly", "flags", "series", "profile", "nothing", "seen_at", "constant", "$\\frac{x}$ <b>|`@", "five", "one",
    ]  # fmt: skip
    for picture in made:
        data = (tmp_path / picture.file).read_bytes()
        assert len(data) < LARGEST
        assert image.imread(tmp_path / picture.file).shape == (380, 720, 4)
        plain_png(data, picture.file)
    captions = {p.variable: p.caption for p in made}
    assert captions["sst"] == "time = 1981-09-01"
    assert captions["five"] == "member = number 0, time = 1981-09-01, z = number 0"


def test_missing_values_are_grey_and_maps_are_not_upside_down(tmp_path: Path) -> None:
    lat, lon = np.array([80.0, 0.0, -80.0]), np.array([0.0, 90.0, 180.0, 270.0])
    values = np.full((3, 4), 1.0)
    values[0] = np.nan
    ds = xr.Dataset({"a": (("lat", "lon"), values)}, coords={"lat": lat, "lon": lon})
    [made] = draw_quicklooks(ds, tmp_path, "x")
    pixels = image.imread(tmp_path / made.file)[..., :3]
    grey = np.all(np.abs(pixels - 0.8) < 0.01, axis=-1)
    rows = np.flatnonzero(grey.sum(axis=1) > 200)
    # The north, whose values are missing, is at the top.
    assert len(rows) > 50
    assert rows.mean() < 150


def test_no_more_pictures_than_are_shown(tmp_path: Path) -> None:
    ds = xr.Dataset({f"v{n}": (("x",), np.arange(3.0)) for n in range(MOST_PICTURES + 5)})
    assert len(draw_quicklooks(ds, tmp_path, "x")) == MOST_PICTURES


def test_noise_is_drawn_smaller(tmp_path: Path) -> None:
    ds = xr.Dataset({"noise": (("y", "x"), RNG.normal(size=(1200, 1200)))})
    [made] = draw_quicklooks(ds, tmp_path, "x")
    assert (tmp_path / made.file).stat().st_size < LARGEST


@pytest.mark.parametrize(
    ("name", "dims"),
    [
        ("sst", ["lat", "lon"]),
        ("anomaly", ["lat", "lon"]),
        ("series", ["time"]),
        ("profile", ["station", "level"]),
        ("five", ["lat", "lon"]),
        ("one", ["only"]),
    ],
)
def test_what_is_drawn(name: str, dims: list[str]) -> None:
    assert drawn_dims(_dataset(), name) == dims


def test_the_first_place_that_holds_values(tmp_path: Path) -> None:
    values = np.full((5, 3, 4), np.nan)
    values[2] = 1
    found = slice_of(xr.Dataset({"a": (("t", "y", "x"), values)}), "a")
    assert found is not None
    assert found.at == {"t": "number 2"}


def test_long_axes_are_thinned() -> None:
    found = slice_of(xr.Dataset({"a": (("x",), np.arange(5000.0))}), "a")
    assert found is not None
    assert len(found.values) <= MOST_POINTS
    assert found.strides == (9,)


def test_numbers() -> None:
    assert numbers(np.array(["1970-01-03", "NaT"], "datetime64[ns]"))[0] == 2
    assert np.isnan(numbers(np.array(["NaT"], "datetime64[ns]"))[0])
    assert numbers(np.array([36], "timedelta64[h]"))[0] == 1.5
    assert numbers(np.array([3 + 4j]))[0] == 5
    assert np.isnan(numbers(np.array([np.inf]))[0])
    assert numbers(np.array([True]))[0] == 1


def test_text_and_nothing_have_no_picture() -> None:
    ds = _dataset()
    assert slice_of(ds, "names") is None
    assert slice_of(ds, "empty") is None
