"""CF packing against xarray, to the bit and the dtype."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pangeo_forge.dataset.model import Packing
from pangeo_forge.dataset.packing import decode, decoded_dtype, encode, packing_of
from pangeo_forge.errors import CombineError

DTYPES = ["<i1", "<u1", "<i2", ">i2", "<u2", "<i4", "<i8", "<f4", ">f4", "<f8"]


@st.composite
def packed(draw: st.DrawFn) -> tuple[np.ndarray, dict[str, Any]]:
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    if dtype.kind == "f":
        elements = st.sampled_from([0.0, -0.0, 1.5, -9999.0, 1e20, float("nan"), 0.1])
        values = np.array(draw(st.lists(elements, min_size=1, max_size=6)), dtype)
    else:
        values = draw(hnp.arrays(dtype.newbyteorder("="), st.integers(1, 6))).astype(dtype)
    native = dtype.newbyteorder("=").type
    attrs: dict[str, Any] = {}
    number = st.sampled_from([np.float32(0.01), np.float64(0.01), 0.5, np.float32(2), np.float64(273.15), 1.0])
    for name in ("scale_factor", "add_offset"):
        if draw(st.booleans()):
            attrs[name] = draw(number)
    if draw(st.booleans()):
        attrs["_FillValue"] = native(draw(st.sampled_from(values.tolist())))
    if draw(st.booleans()):
        attrs["missing_value"] = native(draw(st.sampled_from(values.tolist())))
    if dtype.kind in "iu" and draw(st.booleans()):
        attrs["_Unsigned"] = draw(st.sampled_from(["true", "false"]))
    return values, attrs


@settings(max_examples=400, deadline=None)
@given(packed())
def test_decode_is_what_xarray_decodes(case: tuple[np.ndarray, dict[str, Any]]) -> None:
    values, attrs = case
    if np.asarray(attrs.get("scale_factor", 0.0)).dtype == np.dtype("f4"):
        # xarray compares with the fill value in float32, where a number that needs more digits is not itself, or equals its
        # neighbour; we compare numbers as stored.
        assume(all(v != v or (v >= 0 and float(np.float32(v)) == v) for v in values.tolist()))
    # xarray swaps the bytes of the fill value of big-endian unsigned data; the oracle gets native values.
    oracle = values.astype(values.dtype.newbyteorder("=")) if "_Unsigned" in attrs else values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = xr.conventions.decode_cf_variable("v", xr.Variable("x", oracle, attrs)).values
    packing = packing_of(attrs, values.dtype)
    got = decode(values, packing)
    assert got.dtype == expected.dtype.newbyteorder("=")
    assert decoded_dtype(values.dtype, packing) == got.dtype
    np.testing.assert_array_equal(got, expected)


@settings(max_examples=200, deadline=None)
@given(packed())
def test_encode_gives_back_or_refuses(case: tuple[np.ndarray, dict[str, Any]]) -> None:
    values, attrs = case
    packing = packing_of(attrs, values.dtype)
    with np.errstate(all="ignore"):
        meant = decode(values, packing)
        try:
            stored = encode(meant, packing, values.dtype.newbyteorder("<"))
        except CombineError:
            return
        back = decode(stored, packing)
    np.testing.assert_allclose(back, meant, rtol=1e-6 if meant.dtype == "f4" else 1e-12, atol=2e-8, equal_nan=True)
    assert np.array_equal(np.isnan(back), np.isnan(meant))


def test_odd_attributes() -> None:
    assert packing_of({"_FillValue": np.float32("nan")}, np.dtype("i2")).is_none
    assert packing_of({"_FillValue": np.array([-999], "i2")}, np.dtype("i2")).fill_value == -999
    # A fill value that the dtype cannot hold masks nothing.
    packing = packing_of({"_FillValue": -999}, np.dtype("u1"))
    assert (packing.fill_value, packing.missing_value) == (None, (-999,))
    assert decode(np.array([25], "u1"), packing).tolist() == [25.0]
    several = packing_of({"missing_value": np.array([-1, -2], "i2")}, np.dtype("i2"))
    assert np.isnan(decode(np.array([-1, -2, 3], "i2"), several)).tolist() == [True, True, False]
    assert decode(np.array(["a"], dtype=object), packing).tolist() == ["a"]


@pytest.mark.parametrize(
    ("values", "packing", "dtype", "code"),
    [
        ([0.123], Packing(scale_factor=0.01), "<i2", "C040"),
        ([400.0], Packing(scale_factor=0.01), "<i2", "C041"),
        ([np.nan], Packing(scale_factor=0.01), "<i2", "C042"),
        ([-9.99], Packing(scale_factor=0.01, fill_value=-999), "<i2", "C043"),
        ([0.1], Packing(), "<f4", "C040"),
        ([0.5], Packing(), "<i4", "C040"),
        ([-1], Packing(), "<u1", "C041"),
        ([2**53 + 1], Packing(), "<f8", "C040"),
        ([1e300], Packing(), "<i8", "C041"),
    ],
)
def test_lossy_encoding_is_an_error(values: list[float], packing: Packing, dtype: str, code: str) -> None:
    with pytest.raises(CombineError) as caught:
        encode(np.array(values), packing, dtype, "sst")
    assert caught.value.code == code
    assert "sst" in caught.value.message


def test_noise_of_an_earlier_decoding_is_no_loss() -> None:
    stored = np.arange(-300, 3000, 7, dtype="<i2")
    source = packing_of({"scale_factor": np.float32(0.01), "add_offset": np.float32(0)}, stored.dtype)
    target = Packing(scale_factor=0.01, add_offset=0.0, fill_value=-999)
    assert encode(decode(stored, source), target, "<i2").tolist() == stored.tolist()
