"""Attributes that say what numbers mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .archive import odd, plain, save, scaled


@odd()
def valid_range_masks_nothing(folder: Path) -> None:
    save(folder, [plain(i, attrs={"valid_range": np.array([0, 3], "i2"), "valid_max": np.int16(2)}) for i in range(2)])


@odd()
def missing_value_beside_fill_value(folder: Path) -> None:
    save(folder, [plain(i, attrs={"missing_value": np.int16(3), "_FillValue": np.int16(11)}) for i in range(2)])


@odd()
def several_missing_values(folder: Path) -> None:
    save(folder, [plain(i, attrs={"missing_value": np.array([3, 12], "i2")}) for i in range(2)])


@odd("C017")
def scale_factor_as_text(folder: Path) -> None:
    scaled(folder, "v", {"scale_factor": "0.1"})


@odd()
def scale_factor_of_one_element(folder: Path) -> None:
    scaled(folder, "v", {"scale_factor": np.array([0.1]), "add_offset": np.array([1.0], "f4")})


@odd("C017")
def several_scale_factors(folder: Path) -> None:
    scaled(folder, "v", {"scale_factor": np.array([0.1, 0.2])})


@odd("C017")
def unsigned_that_is_a_number(folder: Path) -> None:
    scaled(folder, "v", {"_Unsigned": np.int8(1)})


@odd()
def several_fill_values(folder: Path) -> None:
    scaled(folder, "v", {"_FillValue": np.array([3, 12], "i2")})


@odd()
def nan_as_fill_value_of_integers(folder: Path) -> None:
    scaled(folder, "v", {"missing_value": np.nan})


@odd()
def fill_value_of_another_dtype(folder: Path) -> None:
    scaled(folder, "v", {"missing_value": np.float64(3)})


@odd()
def fill_value_that_the_dtype_cannot_hold(folder: Path) -> None:
    scaled(folder, "v", {"missing_value": np.float64(1e20)})


@odd()
def signed_bytes_that_are_unsigned(folder: Path) -> None:
    attrs = {"_Unsigned": "true", "_FillValue": np.int8(-1), "scale_factor": 0.5}
    parts = [plain(i, v=(("time", "x"), np.array([[-1, -2, 3], [127, -128, 0]], "i1"), attrs)) for i in range(2)]
    save(folder, parts)


@odd()
def unsigned_without_packing(folder: Path) -> None:
    values = np.array([[-1, -2, 3], [127, -128, 0]], "i1")
    save(folder, [plain(i, v=(("time", "x"), values, {"_Unsigned": "true"})) for i in range(2)], "scipy")


@odd()
def unsigned_that_is_signed(folder: Path) -> None:
    values = np.array([[255, 254, 3], [127, 128, 0]], "u1")
    save(
        folder,
        [plain(i, v=(("time", "x"), values, {"_Unsigned": "false", "_FillValue": np.uint8(255)})) for i in range(2)],
    )


@odd()
def other_scale_factors(folder: Path) -> None:
    save(folder, [plain(i, attrs={"scale_factor": 0.5 + i}) for i in range(2)])


@odd()
def offset_in_one_file_only(folder: Path) -> None:
    save(folder, [plain(i, attrs={"scale_factor": 0.5, **({"add_offset": 1.0} if i else {})}) for i in range(2)])


@odd()
def packed_in_one_file_and_floats_in_the_other(folder: Path) -> None:
    save(folder, [plain(0, attrs={"scale_factor": 0.5, "_FillValue": np.int16(3)}), plain(1, "f8")])


@odd("C005")
def packed_in_one_file_and_other_integers_in_the_other(folder: Path) -> None:
    save(folder, [plain(0, attrs={"scale_factor": 0.5, "_FillValue": np.int16(3)}), plain(1, "i4")])


@odd()
def other_fill_values(folder: Path) -> None:
    save(folder, [plain(i, attrs={"_FillValue": np.int16(3 + 9 * i)}) for i in range(2)])


@odd()
def negative_scale(folder: Path) -> None:
    save(folder, [plain(i, attrs={"scale_factor": -0.25, "add_offset": 100.0}) for i in range(2)])


@odd()
def float_packing_of_floats(folder: Path) -> None:
    save(folder, [plain(i, "f4", {"scale_factor": np.float32(0.1), "_FillValue": np.float32(3)}) for i in range(2)])


@odd()
def infinities_and_negative_zero(folder: Path) -> None:
    values = np.array([[np.inf, -np.inf, -0.0], [np.nan, 1e-45, 3.4e38]], "f4")
    save(folder, [plain(i, v=(("time", "x"), values)) for i in range(2)])


@odd()
def integers_beyond_floats(folder: Path) -> None:
    values = np.array([[2**53 + 1, -(2**63), 2**63 - 1], [0, 1, 2]], "i8")
    save(folder, [plain(i, v=(("time", "x"), values + 0 * i)) for i in range(2)])


@odd()
def unsigned_beyond_signed(folder: Path) -> None:
    save(folder, [plain(i, v=(("time", "x"), np.array([[2**64 - 1, 2**63, 3], [0, 1, 2]], "u8"))) for i in range(2)])


@odd()
def attributes_that_differ_in_dtype_only(folder: Path) -> None:
    parts = [plain(i) for i in range(2)]
    for ds, kind in zip(parts, (np.int32, np.int64), strict=True):
        ds.attrs["version"] = kind(3)
        ds.v.attrs["level"] = np.float32(2) if kind is np.int32 else np.float64(2)
    save(folder, parts)


@odd()
def attributes_that_differ(folder: Path) -> None:
    parts = [plain(i, attrs={"long_name": f"part {i}", "units": "m"}) for i in range(2)]
    save(folder, [ds.assign_attrs(history=str(i)) for i, ds in enumerate(parts)])


@odd("C005")
def other_dtypes(folder: Path) -> None:
    save(folder, [plain(i, ("i2", "i4")[i]) for i in range(2)])


@odd()
def names_that_are_no_identifiers(folder: Path) -> None:
    parts = [plain(i).rename(v="a b-c.d", x="größe") for i in range(2)]
    save(folder, [ds.assign_attrs({"Größe €": "ünïcode", "empty": ""}) for ds in parts])
