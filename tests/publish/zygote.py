"""Runs that can be killed: a process that has imported everything and forks a child, with its own group, for each run.

Started as ``python -m tests.publish.zygote``. Reads one JSON line a run (arguments of :func:`perform`), answers with the
child's process id at once, and with its exit code when it has ended.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any


def perform(
    folder: str, target: str, options: dict[str, Any], given: dict[str, Any], target_section: dict[str, Any]
) -> None:
    """One run of the archive in a folder."""
    from tests.publish.archive import Daily

    Daily(Path(folder), target, options, target_section=target_section).run(**given)


def main() -> None:
    # All that a run imports is here before it is forked, so that a kill hits the run and not Python's import.
    import tempfile

    os.environ.setdefault("PANGEO_FORGE_RETRY_PAUSE", "0.02")
    from tests.publish.archive import Daily

    with tempfile.TemporaryDirectory() as folder:
        warm = Daily(Path(folder), f"{folder}/out.zarr")
        warm.write(range(2))
        warm.run()
    print("ready", flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.setsid()
            code = 1
            try:
                perform(**command)
                code = 0
            except BaseException:
                with open(os.environ.get("ZYGOTE_LOG", os.devnull), "a") as log:
                    log.write(f"{time.time()} {traceback.format_exc()}\n")
            finally:
                os._exit(code)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
