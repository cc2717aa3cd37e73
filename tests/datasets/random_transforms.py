"""Transforms drawn at random: what the recipe says, and what the same is in xarray on the decoded dataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import xarray as xr
from hypothesis import strategies as st


@dataclass(frozen=True)
class Step:
    """One entry of ``transforms``."""

    text: str
    apply: Callable[[xr.Dataset], xr.Dataset]
    changes_values: bool = False

    def __repr__(self) -> str:
        return self.text


def _each(change: Callable[[xr.DataArray], xr.DataArray]) -> Callable[[xr.Dataset], xr.Dataset]:
    """Change the first data variable, attributes kept."""

    def apply(ds: xr.Dataset) -> xr.Dataset:
        if "v0" not in ds:
            return ds
        with xr.set_options(keep_attrs=True):
            return ds.assign(v0=change(ds.v0))

    return apply


STEPS = [
    Step("rename: {y: level}", lambda ds: ds.rename(y="level")),
    Step("rename: {v0: renamed}, if_present: true", lambda ds: ds.rename({n: "renamed" for n in ("v0",) if n in ds})),
    Step("transpose: [x, time, ...]", lambda ds: ds.transpose("x", "time", ...)),
    Step("transpose: [..., time]", lambda ds: ds.transpose(..., "time")),
    Step("isel: {y: 1}", lambda ds: ds.isel(y=1)),
    Step("isel: {y: [2, 0]}", lambda ds: ds.isel(y=[2, 0])),
    Step("isel: {y: {step: 2}}", lambda ds: ds.isel(y=slice(None, None, 2))),
    Step("select: {y: {min: 15, max: 40}}", lambda ds: ds.sel(y=slice(15, 40))),
    Step("sort: y", lambda ds: ds.sortby("y")),
    Step('drop: ["v9*", y], if_present: true', lambda ds: ds.drop_vars("y")),
    Step("attrs: {set: {note: made}, delete: [part]}", lambda ds: _noted(ds)),
    Step("assign_coords: {depth: {value: 10}}", lambda ds: ds.assign_coords(depth=10)),
    Step("mask: {v0: {above: 5}}, if_present: true", _each(lambda v: v.where(~(v > 5))), True),
    Step("scale: {v0: {factor: 2, offset: 1}}, if_present: true", _each(lambda v: v.astype("f8") * 2 + 1), True),
    Step("cast: {v0: float64}, if_present: true", _each(lambda v: v.astype("f8")), True),
]


def _noted(ds: xr.Dataset) -> xr.Dataset:
    noted = ds.copy()
    noted.attrs = {**{k: v for k, v in ds.attrs.items() if k != "part"}, "note": "made"}
    return noted


@st.composite
def transforms(draw: st.DrawFn) -> tuple[Step, ...]:
    """Up to three steps that can follow each other: what one takes away no later one names."""
    drawn = draw(st.lists(st.sampled_from(STEPS), max_size=3, unique_by=lambda s: s.text))
    kept: list[Step] = []
    for step in drawn:
        before = " ".join(k.text for k in kept)
        of_y = "y" in step.text.split(":", 1)[1] and "v9" not in step.text
        gone = any(t in before for t in ("y: level", "y: 1}", ", y]"))
        if gone and (of_y or ", y]" in step.text or "y: level" in step.text):
            continue
        if "v0" in step.text and "renamed" in before:
            continue
        if any(t in before for t in ("mask", "cast", "scale")) and step.changes_values:
            continue
        kept.append(step)
    return tuple(kept)


def applied(ds: xr.Dataset, steps: tuple[Step, ...]) -> xr.Dataset:
    """The dataset after all steps."""
    for step in steps:
        ds = step.apply(ds)
    return ds
