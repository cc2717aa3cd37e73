"""Mistakes of this program are told as its own, those of libraries at damaged files as the file's."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from pangeo_forge.errors import InputError, InternalError
from pangeo_forge.inputs import isolation
from pangeo_forge.inputs.blame import own_fault
from pangeo_forge.inputs.openers import hdf5, naming, netcdf3, open_dataset
from pangeo_forge.inputs.source import InputSource


def raised(make: str, path: str) -> Exception:
    """What the code raises when it is that of a file."""
    try:
        exec(compile(make, path, "exec"), {"json": json, "np": np})
    except Exception as error:
        return error
    raise AssertionError(make)


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        ("no_such_name", True),
        ("json.no_such_function", True),
        ("None.size", True),
        ("(lambda a: a)()", True),
        ("(lambda a: a)(b=1)", True),
        ("json.loads(None)", False),  # raised in a library's own code
        ("np.dtype('xyz')", False),  # at a value that a file may hold
        ("int('x')", False),
        ("[][1]", False),
    ],
)
def test_slips_in_our_code_are_ours(code: str, ours: bool) -> None:
    assert own_fault(raised(code, hdf5.__file__)) is ours
    assert not own_fault(raised(code, h5py.__file__))


def test_openers_tell_them_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.nc"
    path.write_bytes(b"CDF\x01" + bytes(28))
    source = InputSource("http://x/a.nc", str(path), "time=1 http://x/a.nc")
    # As if somebody had misspelled a function in the opener.
    monkeypatch.delattr(netcdf3, "to_xarray")
    with pytest.raises(InternalError, match=r"to_xarray.*\(inputs/openers/netcdf3.py:\d+\).*our fault") as caught:
        open_dataset(source)
    assert (caught.value.code, caught.value.where, caught.value.exit_code) == ("X202", source.where, 2)
    with pytest.raises(InternalError), naming(source):
        raise raised("None.size", hdf5.__file__)
    with pytest.raises(InputError) as damaged, naming(source):
        raise raised("None.size", h5py.__file__)
    assert damaged.value.code == "I124"


def test_a_slip_in_the_child_is_told_as_ours() -> None:
    # Our own function called with what it does not take.
    with pytest.raises(InternalError, match="positional argument") as caught:
        isolation.call(slip, timeout=60, where="time=1 a.nc")
    assert (caught.value.code, caught.value.where) == ("X202", "time=1 a.nc")


def slip() -> None:
    """As in our package: its file is said to be one of it."""
    raise raised("(lambda a: a)()", hdf5.__file__)
