"""Fetching from a loopback nginx, against ``curl --parallel`` with the same number of connections.

Runs take turns; ratios are medians over pairs. Run ``python -m benchmarks.fetch [--small 10000] [--large 200] [--huge-mb 5000]``; needs nginx and curl.
curl writes plain files; ours hashes, checks and publishes each file and its entry. Starting Python is part of our time.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

PORT = 8941
CONF = """
worker_processes 1; pid {root}/pid; error_log {root}/log;
events {{ worker_connections 512; }}
http {{ access_log off; sendfile on; keepalive_requests 1000000;
 client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
 uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
 server {{ listen 127.0.0.1:{port}; root {root}/www; }} }}
"""


def make_files(root: Path, name: str, count: int, size: int) -> None:
    (root / "www" / name).mkdir(parents=True)
    for i in range(count):
        with open(root / "www" / name / str(i), "wb") as file:
            for _ in range(0, size, 1 << 20):
                file.write(os.urandom(min(size, 1 << 20)))


def fresh(root: Path) -> Path:
    """A folder that nothing was removed from: ext4 is slow to use again what was freed a moment ago."""
    return Path(tempfile.mkdtemp(prefix="out-", dir=root))


def curl(root: Path, name: str, count: int, connections: int) -> float:
    out = fresh(root)
    start = time.perf_counter()
    command = ["curl", "-s", "--fail", "--no-progress-meter", "--parallel", "--parallel-max", str(connections)]
    url = f"http://127.0.0.1:{PORT}/{name}/[0-{count - 1}]"
    subprocess.run([*command, url, "-o", f"{out}/#1"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def share(out: str, name: str, numbers: range, connections: int, peak: multiprocessing.Queue[int]) -> None:
    from pangeo_forge.inputs.fetch import Cache, Fetcher, FetchOptions, Politeness

    politeness = Politeness(connections, folder=f"{out}/polite")
    with Fetcher(FetchOptions(max_concurrency=connections), Cache(f"{out}/cache"), politeness=politeness) as fetcher:
        outcome = fetcher.fetch_all(f"http://127.0.0.1:{PORT}/{name}/{i}" for i in numbers)
        assert not outcome.failed, outcome.failed[:3]
    peak.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def ours(root: Path, name: str, count: int, connections: int, processes: int) -> tuple[float, int]:
    """Seconds and the largest peak memory (MB) of a process."""
    out = fresh(root)
    context = multiprocessing.get_context("spawn")
    peak = context.Queue()
    shares = [range(k, count, processes) for k in range(processes)]
    workers = [context.Process(target=share, args=(str(out), name, s, connections, peak)) for s in shares]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise SystemExit("a worker failed")
    return time.perf_counter() - start, max(peak.get() for _ in workers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in [("small", 10000), ("large", 200), ("huge-mb", 5000), ("connections", 8), ("repeat", 5)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="bench-fetch-"))
    root.chmod(0o755)  # nginx's worker is another user
    (root / "nginx.conf").write_text(CONF.format(root=root, port=PORT))
    for name, count, size in [("small", options.small, 10_240), ("large", options.large, 3 << 20)]:
        make_files(root, name, count, size)
    make_files(root, "huge", 1 if options.huge_mb else 0, options.huge_mb << 20)
    server = subprocess.Popen(
        [shutil.which("nginx") or "/usr/sbin/nginx", "-c", f"{root}/nginx.conf", "-g", "daemon off;"]
    )
    try:
        time.sleep(0.5)
        print(f"| files | curl s | processes | ours s | ours/curl rate | peak MB |\n|{'---|' * 6}", flush=True)
        for name, count in [("small", options.small), ("large", options.large), ("huge", 1 if options.huge_mb else 0)]:
            if not count:
                continue
            repeat = options.repeat if count > 1 else 1
            for processes in (1, 2) if count > 1 else (1,):
                pairs = [
                    (
                        curl(root, name, count, options.connections),
                        ours(root, name, count, options.connections, processes),
                    )
                    for _ in range(repeat)
                ]
                theirs, mine = (statistics.median(x) for x in ([p[0] for p in pairs], [p[1][0] for p in pairs]))
                ratio, memory = statistics.median(p[0] / p[1][0] for p in pairs), max(p[1][1] for p in pairs)
                print(
                    f"| {count} {name} | {theirs:.2f} | {processes} | {mine:.2f} | {ratio:.2f} | {memory} |", flush=True
                )
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
