"""Regions of one input in the encoding of the target, from lazy arrays too."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.dataset.read import input_region, read_region
from pangeo_forge.dataset.scan import scan_dataset
from pangeo_forge.errors import CombineError, InputError
from pangeo_forge.inputs.lazy import LazyArray, Locator

from .materialized import combined
from .test_combine import day


@dataclass
class Source:
    """An array in memory that counts what is read of it."""

    values: np.ndarray
    name: str
    chunks: tuple[int, ...] | None = None
    read_elements: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    @property
    def dtype(self) -> np.dtype:
        return self.values.dtype

    @property
    def locator(self) -> Locator:
        return Locator("hdf5", self.name)

    def read(self, region: tuple[slice, ...]) -> np.ndarray:
        part = self.values[region]
        self.read_elements += part.size
        return part


def lazy(ds: xr.Dataset, **chunks: tuple[int, ...]) -> tuple[xr.Dataset, dict[str, Source]]:
    sources = {str(n): Source(v.values, f"/{n}", chunks.get(str(n))) for n, v in ds.variables.items()}
    variables = {
        n: xr.Variable(v.dims, LazyArray(sources[str(n)]), v.attrs) for n, v in ds.variables.items() if n not in ds.dims
    }
    coords = {n: ds[n] for n in ds.dims}
    return xr.Dataset(variables, coords, ds.attrs), sources


def test_a_scan_reads_no_data() -> None:
    ds, sources = lazy(day(0, 50), sst=(10, 2))
    scan = scan_dataset(ds, (0,), "f0", ("time",))
    assert sources["sst"].read_elements == 0
    sst = next(v for v in scan.variables if v.name == "sst")
    assert sst.storage_chunks == (10, 2)
    assert sst.access is not None
    assert sst.access.locator == Locator("hdf5", "/sst")


def test_only_the_region_is_read() -> None:
    ds, sources = lazy(day(0, 50))
    template, _ = combined([ds])
    got = read_region(ds, template.array("sst"), (slice(3, 5), slice(1, 2)))
    assert got.tolist() == [[7], [9]]
    assert sources["sst"].read_elements == 2


def test_accesses_of_inputs_that_differ() -> None:
    one, two = lazy(day(0))[0], lazy(day(2))[0]
    template, _ = combined([one, two])
    array = template.array("sst")
    assert len(array.accesses) == 1
    assert array.access_of is None
    other = two.rename(sst="old")
    other["sst"] = (("time", "lat"), LazyArray(Source(two.sst.variable._data.read(), "/other")))
    template, _ = combined([one, other.drop_vars("old"), lazy(day(4))[0]])
    array = template.array("sst")
    assert [a.locator.array for a in array.accesses] == ["/sst", "/other"]
    assert array.access_of is not None
    assert array.access_of.tolist() == [0, 1, 0]
    plain = day(2)
    assert combined([one, plain])[0].array("sst").accesses == ()


def test_an_added_dim_keeps_the_access() -> None:
    ds, _ = lazy(day(0))
    template, _ = combined([ds, ds], ("member",), keys={(i,): {"member": i} for i in range(2)})
    array = template.array("sst")
    assert array.accesses[0].axes == (None, 0, 1)
    got = read_region(ds, array, (slice(0, 1), slice(1, 2), slice(0, 2)), concat_dims=("member",))
    assert got.tolist() == [[[2, 3]]]


def test_an_input_that_changed_is_an_error() -> None:
    template, _ = combined([day(0), day(2)])
    array = template.array("sst")
    for changed in (
        day(0).drop_vars("sst"),
        day(0).transpose("lat", "time"),
        day(0).assign(sst=lambda d: d.sst.astype("i8")),
    ):
        with pytest.raises(InputError) as caught:
            read_region(changed, array, (slice(0, 2), slice(0, 2)), label="f0")
        assert caught.value.code == "I090"
        assert caught.value.where == "f0"


def test_a_value_that_the_target_cannot_hold_names_the_input() -> None:
    template, _ = combined([day(0)], encodings={"sst": {"dtype": "int8"}})
    big = day(0).assign(sst=lambda d: d.sst + np.int16(1000))
    with pytest.raises(CombineError) as caught:
        read_region(big, template.array("sst"), (slice(0, 2), slice(0, 2)), label="f7")
    assert (caught.value.code, caught.value.where) == ("C041", "f7")


def test_big_endian_becomes_little_endian() -> None:
    ds = day(0).assign(sst=lambda d: d.sst.astype(">f4"))
    template, _ = combined([ds])
    array = template.array("sst")
    got = read_region(ds, array, (slice(0, 2), slice(0, 2)))
    assert (array.dtype, array.recode, got.dtype.str) == ("<f4", False, "<f4")


def test_trims_shift_the_part_that_is_read() -> None:
    template, datasets = combined([day(0, 3), day(2, 3)], duplicates="first")
    region = input_region(template, template.array("sst"), (1,))
    assert region == (slice(1, 3), slice(0, 2))
    assert read_region(datasets[1,], template.array("sst"), region).tolist() == [[4, 5], [6, 7]]
    assert input_region(replace(template, trims={}), template.array("sst"), (0,))[0] == slice(0, 3)


@pytest.mark.parametrize("keep", ["first", "last"])
def test_an_input_of_which_nothing_is_left_is_named(keep: str) -> None:
    template, _ = combined([day(0, 2), day(0, 2), day(2, 2)], duplicates=keep)
    assert template.sizes["time"] == 4
    (warning,) = template.warnings
    assert "nothing of" in warning
    assert "assign_coords" in warning
    assert not combined([day(0, 3), day(2, 3)], duplicates=keep)[0].warnings
