"""Templates that tests plan: OISST-like ones, and random ones by hypothesis."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from pangeo_forge.dataset.model import ArrayTemplate, Template


def array(name: str, dims: dict[str, int], dtype: str = "<i2", **fields: Any) -> ArrayTemplate:
    """An array template with sensible defaults."""
    defaults: dict[str, Any] = {
        "attrs": {},
        "fill_value": None,
        "is_coord": False,
        "concat_dims": tuple(d for d in dims if d == "time"),
        "merge": None,
        "values": None,
        "recode": False,
    }
    return ArrayTemplate(name, tuple(dims), tuple(dims.values()), dtype, **{**defaults, **fields})


def oisst(days: int, lat: int = 720, lon: int = 1440) -> Template:
    """Daily files of four packed variables, one storage chunk a day."""
    sizes = {"time": days, "zlev": 1, "lat": lat, "lon": lon}
    arrays = [
        array(n, sizes, fill_value=-999, storage_chunks=(1, 1, lat, lon), attrs={"scale_factor": 0.01})
        for n in ("sst", "anom", "err", "ice")
    ]
    for name, kind in (("time", "<i8"), ("lat", "<f4"), ("lon", "<f4")):
        arrays.append(array(name, {name: sizes[name]}, kind, is_coord=True, values=np.arange(sizes[name], dtype=kind)))
    return Template(
        sizes=sizes,
        concat_dims=("time",),
        lengths={"time": np.ones(days, np.int64)},
        starts={"time": np.arange(days)},
        arrays=tuple(arrays),
        attrs={"title": "like OISST"},
        positions=tuple((i,) for i in range(days)),
    )


@st.composite
def axes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, dict[int, tuple[int, int]], int]:
    """Used lengths, starts, trims and size of one concat dim, sorted in any order."""
    full = draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    used, trims = [], {}
    for position, n in enumerate(full):
        a = draw(st.integers(0, n)) if draw(st.integers(0, 3)) == 0 else 0
        b = draw(st.integers(a, n)) if a else n
        if (a, b) != (0, n):
            trims[position] = (a, b)
        used.append(b - a)
    order = draw(st.permutations(range(len(full))))
    starts, at = np.zeros(len(full), np.int64), 0
    for position in order:
        starts[position] = at
        at += used[position]
    return np.array(used, np.int64), starts, trims, at


@st.composite
def random_templates(draw: st.DrawFn) -> Template:
    """Up to two concat dims in any order and with trims, a merge key, missing inputs, arrays of any subset of dims."""
    concat = draw(st.sampled_from([(), ("time",), ("time", "tile"), ("tile",)]))
    lengths, starts, trims, sizes = {}, {}, {}, {"y": draw(st.integers(1, 4))}
    for dim in concat:
        lengths[dim], starts[dim], trims[dim], sizes[dim] = draw(axes())
    merges = draw(st.integers(0, 2))
    shape = [len(lengths[d]) for d in concat] + ([merges] if merges else [])
    positions = [tuple(int(i) for i in p) for p in np.ndindex(*shape)]
    kept = draw(st.lists(st.sampled_from(positions), min_size=1, unique=True)) if draw(st.booleans()) else positions
    arrays = []
    for number in range(draw(st.integers(1, 3))):
        dims = draw(st.permutations([*concat, "y"]))[: draw(st.integers(0, len(concat) + 1))]
        held = draw(st.sampled_from([None, ((merges - 1,),)])) if merges else None
        item = {d: sizes[d] for d in dims}
        chunks = tuple(draw(st.integers(1, 5)) for _ in dims) if draw(st.booleans()) else None
        arrays.append(
            array(
                f"v{number}", item, concat_dims=tuple(d for d in concat if d in dims), merge=held, storage_chunks=chunks
            )
        )
    return Template(sizes, concat, lengths, starts, tuple(arrays), {}, tuple(sorted(kept)), trims)
