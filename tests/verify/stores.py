"""A dataset as inputs, as a template, and as a store that can be written wrongly on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from pangeo_forge.dataset.combine import Combination
from pangeo_forge.dataset.model import Index, Template
from pangeo_forge.dataset.scan import scan_dataset
from pangeo_forge.dataset.settings import CombineSettings

LENGTHS = (3, 5, 2, 4)


def make_inputs() -> list[xr.Dataset]:
    """Four inputs of uneven length, as stored: packed int16 with a fill value, float32, days since."""
    rng = np.random.default_rng(0)
    made, start = [], 0
    for length in LENGTHS:
        packed = rng.integers(-500, 500, (length, 4)).astype("i2")
        packed[0, 0] = -999
        made.append(
            xr.Dataset(
                {
                    "sst": (
                        ("time", "x"),
                        packed,
                        {"scale_factor": 0.01, "add_offset": 1.0, "_FillValue": np.int16(-999)},
                    ),
                    "wind": (("time", "x"), rng.random((length, 4), "f4"), {"units": "m s-1"}),
                    "mask": (("x",), np.array([0, 1, 1, 0], "i4")),
                },
                coords={
                    "time": (
                        "time",
                        np.arange(start, start + length, dtype="i4"),
                        {"units": "days since 2001-01-01", "calendar": "standard"},
                    ),
                    "x": ("x", np.array([10.0, 20.0, 30.0, 40.0])),
                },
            )
        )
        start += length
    return made


@dataclass
class Case:
    """Inputs, their template, and the decoded dataset that a right store holds."""

    inputs: list[xr.Dataset]
    template: Template
    right: xr.Dataset

    @contextmanager
    def open_input(self, index: Index) -> Iterator[xr.Dataset]:
        """As ``verify.sample`` asks for it."""
        yield self.inputs[index[0]]

    def store(self, path: Path, ds: xr.Dataset | None = None) -> xr.Dataset:
        """Write ``ds`` (as stored, CF attributes not applied) and open it as verification does."""
        from pangeo_forge.verify.store import open_store

        (self.right if ds is None else ds).to_zarr(path, mode="w", consolidated=True, zarr_format=2)
        return open_store(str(path), cftime=True)


def make_case() -> Case:
    """The case that all tests share; tests must not change it."""
    inputs = make_inputs()
    settings = CombineSettings(concat_dims=("time",))
    combination = Combination.empty(settings)
    for position, ds in enumerate(inputs):
        combination = combination.add(scan_dataset(ds, (position,), f"time={position}", ("time",))) or combination
    right = xr.concat(inputs, "time", data_vars="minimal", coords="minimal", compat="override", join="override")
    return Case(inputs, combination.template(), right)
