"""A child that crashes, hangs or raises: always an error with the input's place, and the next call works."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pangeo_forge.errors import InputError
from pangeo_forge.inputs import isolation


def test_values_come_back() -> None:
    values = isolation.call(np.arange, 1_000_000, timeout=10, where="a")
    assert values.sum() == 499999500000


def test_crash_hang_and_exception_are_errors() -> None:
    with pytest.raises(InputError, match="SIGABRT") as caught:
        isolation.call(os.abort, timeout=10, where="time=1 (file)")
    assert (caught.value.code, caught.value.where) == ("I120", "time=1 (file)")
    isolation.call(int, "1", timeout=10, where="a")
    start = time.monotonic()
    with pytest.raises(InputError, match="longer") as caught:
        isolation.call(time.sleep, 30, timeout=0.3, where="b")
    assert caught.value.code == "I121"
    assert time.monotonic() - start < 20  # not the 30 s of the call
    with pytest.raises(InputError, match="ValueError") as caught:
        isolation.call(int, "x", timeout=10, where="c")
    assert caught.value.code == "I110"


def test_a_child_is_used_again() -> None:
    first = isolation.call(os.getpid, timeout=10, where="a")
    assert isolation.call(os.getpid, timeout=10, where="a") == first != os.getpid()


def test_large_arrays_come_back_in_shared_memory() -> None:
    values, text = isolation.call(made, 3_000_000, timeout=60, where="a")
    assert text == "beside"
    np.testing.assert_array_equal(values[0], np.arange(3_000_000))
    np.testing.assert_array_equal(values[1], np.ones((500, 300), "i2"))
    # They are ours: what is changed here is not changed there.
    values[0][:] = 0
    assert isolation.call(made, 3_000_000, timeout=60, where="a")[0][0][5] == 5


def made(count: int) -> tuple[list[np.ndarray], str]:
    return [np.arange(count), np.ones((500, 300), "i2")], "beside"


def test_what_does_not_pickle_is_an_error_and_no_crash() -> None:
    with pytest.raises(InputError, match="pickle"):
        isolation.call(unpicklable, timeout=60, where="a")


def unpicklable() -> object:
    return lambda: None


def test_the_environment_is_that_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    isolation.call(int, "1", timeout=60, where="a")
    monkeypatch.setenv("PANGEO_FORGE_TRY", "one")
    assert isolation.call(os.getenv, "PANGEO_FORGE_TRY", timeout=60, where="a") == "one"
    monkeypatch.delenv("PANGEO_FORGE_TRY")
    assert isolation.call(os.getenv, "PANGEO_FORGE_TRY", timeout=60, where="a") is None


def test_nothing_is_imported_from_the_folder_where_we_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A checkout of a stranger's recipes may hold such files.
    (tmp_path / "numpy.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    isolation.close()
    assert isolation.call(np.arange, 3, timeout=60, where="a").sum() == 3


def test_limits_call_here_or_there() -> None:
    assert isolation.Limits(60).call(os.getpid, where="a") != os.getpid()
    assert isolation.IN_PROCESS.call(os.getpid, where="a") == os.getpid()
    # Within a child there is no child of its own.
    there, inner = isolation.Limits(60).call(nested, where="a")
    assert there == inner != os.getpid()


def nested() -> tuple[int, int]:
    return os.getpid(), isolation.Limits(60).call(os.getpid, where="a")


def test_a_read_of_much_has_more_time() -> None:
    isolation.call(int, "1", timeout=60, where="a")
    assert isolation.Limits(1e-9).call(int, "5", where="a", nbytes=60_000_000) == 5


@pytest.mark.slow
def test_a_child_whose_parent_is_gone_ends_by_itself(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        "import os, sys, threading\n"
        "from pangeo_forge.inputs import isolation\n"
        "from tests.inputs.test_isolation import loop, ready\n"
        "isolation.call(ready, timeout=60, where='a')\n"
        "caller = threading.Thread(target=lambda: isolation.call(loop, sys.argv[1], timeout=3, where='a'))\n"
        "caller.start()\n"
        "while caller.is_alive() and not (os.path.exists(sys.argv[1]) and os.path.getsize(sys.argv[1])): pass\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(note)], check=True, cwd=Path(__file__).parents[2])
    pid = int(note.read_text())
    deadline = time.monotonic() + 60
    while os.path.exists(f"/proc/{pid}"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ready() -> None:
    """Nothing, once this module is imported."""


def loop(note: str) -> None:
    """Never come back, as a library does that follows a damaged index."""
    with open(note, "w") as file:
        file.write(str(os.getpid()))
    while True:
        pass


def test_more_threads_than_processors_share_the_children() -> None:
    isolation.close()
    with ThreadPoolExecutor(12) as pool:
        pids = set(pool.map(lambda _: isolation.call(os.getpid, timeout=60, where="a"), range(60)))
    assert len(pids) <= max(2, os.cpu_count() or 2)
