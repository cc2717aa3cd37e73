"""``target.consolidated: false``: no copy of the arrays' metadata, and everything else as before."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.catalog.collection import StoreAddress
from pangeo_forge.errors import RecipeErrors
from pangeo_forge.verify.integrity import check_integrity
from tests.datasets.made import run, written

DATA = Path(__file__).parents[1] / "data"
INPUTS = f'inputs: {{glob: "{DATA}/cmip6_cams_ta_units_differ/*.nc", concat: {{time: {{}}}}}}\n'


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("consolidated", [True, False])
def test_is_honoured(tmp_path: Path, version: int, consolidated: bool) -> None:
    target = f"target: {{zarr_format: {version}, consolidated: {str(consolidated).lower()}}}\n"
    with warnings.catch_warnings():
        # xarray tells that a store of format 2 is not consolidated.
        warnings.simplefilter("ignore")
        _, made = run(tmp_path, INPUTS + target, prune=2)
        store = tmp_path / "made.zarr"
        if version == 2:
            assert (store / ".zmetadata").exists() == consolidated
        else:
            assert ("consolidated_metadata" in json.loads((store / "zarr.json").read_text())) == consolidated
        assert made.sizes["time"] == 360
        alone = xr.open_zarr(store, consolidated=False)
        np.testing.assert_array_equal(alone.ta.values, made.ta.values)
    found = [r for r in check_integrity(str(store)) if r.name == "consolidated metadata"]
    assert [r.passed for r in found] == [True]
    assert ("as the recipe wants" in found[0].detail) != consolidated
    assert StoreAddress(str(store), consolidated=consolidated).open_arguments["consolidated"] == consolidated


def test_append_needs_it(tmp_path: Path) -> None:
    with pytest.raises(RecipeErrors, match=r"target.consolidated.*append makes a store longer"):
        written(tmp_path, INPUTS + "target: {consolidated: false, append: time}\n")
