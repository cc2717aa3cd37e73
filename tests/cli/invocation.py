"""Call the real command line in this process, or in one of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from pangeo_forge.cli import main

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Invocation:
    """What a call of the command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """All of stdout, which must be one JSON document."""
        return json.loads(self.out)


def invoke(*arguments: object) -> Invocation:
    """``pangeo-forge ARGUMENTS`` in this process."""
    out, err = io.StringIO(), io.StringIO()
    code: Any = None
    # What a command sets in the environment is for its own process.
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), mock.patch.dict(os.environ):
        try:
            main([str(a) for a in arguments])
        except SystemExit as stop:
            code = stop.code
    assert isinstance(code, int), "main() must end by sys.exit with a number"
    return Invocation(code, out.getvalue(), err.getvalue())


def command(*arguments: object) -> list[str]:
    """The command line of a process of its own."""
    return [sys.executable, "-m", "pangeo_forge", *map(str, arguments)]


def environment(**more: str) -> Mapping[str, str]:
    """The environment of a process of its own: this checkout is what it imports."""
    return {**os.environ, "PYTHONPATH": str(PROJECT), **more}


def invoke_process(*arguments: object, cwd: Path | None = None, timeout: float = 90) -> Invocation:
    """``pangeo-forge ARGUMENTS`` in a process of its own."""
    done = subprocess.run(
        command(*arguments), cwd=cwd, env=dict(environment()), capture_output=True, text=True, timeout=timeout
    )
    return Invocation(done.returncode, done.stdout, done.stderr)
