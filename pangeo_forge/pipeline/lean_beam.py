"""Imports Beam without what it loads only because it is installed: clients of clouds and databases, pandas, pyarrow.

Beam does without each of them, as where they are absent. A run on this machine needs none, and they are half of the CPU time
that the import takes (benchmarks/README.md). What is imported so stays so for the life of the process: it can no more submit
to a cloud. So only a process that makes one run, on this machine, imports Beam this way.
"""

from __future__ import annotations

import gc
import importlib
import logging
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

LEFT_OUT = (
    "google.cloud",
    "google.auth",
    "google.api_core",
    "boto3",
    "botocore",
    "azure",
    "pymongo",
    "pandas",
    "pyarrow",
)


class _Absent(MetaPathFinder):
    """Finds that packages are absent."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None: ask the next finder."""
        if fullname.startswith(LEFT_OUT) and any(fullname == n or fullname.startswith(f"{n}.") for n in LEFT_OUT):
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


def import_lean() -> None:
    """Import Beam and its runner for this machine; nothing happens when Beam is there already."""
    if "apache_beam" in sys.modules:
        return
    absent = _Absent()
    sys.meta_path.insert(0, absent)
    # Beam warns of what it does without.
    logging.disable(logging.WARNING)
    try:
        importlib.import_module("apache_beam.runners.portability.fn_api_runner")
    finally:
        logging.disable(logging.NOTSET)
        sys.meta_path.remove(absent)
    # What was imported stays: the garbage collector need not look at a million objects again and again.
    gc.freeze()
