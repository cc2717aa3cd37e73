"""Archives made at random: files on disk, the recipe that converts them, and what xarray says of them in memory.

The runner is left out: the plain functions that it would call are called here, one after the other.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import xarray as xr
from hypothesis import strategies as st

from .made import converted
from .random_transforms import Step, applied, transforms

CALENDARS = ["standard", "proleptic_gregorian", "noleap", "360_day", None]
UNITS = ["days since 2000-01-01", "hours since 2000-01-01 3:00", "days since 1950-1-1", "minutes since 2000-01-01 6:00"]
LENGTHS = {"days": 1440, "hours": 60, "minutes": 1}
NETCDF3 = ["i1", "i2", "i4", "f4", "f8"]
NETCDF4 = [*NETCDF3, "u1", "u2", "u4", "i8", ">i2", ">f4"]


@dataclass(frozen=True)
class Variable:
    """A data variable of all files."""

    name: str
    dims: tuple[str, ...]
    dtype: str
    merge: int


@dataclass(frozen=True)
class Storage:
    """How a file stores its data variables."""

    engine: str
    """netcdf4 (HDF5, by the netCDF library), h5netcdf, or scipy (NetCDF-3)."""
    zlib: bool = False
    shuffle: bool = False
    checksum: bool = False
    chunks: int = 0
    """Length of a chunk along each dim; 0: contiguous, or what the library chooses."""
    unlimited: bool = False
    hole: bool = False
    """Leave the last item of each data variable unwritten."""


@dataclass(frozen=True)
class Archive:
    """Everything that decides about the files; the values come from ``seed``."""

    lengths: tuple[int, ...]
    """Of the files along time."""
    gaps: tuple[int, ...]
    """Days between a file and the one before it."""
    columns: tuple[int, ...]
    """Lengths along x: with several, x is concatenated too."""
    variables: tuple[Variable, ...]
    calendar: str | None
    units: tuple[str, ...]
    time_dtype: str
    half_days: bool
    packings: tuple[dict[str, Any], ...]
    storages: tuple[Storage, ...]
    bounds: bool
    scalar: bool
    labels: bool
    zarr_format: int
    chunks: dict[str, int]
    seed: int
    start: int = 0
    descending: bool = False
    group: str | None = None
    """Group of the HDF5 files that holds all."""
    bare: bool = False
    """Files have one time each, and no dimension for it."""
    transforms: tuple[Step, ...] = ()
    names: tuple[str, ...] = field(default=("a", "b"))

    @property
    def merges(self) -> tuple[str, ...]:
        """Values of the merge key; none when one file holds all."""
        return self.names if any(v.merge for v in self.variables) and not all(v.merge for v in self.variables) else ()

    def recipe(self, folder: Path) -> str:
        """The sections of the recipe."""
        name = "{part}" + ("_{name}" if self.merges else "") + ("_{column}" if len(self.columns) > 1 else "")
        concat = f"part: {{dim: time, values: {list(range(len(self.lengths)))}}}"
        if len(self.columns) > 1:
            concat += f", column: {{dim: x, values: {list(range(len(self.columns)))}}}"
        merge = f"\n  merge: {{name: [{', '.join(self.merges)}]}}" if self.merges else ""
        named = {"level" if k == "y" else k: v for k, v in self.chunks.items()}
        chunks = ", ".join(f"{k}: {v}" for k, v in named.items())
        opening = f"open: {{group: {self.group}}}\n" if self.group else ""
        steps = "".join(f"  - {{{step.text}}}\n" for step in self.transforms)
        return f"""
inputs:
  url: {folder}/in/{name}.nc
  concat: {{{concat}}}{merge}
target: {{zarr_format: {self.zarr_format}, chunks: {{{chunks}}}}}
{opening}transforms:{chr(10) + steps if steps else " []"}
"""

    def path(self, folder: Path, part: int, merge: str | None, column: int) -> Path:
        """Where a file is."""
        name = f"{part}" + (f"_{merge}" if merge else "") + (f"_{column}" if len(self.columns) > 1 else "")
        return folder / f"in/{name}.nc"

    def write(self, folder: Path) -> None:
        """Make all files."""
        (folder / "in").mkdir(parents=True)
        rng = np.random.default_rng(self.seed)
        for part, merge, column in itertools.product(
            range(len(self.lengths)), self.merges or (None,), range(len(self.columns))
        ):
            path = self.path(folder, part, merge, column)
            ds = self.dataset(part, merge, column, rng)
            ds = ds.isel(time=0) if self.bare else ds
            write(ds, path, self.storages[part % len(self.storages)], self.group)

    def dataset(self, part: int, merge: str | None, column: int, rng: np.random.Generator) -> xr.Dataset:
        """A file's content, undecoded."""
        units = self.units[part % len(self.units)]
        packing = self.packings[part % len(self.packings)]
        n = self.lengths[part]
        first = self.start + sum(self.lengths[:part]) + sum(self.gaps[: part + 1])
        minutes = (first + np.arange(n)) * 1440 + (720 if self.half_days else 0)
        minutes = -minutes if self.descending else minutes
        sizes = {"time": n, "x": self.columns[column], "y": 3}
        attrs = {"units": units, **({"calendar": self.calendar} if self.calendar else {})}
        attrs |= {"bounds": "time_bnds"} if self.bounds else {}
        time = numbers(minutes, units, self.calendar)
        dtype = self.time_dtype if np.all(time == np.round(time)) else "f8"
        offset = sum(self.columns[:column])
        made: dict[str, Any] = {
            "time": ("time", time.astype(dtype), attrs),
            "x": ("x", (offset + np.arange(sizes["x"])) * 0.25, {"units": "degrees_east"}),
            "y": ("y", np.array([10, 20, 40], "i2"), {"units": "m", "part": str(part)}),
        }
        if self.bounds:
            edges = numbers(minutes[:, None] + np.array([0, 1440]), units, self.calendar)
            made["time_bnds"] = (("time", "nv"), edges.astype(dtype))
        if self.scalar:
            made["height"] = ((), np.float32(2.5), {"units": "m"})
        if self.labels:
            labels = np.array([f"s{i}{'x' * (i % 3)}" for i in range(first, first + n)])
            made["label"] = ("time", labels.astype("S" if self.storages[0].engine == "scipy" else object))
        for v in self.variables:
            if merge is None or self.merges[v.merge] == merge:
                shape = tuple(sizes[d] for d in v.dims)
                kind = np.dtype(v.dtype)
                values = rng.integers(0 if kind.kind == "u" else -9, 10, shape).astype(kind)
                packed = {k: kind.type(x) if k in ("_FillValue", "missing_value") else x for k, x in packing.items()}
                made[v.name] = (v.dims, values, {"long_name": v.name, **packed})
        return xr.Dataset(made, attrs={"title": "made", "part": part})

    def oracle(self, folder: Path) -> xr.Dataset:
        """All files, decoded one by one and joined in memory."""
        merged = []
        for merge in self.merges or (None,):
            columns = []
            for column in range(len(self.columns)):
                paths = [self.path(folder, p, merge, column) for p in range(len(self.lengths))]
                columns.append(joined([self.seen(p) for p in paths], "time"))
            merged.append(joined(columns, "x") if len(columns) > 1 else columns[0])
        whole = xr.merge(merged, compat="equals", join="exact", combine_attrs="drop_conflicts")
        files = [self.seen(p) for p in sorted((folder / "in").iterdir())]
        for name, variable in whole.variables.items():
            # xarray takes those of the first file for what it does not concatenate.
            variable.attrs = agreed([f[name].attrs for f in files if name in f.variables])
        return whole

    def seen(self, path: Path) -> xr.Dataset:
        """A file as xarray has it, after the transforms."""
        ds = opened(path, self.group)
        if self.bare:
            ds = ds.set_coords("time").expand_dims("time")
        return applied(ds, self.transforms)


def agreed(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Attributes on which nobody disagrees."""
    every = {k: v for attrs in found for k, v in attrs.items()}
    return {k: v for k, v in every.items() if all(attrs.get(k, v) == v for attrs in found)}


def opened(path: Path, group: str | None = None) -> xr.Dataset:
    """A file by xarray's own engine, in memory."""
    engine = "h5netcdf" if path.read_bytes()[:4] == b"\x89HDF" else "scipy"
    with xr.open_dataset(path, engine=engine, **({"group": group} if group else {})) as ds:
        return ds.load()


def joined(parts: list[xr.Dataset], dim: str) -> xr.Dataset:
    """Parts along ``dim``; variables without it are those of the first."""
    return xr.concat(
        parts, dim, data_vars="minimal", coords="minimal", compat="equals", join="exact", combine_attrs="drop_conflicts"
    )


def numbers(minutes: np.ndarray, units: str, calendar: str | None) -> np.ndarray:
    """Numbers that mean minutes since 2000-01-01, exact in float64."""
    unit, _, since = units.partition(" since ")
    if since == "1950-1-1":
        years = {"noleap": 365.0, "360_day": 360.0}.get(str(calendar))
        base = 1440 * (50 * years if years else 18262)
    else:
        base = {"2000-01-01": 0, "2000-01-01 3:00": -180, "2000-01-01 6:00": -360}[since]
    return np.asarray((minutes + base) / LENGTHS[unit], "f8")


def write(ds: xr.Dataset, path: Path, storage: Storage, group: str | None = None) -> None:
    """Write an undecoded dataset."""
    if storage.engine == "scipy":
        # The format wants records first.
        leads = "time" in ds.dims and all(v.dims[0] == "time" for v in ds.variables.values() if "time" in v.dims)
        kind: Any = "NETCDF3_64BIT" if storage.shuffle else "NETCDF3_CLASSIC"
        ds.to_netcdf(
            path,
            engine="scipy",
            format=kind,
            unlimited_dims=["time"] if storage.unlimited and leads else [],
        )
    elif storage.engine == "h5netcdf":
        encoding: dict[Any, dict[str, Any]] = {}
        for name, v in ds.variables.items():
            if v.ndim and v.dtype.kind in "iuf":
                encoding[name] = {"zlib": storage.zlib, "shuffle": storage.shuffle, "fletcher32": storage.checksum}
                if storage.chunks:
                    encoding[name]["chunksizes"] = tuple(min(storage.chunks, n) for n in v.shape)
        ds.to_netcdf(path, engine="h5netcdf", encoding=encoding, group=group)
    else:
        _by_netcdf4(ds, path, storage, group)


def _by_netcdf4(ds: xr.Dataset, path: Path, storage: Storage, group: str | None) -> None:
    with netCDF4.Dataset(path, "w") as root:
        file = root.createGroup(group) if group else root
        for dim, size in ds.sizes.items():
            file.createDimension(str(dim), None if storage.unlimited and dim == "time" else size)
        for name, v in ds.variables.items():
            attrs = dict(v.attrs)
            options: dict[str, Any] = {"fill_value": attrs.pop("_FillValue", None)}
            if v.ndim and v.dtype.kind in "iuf":
                options |= {"zlib": storage.zlib, "shuffle": storage.shuffle, "fletcher32": storage.checksum}
                if storage.chunks:
                    options["chunksizes"] = tuple(min(storage.chunks, n) for n in v.shape)
            kind = str if v.dtype.kind == "O" else v.dtype
            made = file.createVariable(str(name), kind, tuple(map(str, v.dims)), **options)
            made.set_auto_maskandscale(False)
            made.setncatts(attrs)
            values = v.values
            keep = values.shape[0] - 1 if storage.hole and name in ds.data_vars and v.ndim > 1 else None
            if v.ndim and keep is not None and name != "time_bnds":
                made[:keep] = values[:keep]
            else:
                made[...] = values
        file.setncatts(ds.attrs)


def convert(archive: Archive, folder: Path) -> xr.Dataset:
    """The archive's store, opened with plain xarray."""
    return converted(folder, archive.recipe(folder))


PACKINGS = st.fixed_dictionaries(
    {},
    optional={
        "scale_factor": st.sampled_from([0.5, 0.01, 2.0, np.float32(0.1)]),
        "add_offset": st.sampled_from([0.0, 273.15, -1.0]),
        "_FillValue": st.sampled_from([7, 0, 9]),
        "missing_value": st.sampled_from([5, 9]),
    },
)


@st.composite
def storages(draw: st.DrawFn, engine: str) -> Storage:
    """How one file is stored."""
    flag = st.booleans()
    return Storage(engine, draw(flag), draw(flag), draw(flag), draw(st.sampled_from([0, 1, 2])), draw(flag), draw(flag))


@st.composite
def archives(draw: st.DrawFn) -> Archive:
    """Any archive that a strict recipe can convert."""
    lengths = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    columns = tuple(draw(st.sampled_from([[4], [4], [2, 3], [1, 1, 4]])))
    engines = draw(st.sampled_from([["netcdf4"], ["h5netcdf"], ["scipy"], ["netcdf4", "h5netcdf"]]))
    dtypes = NETCDF3 if "scipy" in engines else NETCDF4
    dims = [("time", "x"), ("time", "y", "x"), ("x", "time"), ("time", "x", "y")]
    variables = tuple(
        Variable(f"v{i}", draw(st.sampled_from(dims)), draw(st.sampled_from(dtypes)), draw(st.integers(0, 1)))
        for i in range(draw(st.integers(1, 3)))
    )
    mixed = draw(st.booleans())
    far = draw(st.sampled_from([0, 0, 0, -180_000, 150_000, 2_000_000]))
    bare = draw(st.sampled_from([False, False, False, True]))
    steps = draw(st.one_of(st.just(()), transforms()))
    lengths = (1,) * len(lengths) if bare else lengths
    if bare:
        # The scalar time would be lost by transforms that name the dimension before it is made.
        steps = ()
    return Archive(
        lengths=lengths,
        gaps=tuple(draw(st.integers(0, 3)) for _ in lengths),
        columns=columns,
        variables=variables,
        calendar=draw(st.sampled_from(CALENDARS)),
        units=tuple(draw(st.lists(st.sampled_from(UNITS), min_size=1, max_size=3 if mixed else 1))),
        time_dtype=draw(st.sampled_from(["i4", "f8", "f4"] if "scipy" in engines else ["i4", "i8", "f8"]))
        if not far
        else "f8",
        half_days=draw(st.booleans()),
        packings=tuple(draw(st.lists(PACKINGS, min_size=1, max_size=2 if draw(st.booleans()) else 1))),
        storages=tuple(draw(storages(e)) for e in engines),
        bounds=draw(st.booleans()),
        # scipy writes scalars among the records of an unlimited dimension, which nobody can read.
        scalar=draw(st.booleans()) and "scipy" not in engines,
        labels=draw(st.booleans()),
        zarr_format=draw(st.sampled_from([2, 3])),
        chunks={"time": draw(st.integers(1, 7)), "x": draw(st.sampled_from([-1, 1, 2, 3]))},
        seed=draw(st.integers(0, 2**16)),
        start=far + draw(st.integers(0, 1000)),
        group=None if "scipy" in engines else draw(st.sampled_from([None, None, "g", "/deep/er"])),
        bare=bare,
        transforms=steps,
        descending=draw(st.sampled_from([False, False, False, True])),
    )
