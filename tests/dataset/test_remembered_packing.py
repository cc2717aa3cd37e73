"""Packed variables whose values a transform has changed are stored as compactly as before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.dataset.stored import stored_variables
from pangeo_forge.dataset.transforms import Context, apply_transforms
from pangeo_forge.inputs.openers import open_dataset
from pangeo_forge.inputs.source import InputSource, OpenOptions
from pangeo_forge.recipe.model import Transform

RAW = np.array([[-32768, -300, 0, 1], [7, 4999, 5001, 32767]], "i2")
PACKING: dict[str, Any] = {"scale_factor": np.float64(0.01), "add_offset": np.float64(20.0)}


def changed(tmp_path: Path, transforms: list[dict[str, Any]], **attrs: Any) -> tuple[xr.Dataset, xr.Dataset]:
    """The transformed input as stored, and the input as xarray decodes it."""
    path = tmp_path / "a.nc"
    ds = xr.Dataset({"t": (("y", "x"), RAW, attrs)})
    ds.to_netcdf(path, engine="h5netcdf")
    raw = open_dataset(InputSource(str(path), str(path), "a"), OpenOptions())
    context = Context(key={}, url=str(path), label="a", folder=tmp_path, allow_python=False)
    steps = [Transform.model_validate(t) for t in transforms]
    return apply_transforms(raw, steps, context), xr.open_dataset(path, engine="h5netcdf").load()


def test_mask_keeps_the_integers(tmp_path: Path) -> None:
    out, plain = changed(tmp_path, [{"mask": {"t": {"above": 60}}}], _FillValue=np.int16(-32768), **PACKING)
    (v,) = stored_variables(out, ())
    assert v.dtype == "<i2"
    assert v.packing.scale_factor == 0.01
    values = v.read()
    expected = np.where(plain.t.values > 60, np.int16(-32768), RAW)
    assert values.dtype == np.int16
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(v.read((slice(1, 2), slice(1, 3))), expected[1:, 1:3])
    packed = xr.decode_cf(xr.Dataset({"t": (("y", "x"), values, {"_FillValue": np.int16(-32768), **PACKING})}))
    np.testing.assert_array_equal(packed.t.values, plain.t.where(plain.t <= 60).values)


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("factor", [1000.0, 0.1, -3.0])
def test_scale_after_mask(kind: str, factor: float, tmp_path: Path) -> None:
    packing = {k: np.dtype(kind).type(x) for k, x in PACKING.items()}
    steps = [{"mask": {"t": {"above": 60}}}, {"scale": {"t": {"factor": factor, "offset": 273.15}}}]
    out, plain = changed(tmp_path, steps, _FillValue=np.int16(-32768), **packing)
    (v,) = stored_variables(out, ())
    values = v.read()
    meant = values.astype("f8") * v.packing.scale_factor + v.packing.add_offset
    there = plain.t.values <= 60
    np.testing.assert_array_equal(values[~there], -32768)
    np.testing.assert_allclose(meant[there], plain.t.values[there] * factor + 273.15, rtol=1e-5, atol=1e-3)
    assert v.dtype == "<i2"


def test_without_a_fill_value_floats_are_stored(tmp_path: Path) -> None:
    out, plain = changed(tmp_path, [{"mask": {"t": {"above": 60}}}], **PACKING)
    (v,) = stored_variables(out, ())
    assert v.dtype == "<f8"
    np.testing.assert_array_equal(v.read(), plain.t.where(plain.t <= 60).values)


def test_an_unpacked_integer_takes_the_masked_number(tmp_path: Path) -> None:
    out, _ = changed(tmp_path, [{"mask": {"t": {"equal": 7}}}])
    (v,) = stored_variables(out, ())
    assert (v.dtype, v.packing.fill_value) == ("<i2", 7)
    np.testing.assert_array_equal(v.read(), RAW)


def test_cast_stores_what_it_says(tmp_path: Path) -> None:
    steps = [{"mask": {"t": {"above": 60}}}, {"cast": {"t": "float32"}}]
    out, _ = changed(tmp_path, steps, _FillValue=np.int16(-32768), **PACKING)
    (v,) = stored_variables(out, ())
    assert v.dtype == "<f4"


def test_a_hook_stores_floats(tmp_path: Path) -> None:
    code = "def third(ds):\n    ds['t'].data = ds['t'].values / 3\n    return ds\n"
    (tmp_path / "hooks.py").write_text(code)
    path = tmp_path / "a.nc"
    xr.Dataset({"t": (("y", "x"), RAW, {"_FillValue": np.int16(-32768), **PACKING})}).to_netcdf(path, engine="h5netcdf")
    raw = open_dataset(InputSource(str(path), str(path), "a"), OpenOptions())
    context = Context(key={}, url=str(path), label="a", folder=tmp_path, allow_python=True)
    out = apply_transforms(raw, [Transform.model_validate({"python": "hooks.py:third"})], context)
    (v,) = stored_variables(out, ())
    assert np.dtype(v.dtype).kind == "f"
