"""What fetching may cost: memory, CPU, files and requests in every landing; rates beside curl where it is quiet."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

_CHILD = """
import resource, sys
from pangeo_forge.inputs.fetch import *
f = Fetcher(FetchOptions(max_concurrency=8), Cache(sys.argv[2]), politeness=Politeness(8, folder=sys.argv[3]))
import pycurl
begun = resource.getrusage(resource.RUSAGE_SELF)
out = f.fetch_all(sys.argv[1].format(i) for i in range(int(sys.argv[4])))
assert not out.failed, out.failed[:2]
used = resource.getrusage(resource.RUSAGE_SELF)
cpu = used.ru_utime + used.ru_stime - begun.ru_utime - begun.ru_stime
# Not ru_maxrss, which begins with the peak of the process that started this one.
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(cpu, peak // 1024, sum(f.size for f in out.fetched if f))
"""


def fetch(url: str, count: int, folder: Path) -> tuple[float, int, int]:
    """CPU seconds, peak memory (MB) and bytes of a process that fetches ``count`` files."""
    command = [sys.executable, "-c", _CHILD, url, str(folder / "cache"), str(folder / "polite"), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stderr
    cpu, peak, size = done.stdout.split()
    return float(cpu), int(peak), int(size)


def files(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file()]


@pytest.mark.servers
def test_a_small_file_costs_one_request_one_file_and_little_cpu(nginx: tuple[str, Path], tmp_path: Path) -> None:
    base, www = nginx
    count = 1000
    for i in range(count):
        (www / str(i)).write_bytes(i.to_bytes(4, "big") * 2560)
    cpu, _, size = fetch(base + "/{}", count, tmp_path)
    assert size == count * 10240
    asked = [line.split() for line in (tmp_path / "access").read_text().splitlines()]
    assert len(asked) == count
    assert {status for _, status, _ in asked} == {"200"}
    assert len({connection for connection, _, _ in asked}) <= 8
    # A file for each input, and the logs of entries.
    assert len(files(tmp_path / "cache")) <= count + 256
    assert cpu / count < 0.005  # 0.0004 on a quiet machine


@pytest.mark.servers
def test_memory_does_not_grow_with_the_file(nginx: tuple[str, Path], tmp_path: Path) -> None:
    base, www = nginx
    with open(www / "0", "wb") as file:
        file.truncate(400 << 20)
    _, peak, size = fetch(base + "/{}", 1, tmp_path)
    assert size == 400 << 20
    assert peak < 300


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_memory_of_five_gigabytes(nginx: tuple[str, Path], tmp_path: Path) -> None:
    base, www = nginx
    with open(www / "0", "wb") as file:
        file.truncate(5 * 10**9)
    try:
        _, peak, size = fetch(base + "/{}", 1, tmp_path)
    finally:
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    assert size == 5 * 10**9
    assert peak < 300


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("count", "size", "least"), [(200, 3 << 20, 0.8), (10_000, 10_240, 0.5)])
def test_rate_beside_curl(nginx: tuple[str, Path], tmp_path: Path, count: int, size: int, least: float) -> None:
    """The median over pairs, each in a folder of its own: ext4 is slow to use again what was just removed."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("no curl")
    base, www = nginx
    for i in range(count):
        (www / str(i)).write_bytes(os.urandom(size))
    ratios = []
    for pair in range(5):
        (tmp_path / f"curl{pair}").mkdir()
        began = time.perf_counter()
        command = [curl, "-s", "--fail", "--parallel", "--parallel-max", "8", f"{base}/[0-{count - 1}]"]
        subprocess.run(
            [*command, "-o", f"{tmp_path}/curl{pair}/#1"], check=True, stdout=subprocess.DEVNULL, timeout=900
        )
        theirs = time.perf_counter() - began
        (tmp_path / f"ours{pair}").mkdir()
        began = time.perf_counter()
        fetch(base + "/{}", count, tmp_path / f"ours{pair}")
        ratios.append(theirs / (time.perf_counter() - began))
    assert statistics.median(ratios) >= least, ratios


_SHARE = """
import sys
from pangeo_forge.inputs.fetch import *
p = Politeness(3, folder=sys.argv[3])
f = Fetcher(FetchOptions(max_concurrency=3, retries=0), Cache(sys.argv[2]), politeness=p)
out = f.fetch_all(sys.argv[1].format(i) for i in range(int(sys.argv[4]), 120, 2))
assert not out.failed, out.failed[:2]
"""


@pytest.mark.servers
def test_two_processes_together_stay_below_what_nginx_allows(nginx: tuple[str, Path], tmp_path: Path) -> None:
    """It answers 503 to whoever comes above three; nobody does."""
    base, www = nginx
    (www / "few").mkdir()
    for i in range(120):
        (www / "few" / str(i)).write_bytes(os.urandom(50_000))
    common = [base + "/few/{}", str(tmp_path / "cache"), str(tmp_path / "polite")]
    children = [subprocess.Popen([sys.executable, "-c", _SHARE, *common, str(part)]) for part in (0, 1)]
    assert [child.wait(120) for child in children] == [0, 0]
    statuses = [line.split()[1] for line in (tmp_path / "access").read_text().splitlines()]
    assert statuses == ["200"] * 120
