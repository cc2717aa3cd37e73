"""Archives that tests make, and references to them, made as a run makes them but without Beam."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pycurl  # noqa: F401 - eccodes, which xarray imports when it looks for engines, brings a libcurl that pycurl refuses
import xarray as xr
import yaml
from scipy.io import netcdf_file

from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.pipeline.prepare_inputs import InputPreparer
from pangeo_forge.pipeline.refer_inputs import InputReferrer
from pangeo_forge.recipe.load import load_recipe
from pangeo_forge.runs.referencing import plan_references
from pangeo_forge.runs.session import Session, excuse, opened_session
from pangeo_forge.runs.settings import RunSettings
from pangeo_forge.targets.choice import ending_of, form_of_target, open_target

LAT, LON = 12, 20


def write_recipe(folder: Path, **sections: Any) -> Path:
    """A recipe for the ``*.nc`` files beside it; ``sections`` replace those of a plain one."""
    recipe: dict[str, Any] = {
        "format_version": 1,
        "id": folder.name,
        "title": "Made by a test",
        "description": "Made by a test.",
        "license": "CC-BY-4.0",
        "providers": [{"name": "A test"}],
        "maintainers": [{"name": "A test", "github": "nobody"}],
        "inputs": {"glob": "*.nc", "concat": {"time": {}}},
        "target": {"format": "reference"},
    }
    recipe.update(sections)
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return path


def refer(
    recipe: Path, *, target: Path | None = None, cache: Path | None = None, inspect: Any = None, **set_: str
) -> Path:
    """Make references and return their address."""
    loaded = load_recipe(str(recipe), set_=[f"{k.replace('__', '.')}={v}" for k, v in set_.items()])
    settings = RunSettings(cache=str(cache) if cache else None, workers=2)
    place = target or recipe.parent / "out" / f"made{ending_of(loaded.target)}"
    with opened_session(loaded, settings) as session:
        _refer(session, place, inspect)
    return place


def _refer(session: Session, place: Path, inspect: Any) -> None:
    recipe = session.recipe
    preparer = InputPreparer(session.archive, CombineSettings.from_recipe(recipe))
    prepared = preparer.prepare(0, len(session.pattern))
    excuse(prepared.failed, recipe.inputs.on_missing, len(session.pattern))
    combination = prepared.combination
    if recipe.inputs.on_missing == "fill":
        combination = replace(combination, absent=session._absent(prepared))
    template = combination.template()
    target: Any = open_target(str(place), "r1", recipe.target, input_options=recipe.fetch.storage_options)
    zarr_format = 3 if form_of_target(recipe.target) == "virtual" else 2
    plan, target.forms = plan_references(session, template, zarr_format)
    target.create(plan)
    referrer = InputReferrer(template, plan.inputs, session.archive, target.forms, zarr_format)
    for ordinal in reversed(range(len(plan.inputs))):
        changes = referrer.run(ordinal).changes
        if changes is not None:
            target.receive(changes)
    target.commit(plan, inspect)


def oisst_like(folder: Path, days: int = 4, *, fletcher32: bool = True, **options: Any) -> list[Path]:
    """Daily NetCDF-4 files, named by the day of January 1978: packed int16 (time, zlev, lat, lon), one chunk a day, shuffled and deflated."""
    rng = np.random.default_rng(0)
    paths = []
    for day in range(days):
        paths.append(folder / f"{day + 2:02d}.nc")
        with h5py.File(paths[-1], "w") as f:
            for name, values in (
                ("time", np.array([day + 0.5], "f4")),
                ("zlev", np.zeros(1, "f4")),
                ("lat", np.linspace(-89, 89, LAT, dtype="f4")),
                ("lon", np.linspace(0, 350, LON, dtype="f4")),
            ):
                f[name] = values
                f[name].make_scale(name)
            f["time"].attrs["units"] = np.bytes_("days since 1978-01-01 12:00:00")
            for number, name in enumerate(("sst", "ice")):
                stored = rng.integers(-300, 3000, (1, 1, LAT, LON)).astype("<i2")
                stored[0, 0, 0, :3] = -999
                given = {"compression": "gzip", "shuffle": True, "fletcher32": fletcher32, "fillvalue": -999, **options}
                sst = f.create_dataset(name, data=stored + number, chunks=(1, 1, LAT, LON), **given)
                for axis, dim in enumerate(("time", "zlev", "lat", "lon")):
                    sst.dims[axis].attach_scale(f[dim])
                sst.attrs.update({"scale_factor": 0.01, "add_offset": 0.0, "_FillValue": np.int16(-999)})
    return paths


def netcdf3_series(folder: Path, lengths: tuple[int, ...] = (3, 2, 4)) -> list[Path]:
    """NetCDF-3 files of uneven lengths along the record dimension, with two interleaved record variables."""
    paths, at = [], 0
    for number, length in enumerate(lengths):
        paths.append(folder / f"part{number}.nc")
        with netcdf_file(paths[-1], "w") as f:
            f.createDimension("time", None)
            f.createDimension("lat", 5)
            f.createDimension("lon", 3)
            f.createVariable("time", "f8", ("time",))[:] = np.arange(at, at + length)
            f.variables["time"].units = b"days since 2000-01-01"
            f.createVariable("lat", "f4", ("lat",))[:] = np.arange(5)
            f.createVariable("lon", "f4", ("lon",))[:] = np.arange(3)
            f.createVariable("tas", "f4", ("time", "lat", "lon"))[:] = np.random.default_rng(at).random((length, 5, 3))
            f.createVariable("code", "i2", ("time", "lat", "lon"))[:] = np.arange(length * 15).reshape(length, 5, 3)
        at += length
    return paths


def group_file(folder: Path, name: str = "a.nc", day: int = 0, **options: Any) -> Path:
    """An HDF5 file whose data lie in a group, in several chunks, some of them partial at the edges."""
    path = folder / name
    with h5py.File(path, "w") as f:
        grid = f.create_group("Grid")
        for dim, values in (
            ("time", np.array([day], "i4")),
            ("lon", np.arange(10, dtype="f4")),
            ("lat", np.arange(7, dtype="f4")),
        ):
            grid[dim] = values
            grid[dim].make_scale(dim)
        grid["time"].attrs["units"] = np.bytes_("days since 2000-01-01")
        values = np.random.default_rng(day).random((1, 10, 7)).astype("f4")
        rain = grid.create_dataset("rain", data=values, chunks=(1, 4, 5), **{"compression": "gzip", **options})
        for axis, dim in enumerate(("time", "lon", "lat")):
            rain.dims[axis].attach_scale(grid[dim])
    return path


def expected(paths: list[Path], engine: str = "h5netcdf", **options: Any) -> xr.Dataset:
    """The inputs by xarray alone."""
    parts = [xr.open_dataset(p, engine=engine, **options).load() for p in paths]
    return xr.concat(parts, "time", data_vars="minimal", coords="minimal", compat="override", combine_attrs="override")


def assert_same(found: xr.Dataset, wanted: xr.Dataset) -> None:
    """Equal in every value, dtype and dimension."""
    assert set(found.variables) == set(wanted.variables)
    for name in wanted.variables:
        assert found[name].dims == wanted[name].dims
        assert found[name].dtype == wanted[name].dtype
        np.testing.assert_array_equal(found[name].values, wanted[name].values, err_msg=str(name))


@contextmanager
def ranged_server(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """A web server on loopback that answers ranges: its address, and the requests (path and range) that it got."""
    seen: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def __init__(self, *given: Any) -> None:
            super().__init__(*given, directory=str(folder))

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            seen.append(f"{self.path} {self.headers.get('Range', '')}".strip())
            if asked is None:
                super().do_GET()
                return
            data = Path(self.translate_path(self.path)).read_bytes()
            first, last = int(asked[1]), min(int(asked[2]), len(data) - 1)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
            self.send_header("Content-Length", str(last - first + 1))
            self.end_headers()
            self.wfile.write(data[first : last + 1])

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
