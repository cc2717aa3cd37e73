from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.dataset.transforms import Context, apply_transforms
from pangeo_forge.errors import RecipeError
from pangeo_forge.inputs.lazy import Access, LazyArray
from pangeo_forge.pattern.keys import KeyValue

from .made import apply, dataset, lazy, oracle, reads, sst, values


def refused(code: str, ds: xr.Dataset, *transforms: object, **context: object) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        apply(ds, *transforms, **context)
    assert caught.value.code == code
    return caught.value


def test_structure_reads_nothing_and_stays_a_view() -> None:
    ds = sst()
    out = apply(
        ds,
        ("rename", {"lat": "y", "sst": "temperature"}),
        ("squeeze", ["zlev"]),
        ("isel", {"y": {"start": 0, "stop": 3}}),
        ("transpose", ["lon", "..."]),
        ("drop", ["crs"]),
        ("attrs", {"set": {"a": 1}}),
        ("isel", {"time": 1}),
        ("expand_dims", {"time2": {"value": 3}}),
    )
    assert reads(ds) == {}
    data = out.variables["temperature"]._data
    assert isinstance(data, LazyArray)
    access = data.access()
    assert isinstance(access, Access)
    assert out.variables["temperature"].dims == ("time2", "lon", "y")
    assert access.axes == (None, 3, 2)
    assert access.picks == (1, 0, (0, 3, 1), (0, None, 1))
    expected = np.asarray(ds.sst.values)[1, 0, :3].T[None]
    assert np.array_equal(values(out, "temperature"), expected)
    assert ds.sst.attrs["units"] == "Celsius"  # the input is left alone
    assert "a" not in ds.attrs


def test_rename_follows_references_and_templates() -> None:
    ds = dataset(
        {
            "tas": (
                ("day",),
                [1.0],
                {"cell_methods": "day: mean (of day values)", "grid_mapping": "crs", "coordinates": "lat2 lat"},
            ),
            "day": (("day",), [0.0], {"bounds": "day_bnds"}),
            "day_bnds": (("day", "nv"), [[0.0, 1.0]], {}),
            "lat": ((), 1.0, {}),
            "lat2": ((), 1.0, {}),
            "crs": ((), 1, {}),
        }
    )
    key = {"variable": KeyValue("ppt", "ppt")}
    new = {"day": "time", "day_bnds": "time_bnds", "lat": "latitude", "nv": "bnds", "tas": "{variable}_tas"}
    out = apply(ds, ("rename", new), key=key)
    assert out.variables["ppt_tas"].attrs["cell_methods"] == "time: mean (of day values)"
    assert out.variables["ppt_tas"].attrs["coordinates"] == "lat2 latitude"
    assert out.variables["time"].attrs["bounds"] == "time_bnds"
    assert dict(out.sizes) == {"time": 1, "bnds": 2}
    assert list(out.coords) == ["time"]


def test_rename_makes_and_swaps_names() -> None:
    ds = dataset({"a": (("x",), [1, 2], {}), "b": (("x",), [3, 4], {})})
    out = apply(ds, ("rename", {"a": "b", "b": "a"}))
    assert values(out, "a").tolist() == [3, 4]
    assert "no variable or dimension 'A'" in refused("R201", ds, ("rename", {"A": "c"})).message
    assert "'b' would name two" in refused("R202", ds, ("rename", {"a": "b"})).message
    assert apply(ds, ("rename", {"A": "c"}, True)).equals(apply(ds))


def test_an_error_says_where_and_what_was_meant() -> None:
    error = refused("R201", sst(), ("drop", ["crs"]), ("drop", ["SST"]))
    assert error.where == "input 7: transforms[1].drop"
    assert "did you mean 'sst'?" in str(error.hint)
    assert "lon" in str(error.hint)
    assert refused("R200", sst(), ("renam", {})).hint is not None
    assert refused("R206", sst(), ("drop", ["{nokey}"])).where == "input 7: transforms[0].drop"


def test_recipe_models_are_taken() -> None:
    from pangeo_forge.recipe.transforms import Transform

    steps = [Transform.model_validate(w) for w in ({"rename": {"day": "time"}, "if_present": True}, {"drop": ["c*"]})]
    out = apply_transforms(sst(), steps, Context())
    assert "crs" not in out.variables


def test_drop_and_keep() -> None:
    ds = sst()
    assert set(apply(ds, ("drop", ["c*", "area"])).variables) == {"sst", "time", "zlev", "lat", "lon"}
    refused("R201", ds, ("drop", ["unknown*"]))
    assert apply(ds, ("drop", ["unknown*"], True)).equals(apply(ds))
    kept = apply(ds, ("keep", ["sst"]))
    assert set(kept.variables) == {"sst", "area", "time", "zlev", "lat", "lon"}  # area is in sst's coordinates
    assert set(apply(ds, ("keep", ["crs"])).variables) == {"crs", "time", "zlev", "lat", "lon"}
    refused("R204", ds, ("keep", ["none"], True))


def test_coords_are_set_and_reset() -> None:
    ds = sst()
    out = apply(ds, ("set_coords", ["crs", "ar*"]))
    assert {"crs", "area"} <= set(out.coords)
    assert set(apply(out, ("reset_coords", ["crs"])).data_vars) == {"crs", "sst"}
    assert "area" not in apply(out, ("reset_coords", {"drop": ["area"]})).variables
    refused("R205", ds, ("reset_coords", ["lat"]))
    refused("R201", ds, ("reset_coords", ["sst"]))
    refused("R203", ds, ("reset_coords", {"dropp": ["lat"]}))
    assert "lat" not in apply(ds, ("reset_coords", {"drop": ["lat"]})).variables


def test_squeeze_transpose_isel_as_xarray() -> None:
    ds, plain = sst(), oracle(sst()).load()
    for ours, theirs in (
        (("squeeze", ["zlev"]), plain.squeeze("zlev")),
        (("squeeze", True), plain.squeeze()),
        (("transpose", ["lon", "..."]), plain.transpose("lon", ...)),
        (("transpose", ["...", "time"]), plain.transpose(..., "time")),
        (("transpose", ["lon", "lat"]), plain.transpose("lon", "lat", ...)),
        (("isel", {"lat": -1}), plain.isel(lat=-1)),
        (("isel", {"lat": [2, 0]}), plain.isel(lat=[2, 0])),
        (("isel", {"lat": {"start": -3, "step": 2}}), plain.isel(lat=slice(-3, None, 2))),
    ):
        xr.testing.assert_identical(oracle(apply(ds, ours)).drop_encoding(), theirs.drop_encoding())
    assert "length 4" in refused("R205", ds, ("squeeze", ["lat"])).message
    refused("R204", ds, ("isel", {"lat": 4}))
    refused("R204", ds, ("isel", {"lat": {"start": 9}}))
    refused("R203", ds, ("isel", {"lat": "0"}))
    refused("R201", ds, ("transpose", ["lat", "nolon", "..."]))
    refused("R203", ds, ("transpose", ["lat", "lat"]))


def test_a_variable_that_is_an_index_in_memory_is_taken_too() -> None:
    ds = xr.Dataset({"a": ("x", [1, 2])}, coords={"x": [5, 6]})
    out = apply(ds, ("rename", {"x": "y"}), ("isel", {"y": [1]}), ("expand_dims", {"t": {"value": 1}}))
    assert values(out, "y").tolist() == [6]
    assert out.a.dims == ("t", "y")


def test_coordinates_stay_lazy_without_index() -> None:
    ds = xr.Dataset(coords=xr.Coordinates({"x": lazy(("x",), [1, 2])}, indexes={}))
    assert reads(apply(ds, ("rename", {"x": "y"}))) == {}
