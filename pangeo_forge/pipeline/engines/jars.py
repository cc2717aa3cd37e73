"""Job servers of Java: where their jars are kept, and how they are brought from Maven Central."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from pangeo_forge.errors import BakeryError
from pangeo_forge.version import package_version

GROUP = "org.apache.beam"
PATIENCE = 900
"""Seconds that mvn may take: a job server has some 300 MB."""


def beam_version() -> str:
    """The installed Beam's version: job server and workers must be of the same."""
    return package_version("apache-beam") or ""


def jar_folder() -> Path:
    """Where jars are kept: ``PANGEO_FORGE_JARS``, else in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("PANGEO_FORGE_JARS") or Path(home) / "pangeo-forge" / "jars")


def kept_jar(artifact: str) -> Path:
    """Where the jar of an artifact is, or would be."""
    return jar_folder() / f"{artifact}-{beam_version()}.jar"


def mvn_command(artifact: str, folder: Path) -> list[str]:
    """What brings a jar into a folder."""
    coordinates = f"{GROUP}:{artifact}:{beam_version()}"
    return ["mvn", "-B", "-q", "dependency:copy", f"-Dartifact={coordinates}", f"-DoutputDirectory={folder}"]


def java_problems(where: str) -> Iterator[BakeryError]:
    """Whether Java can be started."""
    if shutil.which("java") is None:
        yield BakeryError(
            "the job server needs Java, and there is none",
            code="B011",
            where=where,
            hint="install it (apt-get install default-jre-headless), version 11 or 17",
        )


def jar_problems(artifact: str, given: str | None, where: str) -> Iterator[BakeryError]:
    """Whether the jar is there; found without the network."""
    path = Path(given) if given else kept_jar(artifact)
    if path.is_file():
        return
    if given:
        hint = "mend the path, or leave job_server_jar out: then mvn brings it"
    elif shutil.which("mvn") is None:
        hint = "install maven (apt-get install maven), then `pangeo-forge bakery prepare` brings it; or give job_server_jar"
    else:
        hint = f"`pangeo-forge bakery prepare {where}` brings it, once"
    yield BakeryError(f"the job server's jar is not there: {path}", code="B012", where=where, hint=hint)


def bring_jar(artifact: str, where: str) -> Path:
    """The jar of an artifact, brought by mvn when it is not there yet.

    Raises
    ------
    BakeryError: B012 mvn is not there, or does not get it.
    """
    path = kept_jar(artifact)
    if path.is_file():
        return path
    hint = f"bring it by hand to {path}, or give options.job_server_jar its path"
    if shutil.which("mvn") is None:
        raise BakeryError(
            "there is no mvn to bring the job server", code="B012", where=where, hint=f"install maven; or {hint}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside, then renamed: two that bring it at once do not see each other's half.
    beside = path.parent / f".bringing-{os.getpid()}"
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            mvn_command(artifact, beside), capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        made = beside / path.name
        if done.returncode == 0 and made.is_file():
            made.replace(path)
            return path
        said = next((line for line in done.stdout.splitlines() if "ERROR" in line), "mvn gave nothing")
    except subprocess.TimeoutExpired:
        said = f"mvn did not end within {PATIENCE} s"
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    raise BakeryError(f"the job server cannot be had: {said.strip()[:300]}", code="B012", where=where, hint=hint)
