"""What the cache promises, seen from whole runs through the real command line."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from tests.cli.invocation import Invocation, invoke
from tests.inputs.fetch.faulty_server import FaultyServer, Request

pytestmark = pytest.mark.servers


def netcdf4(hour: int) -> bytes:
    """One hour of a field, compressed in chunks."""
    out = io.BytesIO()
    field = np.random.default_rng(hour).integers(0, 100, (1, 40, 50)).astype("f4")
    ds = xr.Dataset({"v": (("time", "y", "x"), field)}, {"time": ("time", [hour], {"units": "hours since 2020-01-01"})})
    ds.to_netcdf(out, engine="h5netcdf", encoding={"v": {"zlib": True, "chunksizes": (1, 10, 50)}})
    return out.getvalue()


class Source:
    """Two inputs at a server, and a recipe for them."""

    def __init__(self, folder: Path, server: FaultyServer) -> None:
        self.folder, self.server = folder, server
        self.data = {f"/{hour}.nc": netcdf4(hour) for hour in range(2)}
        self.tags = dict.fromkeys(self.data, '"1"')
        for name in self.data:
            server.on(name, self.serve)

    def serve(self, request: Request) -> None:
        request.serve(self.data[request.path], etag=self.tags[request.path])

    def run(self, *options: object, command: str = "run", **sections: object) -> Invocation:
        recipe = {
            "format_version": 1,
            "id": "hours",
            "title": "Hours",
            "license": "CC0-1.0",
            "inputs": {"url": self.server.url("/{time}.nc"), "concat": {"time": [0, 1]}},
            "fetch": {"retries": 1, "timeout": "5s"},
            "target": {"chunks": {"time": 2}},
            **sections,
        }
        (self.folder / "hours").mkdir(exist_ok=True)
        (self.folder / "hours/recipe.yaml").write_text(yaml.safe_dump(recipe))
        target = ["--target", self.folder / "out.zarr", "--overwrite"] if command == "run" else []
        return invoke(command, self.folder / "hours", "--cache", self.cache, "--mode", "single", *target, *options)

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def blobs(self) -> list[Path]:
        return sorted(p for p in (self.cache / "v1/blobs").rglob("*") if p.is_file())

    def blob_of(self, name: str) -> Path:
        return next(p for p in self.blobs() if p.read_bytes() == self.data[name])

    def asked(self) -> int:
        return len(self.server.requests)

    def assert_right(self) -> None:
        with xr.open_zarr(self.folder / "out.zarr") as got:
            for hour in range(2):
                with xr.open_dataset(io.BytesIO(self.data[f"/{hour}.nc"]), engine="h5netcdf") as ds:
                    np.testing.assert_array_equal(got.v.values[hour], ds.v.values[0])


@pytest.fixture
def source(tmp_path: Path, server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setenv("PANGEO_FORGE_POLITENESS", str(tmp_path / "polite"))
    return Source(tmp_path, server)


def damage_in_secret(path: Path, at: int, count: int) -> None:
    """As a disk does: no time of change tells."""
    before = path.stat()
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(b"\xff" * count)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def chunk_at(data: bytes) -> int:
    import h5py

    with h5py.File(io.BytesIO(data)) as file:
        return int(file["v"].id.get_chunk_info(2).byte_offset)


def test_a_second_run_asks_nobody_and_revalidate_asks_once(source: Source) -> None:
    assert source.run().code == 0
    assert source.asked() == 2
    source.server.close()
    assert source.run().code == 0
    assert source.asked() == 2


def test_revalidate_brings_what_changed(source: Source) -> None:
    assert source.run().code == 0
    assert source.run("--revalidate").code == 0
    assert [r.headers.get("if-none-match") for r in source.server.requests[2:]] == ['"1"', '"1"']
    source.data["/1.nc"], source.tags["/1.nc"] = netcdf4(7)[:-1] + b"\0", '"2"'
    source.data["/1.nc"] = renamed_hour(7, 1)
    assert source.run().code == 0
    with xr.open_zarr(source.folder / "out.zarr") as got:
        assert not np.array_equal(got.v.values[1], field_of(source.data["/1.nc"]))
    assert source.run("--revalidate").code == 0
    source.assert_right()


def field_of(data: bytes) -> np.ndarray:
    with xr.open_dataset(io.BytesIO(data), engine="h5netcdf") as ds:
        return ds.v.values[0]


def renamed_hour(seed: int, hour: int) -> bytes:
    """The field of another hour under the time of this one."""
    out = io.BytesIO()
    with xr.open_dataset(io.BytesIO(netcdf4(seed)), engine="h5netcdf", decode_cf=False) as ds:
        made = ds.load().assign_coords(time=("time", [hour], ds.time.attrs))
    made.to_netcdf(out, engine="h5netcdf")
    return out.getvalue()


@pytest.mark.parametrize("where", ["head", "chunk"])
def test_a_copy_that_went_bad_is_fetched_again_by_the_run_that_meets_it(source: Source, where: str) -> None:
    """The head is met when inputs are opened, a chunk when values are read."""
    assert source.run().code == 0
    at = 8 if where == "head" else chunk_at(source.data["/1.nc"])
    damage_in_secret(source.blob_of("/1.nc"), at, 40)
    done = source.run()
    assert done.code == 0, done.err
    assert "was fetched again" in done.err
    assert source.asked() == 3
    source.assert_right()


def test_a_server_that_sends_half_a_file_is_found_out_before_it_is_kept(source: Source) -> None:
    """Its Content-Length is that of the half: only the file tells."""
    source.data["/1.nc"] = source.data["/1.nc"][:3000]
    done = source.run("--json")
    assert done.code == 1
    assert done.json["error"]["code"] == "I314"
    assert "truncated" in done.json["error"]["message"]
    assert "the server sent it so" in done.json["error"]["hint"]
    assert len(source.blobs()) == 1
    source.data["/1.nc"] = netcdf4(1)
    assert source.run().code == 0
    source.assert_right()


def test_a_source_that_is_damaged_itself_is_told_from_a_damaged_copy(source: Source) -> None:
    data = bytearray(source.data["/1.nc"])
    at = chunk_at(bytes(data))
    data[at : at + 40] = b"\xff" * 40
    source.data["/1.nc"] = bytes(data)
    done = source.run("--json")
    error = done.json["error"]
    assert (done.code, error["code"]) == (1, "I203")
    assert "time=1" in error["where"]
    assert source.server.url("/1.nc") in error["where"]
    assert "--revalidate" in error["hint"]
    assert source.asked() == 2


def test_what_failed_is_all_that_a_later_run_fetches(source: Source) -> None:
    good = source.serve
    source.server.on("/1.nc", lambda r: r.send("503 x"))
    done = source.run("--json")
    assert done.json["error"]["code"] == "I304"
    assert len(source.server.seen("/0.nc")) == 1
    source.server.on("/1.nc", good)
    assert source.run().code == 0
    assert len(source.server.seen("/0.nc")) == 1


@pytest.mark.parametrize(("policy", "code"), [("fail", 1), ("skip", 0), ("fill", 0)])
def test_policies_for_what_a_server_does_not_have(source: Source, policy: str, code: int) -> None:
    """The first is absent, so all others must have been fetched after it."""
    del source.server.handlers["/0.nc"]
    inputs = {
        "url": source.server.url("/{time}.nc"),
        "concat": {"time": [0, 1]},
        "on_missing": policy,
        "items_per_file": 1,
    }
    coordinate = [{"assign_coords": {"time": "key"}}]
    done = source.run(inputs=inputs, transforms=coordinate)
    assert done.code == code, done.err
    assert len(source.blobs()) == 1
    assert ("0.nc" in done.err) is True
    if code == 0:
        with xr.open_zarr(source.folder / "out.zarr", decode_times=False) as got:
            assert got.sizes["time"] == (1 if policy == "skip" else 2)
    source.server.on("/0.nc", source.serve)
    assert source.run(inputs=inputs, transforms=coordinate).code == 0
    assert len(source.server.seen("/1.nc")) == 1


def test_a_cache_that_may_only_be_read_serves_and_says_what_it_lacks(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert source.run().code == 0
    real = os.open

    def read_only(path: object, flags: int, *more: object, **named: object) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR) and str(path).startswith(str(source.cache)):
            raise OSError(30, "Read-only file system", path)
        return real(path, flags, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", read_only)
    assert source.run().code == 0
    assert source.asked() == 2
    os.utime(source.blob_of("/1.nc"))  # cannot be noted, so it is read each time
    assert source.run().code == 0
    damage_in_secret(source.blob_of("/1.nc"), 8, 40)
    monkeypatch.undo()


def test_verify_finds_and_removes_through_the_command_line(source: Source) -> None:
    assert source.run().code == 0
    listed = invoke("cache", "list", "--cache", source.cache, "--json").json["entries"]
    assert sorted(e["url"] for e in listed) == [source.server.url("/0.nc"), source.server.url("/1.nc")]
    assert invoke("cache", "verify", "--cache", source.cache).code == 0
    damage_in_secret(source.blob_of("/1.nc"), 100, 1)
    found = invoke("cache", "verify", "--cache", source.cache, "--remove", "--json")
    assert found.code == 1
    assert [d["url"] for d in found.json["damaged"]] == [source.server.url("/1.nc")]
    assert len(source.blobs()) == 1
    trial = invoke("cache", "prune", "--cache", source.cache, "--max-size", "1B", "--dry-run", "--json").json
    assert (trial["entries"], len(source.blobs())) == (1, 1)
    assert invoke("cache", "prune", "--cache", source.cache, "--max-size", "1B", "--json").json["entries"] == 1
    assert not source.blobs()
