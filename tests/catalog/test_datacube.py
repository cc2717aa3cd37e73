from __future__ import annotations

import numpy as np
import xarray as xr

from pangeo_forge.catalog.datacube import dimensions_of, variables_of


def cube() -> xr.Dataset:
    return xr.Dataset(
        {
            "t2m": (
                ("time", "lev", "lat", "lon"),
                np.zeros((2, 2, 3, 4)),
                {"units": "K", "long_name": "air temperature"},
            ),
            "area": (("lat", "lon"), np.zeros((3, 4))),
            "name": (("station",), np.array(["a", "b"], object)),
        },
        coords={
            "time": np.array(["2000-01-01", "2000-01-02"], "M8[ns]"),
            "lev": ("lev", [1000.0, 500], {"units": "hPa", "positive": "down"}),
            "lat": ("lat", [-1.0, 0, 1], {"units": "degrees_north"}),
            "lon": ("lon", [0.0, 1, 2, 3], {"units": "degrees_east"}),
            "band": ("band", ["red", "green"]),
            "height": ((), 2.0, {"units": "m"}),
        },
    )


def test_dimensions() -> None:
    found = dimensions_of(cube())
    assert found["time"] == {"type": "temporal", "extent": ["2000-01-01T00:00:00Z", "2000-01-02T00:00:00Z"]}
    assert found["lon"] == {
        "type": "spatial",
        "axis": "x",
        "extent": [0.0, 3.0],
        "unit": "degrees_east",
        "reference_system": 4326,
    }
    assert (found["lat"]["axis"], found["lev"]["axis"]) == ("y", "z")
    assert found["lev"]["extent"] == [500.0, 1000.0]
    assert found["band"] == {"type": "coordinate", "values": ["red", "green"]}
    assert found["station"] == {"type": "index", "extent": [0, 1]}


def test_variables() -> None:
    found = variables_of(cube())
    assert set(found) == {"t2m", "area", "name", "height"}
    assert found["t2m"] == {
        "dimensions": ["time", "lev", "lat", "lon"],
        "type": "data",
        "description": "air temperature",
        "unit": "K",
    }
    assert found["height"]["type"] == "auxiliary"
