"""Damage of every kind in stores of both formats, found without the record of the run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from pangeo_forge.errors import VerifyError
from pangeo_forge.progress import Recorder
from pangeo_forge.verify.integrity import check_integrity
from pangeo_forge.verify.result import CheckResult


@pytest.fixture(params=[2, 3])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    ds = xr.Dataset(
        {"t": (("time", "x"), np.arange(60.0).reshape(20, 3)), "name": (("x",), ["a", "b", "c"])},
        coords={"time": np.arange(20)},
    )
    path = tmp_path / "x.zarr"
    ds.to_zarr(path, encoding={"t": {"chunks": (5, 3)}}, zarr_format=request.param, consolidated=True)
    return path


def _failed(results: list[CheckResult]) -> set[str]:
    return {r.name for r in results if not r.passed}


def _chunk(store: Path, number: int) -> Path:
    v3 = store / "t" / "c" / str(number) / "0"
    return v3 if v3.exists() else store / "t" / f"{number}.0"


def test_sound_store_passes_and_every_chunk_is_told(store: Path) -> None:
    tell = Recorder()
    assert not _failed(check_integrity(str(store), full=True, tell=tell))
    assert tell.totals["verify"] == tell.done["verify"] == 6
    quick = Recorder()
    assert not _failed(check_integrity(str(store), tell=quick))
    assert quick.done["verify"] == 4


def test_cut_chunk_at_the_end(store: Path) -> None:
    chunk = _chunk(store, 3)
    chunk.write_bytes(chunk.read_bytes()[:9])
    assert _failed(check_integrity(str(store))) == {"array t"}


def test_cut_chunk_in_the_middle_needs_full(store: Path) -> None:
    chunk = _chunk(store, 1)
    chunk.write_bytes(chunk.read_bytes()[:9])
    assert not _failed(check_integrity(str(store)))
    [bad] = [r for r in check_integrity(str(store), full=True) if not r.passed]
    assert bad.name == "array t"
    assert "[(5, 10), (0, 3)]" in bad.detail


def test_object_too_many(store: Path) -> None:
    _chunk(store, 0).with_name("99").write_bytes(b"x")
    assert "array t" in _failed(check_integrity(str(store)))


def test_stale_consolidated_metadata(store: Path) -> None:
    path = store / "t" / ("zarr.json" if (store / "zarr.json").exists() else ".zattrs")
    document = json.loads(path.read_text())
    document.get("attributes", document)["units"] = "degC"
    path.write_text(json.dumps(document))
    [bad] = [r for r in check_integrity(str(store)) if not r.passed]
    assert bad.name == "consolidated metadata"
    assert "t" in bad.detail


def test_no_consolidated_metadata(store: Path) -> None:
    root = store / "zarr.json"
    if root.exists():
        document = json.loads(root.read_text())
        document.pop("consolidated_metadata")
        root.write_text(json.dumps(document))
    else:
        (store / ".zmetadata").unlink()
    [bad] = [r for r in check_integrity(str(store)) if not r.passed]
    assert "there is none" in bad.detail


def test_metadata_that_is_no_json(store: Path) -> None:
    name = "zarr.json" if (store / "zarr.json").exists() else ".zmetadata"
    (store / name).write_text("{")
    with pytest.raises(VerifyError, match=r"damaged.*V004"):
        check_integrity(str(store))


def test_no_store(tmp_path: Path) -> None:
    with pytest.raises(VerifyError, match="V003"):
        check_integrity(str(tmp_path))
