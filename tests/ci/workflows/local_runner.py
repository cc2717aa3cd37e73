"""Runs the workflows as they stand on this machine, by `act` without containers.

Actions of others are replaced by stand-ins that need no network: a checkout of the test's repository, a folder of artifacts, a
`python` whose venv holds the program under test. The workflows themselves, and the composite action, are the real ones.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[3]
STANDINS = Path(__file__).parent / "standins"
USES = re.compile(r"uses: ([a-z-]+/[a-z-]+)@([0-9a-f]{40})")


def actions() -> set[tuple[str, str]]:
    """Actions of others, and their revisions, in all workflows and in the composite action."""
    files = [*(PROJECT / ".github/workflows").glob("*.yml"), *(PROJECT / ".github/actions").glob("*/action.yml")]
    return {found for path in files for found in USES.findall(path.read_text())}


@dataclass
class Runner:
    """A place where workflows run."""

    folder: Path
    origin: Path
    """The repository that they are of."""
    environment: dict[str, str]
    options: tuple[str, ...] = ()
    """What the operator adds to `ci check` of this program."""

    def run(self, workflow: str, event: str, payload: dict[str, Any], *, default: str = "refs/heads/main") -> str:
        """Run a workflow; what it printed. ``default``: what a checkout without a ref gets, in the origin."""
        self.folder.mkdir(exist_ok=True)
        artifacts = self.folder / "artifacts"
        artifacts.mkdir(exist_ok=True)
        (self.folder / "event.json").write_text(json.dumps(payload))
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        python = self.folder / "python"
        python.mkdir(exist_ok=True)
        shutil.copy(STANDINS / "python", python / "python")
        work = self.folder / "repository"
        shutil.rmtree(work, ignore_errors=True)
        subprocess.run(["git", "clone", "-q", self.origin, work], check=True)
        shutil.rmtree(work / ".github", ignore_errors=True)
        shutil.copytree(PROJECT / ".github", work / ".github")
        given = {
            **self.environment,
            "STANDIN_ORIGIN": str(self.origin),
            "STANDIN_DEFAULT": default.replace("refs/", "refs/remotes/origin/", 1),
            "STANDIN_ARTIFACTS": str(artifacts),
            "STANDIN_PYTHON": str(python),
            "STANDIN_PROGRAM": str(self._program()),
        }
        command = ["act", event, "-W", f".github/workflows/{workflow}", "-e", str(self.folder / "event.json"),
                   "-P", "ubuntu-latest=-self-hosted", "--action-offline-mode", "--no-skip-checkout", "--no-cache-server",
                   "--env-file", os.devnull, "--secret-file", os.devnull, "--var-file", os.devnull]  # fmt: skip
        for name, revision in actions():
            if (STANDINS / name.partition("/")[2]).is_dir():
                command += ["--local-repository", f"{name}@{revision}={STANDINS / name.partition('/')[2]}"]
        for name, value in given.items():
            command += ["--env", f"{name}={value}"]
        command += ["-s", f"GITHUB_TOKEN={self.environment['GITHUB_TOKEN']}"]
        shell = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
        done = subprocess.run(command, cwd=work, env=shell, capture_output=True, text=True, timeout=600)
        self.code = done.returncode
        return done.stdout + done.stderr

    def _program(self) -> Path:
        path = self.folder / "program"
        more = " ".join(self.options)
        path.write_text(
            "#!/usr/bin/env bash\n"
            f'case "$1 $2" in "ci check") set -- "$@" {more};; esac\n'
            f'PYTHONPATH="{PROJECT}" exec "{sys.executable}" -P -m pangeo_forge "$@"\n'
        )
        path.chmod(0o755)
        return path

    def artifact(self, name: str) -> bytes:
        """An artifact as GitHub keeps it."""
        buffer = io.BytesIO()
        root = self.folder / "artifacts" / name
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(root.rglob("*")):
                if path.is_file():
                    archive.write(path, str(path.relative_to(root)))
        return buffer.getvalue()
