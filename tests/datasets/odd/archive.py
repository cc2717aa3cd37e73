"""Files as nobody should write them, and somebody does. Each function writes two or three inputs of one archive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

Writer = Callable[[Path], None]


@dataclass(frozen=True)
class Odd:
    """One archive, and what must become of it."""

    write: Writer
    outcome: str = "same"
    """``same``: as plain xarray has it; else the code of the error."""
    recipe: str = ""
    """More sections of the recipe."""
    differs: dict[str, str] = field(default_factory=dict)
    """Variables (or attributes: ``v@units``) that are rightly not as xarray has them, and why; those are not compared."""
    oracle: dict[str, Any] = field(default_factory=dict)
    """Keywords of ``xarray.open_dataset`` for the oracle."""


ODD: dict[str, Odd] = {}


def odd(outcome: str = "same", recipe: str = "", **more: Any) -> Callable[[Writer], Writer]:
    """Keep a writer under its name."""

    def keep(write: Writer) -> Writer:
        ODD[write.__name__] = Odd(write, outcome, recipe, **more)
        return write

    return keep


def plain(i: int, dtype: str = "i2", attrs: dict[str, Any] | None = None, **more: Any) -> xr.Dataset:
    """Part ``i``: two days of v(time, x), undecoded; ``more`` replaces or adds variables (None takes out)."""
    values = (np.arange(6).reshape(2, 3) + 10 * i).astype(dtype)
    made: dict[str, Any] = {
        "time": ("time", np.arange(2) + 2 * i, {"units": "days since 2001-02-27", "calendar": "standard"}),
        "x": ("x", np.array([0.5, 1.5, 2.5])),
        "v": (("time", "x"), values, dict(attrs or {})),
    }
    made.update(more)
    return xr.Dataset({k: v for k, v in made.items() if v is not None}, attrs={"title": "odd"})


def save(folder: Path, parts: list[xr.Dataset], engine: str = "h5netcdf", **more: Any) -> None:
    """Write parts as ``0.nc``, ``1.nc``..."""
    for i, ds in enumerate(parts):
        ds.to_netcdf(folder / f"{i}.nc", engine=engine, **more)  # type: ignore[call-overload]


def each(folder: Path, write: Callable[[h5py.File, int], None], parts: int = 2) -> None:
    """Parts written by h5py, on top of a plain one."""
    save(folder, [plain(i) for i in range(parts)])
    for i in range(parts):
        with h5py.File(folder / f"{i}.nc", "a") as file:
            write(file, i)


def scaled(folder: Path, name: str, attrs: dict[str, Any], others: dict[str, Any] | None = None) -> None:
    """h5py gives attributes in types that netCDF libraries would not write."""
    save(folder, [plain(i) for i in range(2)])
    for i, given in enumerate((attrs, attrs if others is None else others)):
        with h5py.File(folder / f"{i}.nc", "a") as file:
            for key, value in given.items():
                file[name].attrs[key] = value
