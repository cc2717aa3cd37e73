"""Arrays are reached by kind and name; the cache is bounded and closes what leaves."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import netcdf_file

from pangeo_forge.errors import InputError, InternalError
from pangeo_forge.inputs import arrays, isolation
from pangeo_forge.inputs.arrays import ArrayCache, kinds, open_array, open_arrays, register
from pangeo_forge.inputs.lazy import ArraySource, Locator


class Noted:
    """A source that says when it was closed."""

    shape, dtype, chunks = (1,), np.dtype("i2"), None
    locator = Locator("noted", "a")

    def __init__(self) -> None:
        self.closed = 0

    def read(self, region: tuple[slice, ...]) -> np.ndarray:
        return np.zeros(1, "i2")

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...]]]:
    """Registers the kind "noted"; lists what was opened."""
    calls: list[tuple[str, tuple[str, ...]]] = []

    def opener(path: str, names: Sequence[str], limits: object) -> Mapping[str, ArraySource]:
        calls.append((os.path.basename(path), tuple(names)))
        return {n: Noted() for n in names}

    monkeypatch.setattr(arrays, "_OPENERS", dict(arrays._OPENERS))
    register("noted", opener)
    return calls


def files(folder: Path, count: int) -> list[str]:
    paths = [folder / f"{i}" for i in range(count)]
    for path in paths:
        path.write_text("x")
    return [str(p) for p in paths]


def test_arrays_of_the_known_kinds(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["group/a"] = [1, 2]
    with netcdf_file(tmp_path / "x.nc", "w") as file:
        file.createDimension("x", 2)
        file.createVariable("a", "i2", ("x",))[:] = [3, 4]
    assert {"hdf5", "netcdf3"} <= set(kinds())
    assert open_array("hdf5", str(tmp_path / "x.h5"), "group/a").read((slice(None),)).tolist() == [1, 2]
    assert open_array("netcdf3", str(tmp_path / "x.nc"), "a").read((slice(None),)).tolist() == [3, 4]
    assert list(open_arrays("hdf5", str(tmp_path / "x.h5"), ["group/a"])) == ["group/a"]


def test_an_unknown_kind_is_our_fault() -> None:
    with pytest.raises(InternalError, match=r"no reader for arrays of kind 'grid'.*X201"):
        open_array("grid", "x", "a")


def test_a_file_is_opened_once(tmp_path: Path, opened: list[tuple[str, tuple[str, ...]]]) -> None:
    (path,) = files(tmp_path, 1)
    with ArrayCache() as cache:
        first = cache.get("noted", path, ["a", "b"])
        assert cache.get("noted", path, ["b"])["b"] is first["b"]
        more = cache.get("noted", path, ["a", "c"])
        assert more["a"] is first["a"]
        assert list(more) == ["a", "c"]
        assert opened == [("0", ("a", "b")), ("0", ("c",))]
        assert cache.get("noted", path, ["a", "b", "c"]) == {**first, **more}
        assert len(opened) == 2


def test_the_least_recently_used_leaves_and_is_closed(
    tmp_path: Path, opened: list[tuple[str, tuple[str, ...]]]
) -> None:
    a, b, c = files(tmp_path, 3)
    cache = ArrayCache(max_files=2)
    first, second = cache.get("noted", a, ["x"])["x"], cache.get("noted", b, ["x"])["x"]
    cache.get("noted", a, ["x"])
    third = cache.get("noted", c, ["x"])["x"]
    assert len(cache) == 2
    assert [s.closed for s in (first, second, third) if isinstance(s, Noted)] == [0, 1, 0]
    cache.close()
    assert [s.closed for s in (first, second, third) if isinstance(s, Noted)] == [1, 1, 1]
    assert len(cache) == 0


def test_a_changed_file_is_opened_again(tmp_path: Path, opened: list[tuple[str, tuple[str, ...]]]) -> None:
    (path,) = files(tmp_path, 1)
    cache = ArrayCache()
    old = cache.get("noted", path, ["x"])["x"]
    Path(path).write_text("longer")
    assert cache.get("noted", path, ["x"])["x"] is not old
    assert isinstance(old, Noted)
    assert old.closed == 1


def test_bad_arguments(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        ArrayCache(0)
    with pytest.raises(InputError, match="I200"):
        ArrayCache().get("hdf5", str(tmp_path / "absent"), ["x"])


def test_threads_share_a_cache(tmp_path: Path) -> None:
    paths = []
    for i in range(12):
        paths.append(str(tmp_path / f"{i}.h5"))
        with h5py.File(paths[-1], "w") as file:
            file.create_dataset("x", data=np.full(50, i), chunks=(7,), compression="gzip")
            file["y"] = i
    cache = ArrayCache(max_files=3)

    def read(n: int) -> bool:
        found = cache.get("hdf5", paths[n % 12], ["x", "y"])
        return bool((found["x"].read((slice(None),)) == n % 12).all() and found["y"].read(()) == n % 12)

    read(0)
    isolation.close()
    before = len(os.listdir("/proc/self/fd"))
    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(read, range(200)))
    assert len(cache) <= 3
    isolation.close()
    assert len(os.listdir("/proc/self/fd")) == before
