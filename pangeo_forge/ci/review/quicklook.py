"""A picture of each variable of the pruned run, so that a reviewer sees upside-down maps and fill values at a glance."""

from __future__ import annotations

import io
import warnings
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pangeo_forge.ci.escaping import clean
from pangeo_forge.ci.review.report import MOST_PICTURES, Picture
from pangeo_forge.ci.review.slices import Slice, shown_value, slice_of

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (7.2, 3.8)
DPI = 100
LARGEST_PICTURE = 500_000
"""Bytes; a picture that would be larger is left out."""
_FEW = 12
"""So many different whole numbers are classes, each with its own colour."""


def draw_quicklooks(ds: xr.Dataset, folder: Path, prefix: str) -> list[Picture]:
    """PNG files of the data variables of ``ds`` in ``folder``, the first MOST_PICTURES of them.

    Parameters
    ----------
    prefix: how the files' names begin: lower-case letters, digits and dashes.

    Raises
    ------
    ImportError: matplotlib, of the extra ``report``, is not installed.
    """
    import matplotlib

    matplotlib.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Picture] = []
    for name in map(str, ds.data_vars):
        if len(made) == MOST_PICTURES:
            break
        try:
            found = slice_of(ds, name)
            data = None if found is None or found.values.ndim == 0 else picture(ds, name, found)
            if found is not None and data is not None and len(data) > LARGEST_PICTURE:
                data = picture(ds, name, found, DPI // 2)
        except (ValueError, TypeError, ArithmeticError, MemoryError):
            # One odd variable must not cost the others their pictures.
            continue
        if found is None or data is None or len(data) > LARGEST_PICTURE:
            continue
        file = f"{prefix[:60]}-{len(made) + 1:02d}.png"
        (folder / file).write_bytes(data)
        made.append(Picture(file=file, variable=clean(name, 200), caption=clean(_where(found), 200)))
    return made


def picture(ds: xr.Dataset, name: str, what: Slice, dpi: int = DPI) -> bytes:
    """The PNG of one slice."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=dpi, layout="constrained")
    axes = figure.add_subplot()
    units = _units(ds, name)
    if what.values.ndim == 2:
        _map(figure, axes, what, ds[name], units)
    else:
        _line(axes, what, f"{clean(name, 40)}{units}")
    title = clean(f"{name}{units}", 80)
    where = clean(_where(what), 100)
    axes.set_title(f"{title}\n{where}" if where else title, fontsize=9, parse_math=False)
    _note_missing(axes, what)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Letters that the font lacks are shown as boxes.
        warnings.simplefilter("ignore")
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _map(figure: Figure, axes: Axes, what: Slice, array: xr.DataArray, units: str) -> None:
    values = np.ma.masked_invalid(what.values)
    norm, colours, ticks = _colours(values.compressed(), array)
    y, x = _steps(what)
    mesh = axes.pcolormesh(x, y, values, cmap=colours.with_extremes(bad="0.8"), norm=norm, shading="nearest")
    for axis, steps in ((axes.xaxis, x), (axes.yaxis, y)):
        _whole_numbers(axis, steps)
    bar = figure.colorbar(mesh, ax=axes, ticks=ticks, shrink=0.9)
    bar.set_label(clean(f"{array.name}{units}", 60), fontsize=8, parse_math=False)
    bar.ax.tick_params(labelsize=7)
    _dress(axes, what.labels[1], what.labels[0])


def _line(axes: Axes, what: Slice, label: str) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    [x] = _steps(what)
    style: dict[str, Any] = {"marker": "." if len(x) < 200 else None, "linewidth": 1, "markersize": 4, "color": "C0"}
    parts = _without_holes(x)
    if len(parts) > 1:
        # A pruned run leaves years out: its values stand side by side, with a line where the hole is.
        for part in parts:
            axes.plot(np.arange(part.start, part.stop), what.values[part], **style)
            axes.axvline(part.stop - 0.5, color="0.6", linestyle=":", linewidth=1)
        axes.set_xlim(-0.5, len(x) - 0.5)
        axes.set_xticks([p.start for p in parts], [shown_value(x[p.start]) for p in parts], ha="left")
    else:
        axes.plot(x, what.values, **style)
        _whole_numbers(axes.xaxis, x)
    if x.dtype.kind == "M" and len(parts) == 1:
        locator = AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.grid(alpha=0.3)
    _dress(axes, what.labels[0], label)


def _without_holes(x: np.ndarray) -> list[slice]:
    """Parts of an axis whose steps are alike; all of it where holes are the rule."""
    if len(x) < 3:
        return [slice(0, len(x))]
    steps = np.abs(np.diff(x.astype("int64") if x.dtype.kind == "M" else x).astype(float))
    holes = np.flatnonzero(steps > 5 * np.median(steps)) + 1
    edges = [0, *(int(h) for h in holes), len(x)]
    return [slice(a, b) for a, b in pairwise(edges)] if 0 < len(holes) <= 4 else [slice(0, len(x))]


def _whole_numbers(axis: Any, steps: np.ndarray) -> None:
    """No half numbers where an axis counts."""
    from matplotlib.ticker import MaxNLocator

    if steps.dtype.kind == "i":
        axis.set_major_locator(MaxNLocator(integer=True))


def _dress(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(clean(x, 60), fontsize=8, parse_math=False)
    axes.set_ylabel(clean(y, 60), fontsize=8, parse_math=False)
    axes.tick_params(labelsize=7)


def _note_missing(axes: Axes, what: Slice) -> None:
    missing = np.count_nonzero(~np.isfinite(what.values))
    if not missing:
        return
    text = f"{100 * missing / what.values.size:.3g} % missing" + (" (grey)" if what.values.ndim == 2 else "")
    if missing == what.values.size:
        text = "all values are missing"
    axes.annotate(text, (1, 1), (0, 3), "axes fraction", "offset points", fontsize=7, ha="right", va="bottom")


def _colours(values: np.ndarray, array: xr.DataArray) -> tuple[Any, Any, list[float] | None]:
    """Norm, colour map and ticks: classes where there are few whole numbers, blue to red around zero, else viridis."""
    from matplotlib import colormaps
    from matplotlib.colors import BoundaryNorm, ListedColormap, Normalize

    different = np.unique(values) if values.size else np.zeros(0)
    whole = array.dtype.kind in "biu" or "flag_values" in array.attrs or "flag_meanings" in array.attrs
    if whole and 1 < len(different) <= _FEW:
        middle = (different[1:] + different[:-1]) / 2
        edges = [different[0] - 0.5, *middle, different[-1] + 0.5]
        classes = ListedColormap(colormaps["Paired"](np.arange(len(different))))
        return BoundaryNorm(edges, len(different)), classes, [float(v) for v in different]
    if not values.size:
        return Normalize(0, 1), colormaps["viridis"], None
    low, high = (float(v) for v in np.quantile(values, (0.01, 0.99)))
    if low == high:
        low, high = float(values.min()), float(values.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    if low < 0 < high and min(-low, high) > 0.25 * max(-low, high):
        return Normalize(-max(-low, high), max(-low, high)), colormaps["RdBu_r"], None
    return Normalize(low, high), colormaps["viridis"], None


def _steps(what: Slice) -> list[np.ndarray]:
    """Each axis, where it rises or falls steadily; else numbers."""
    found = []
    for axis, count, stride in zip(what.axes, what.values.shape, what.strides, strict=True):
        steps = np.diff(axis.astype("int64") if axis.dtype.kind == "M" else axis) if axis is not None else np.zeros(1)
        steady = bool((steps > 0).all() or (steps < 0).all())
        found.append(axis if axis is not None and steady else np.arange(count) * stride)
    return found


def _units(ds: xr.Dataset, name: str) -> str:
    units = {"m": "days", "M": "days since 1970"}.get(ds[name].dtype.kind, ds[name].attrs.get("units"))
    return f" [{clean(units, 40)}]" if units not in (None, "") else ""


def _where(what: Slice) -> str:
    return ", ".join(f"{dim} = {value}" for dim, value in what.at.items())
