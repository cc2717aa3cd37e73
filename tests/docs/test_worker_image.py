"""The image of workers fits the project: versions, extras, paths; and the linter of Dockerfiles has nothing to say."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from pangeo_forge.pipeline.environment import COMPARED

PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "docs" / "worker"
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
ABOUT = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]


def _argument(name: str) -> str:
    [value] = re.findall(rf"^ARG {name}=(\S+)$", DOCKERFILE, re.M)
    return str(value)


def _pins() -> dict[str, str]:
    lines = (FOLDER / "pins.txt").read_text().split()
    assert all(line.count("==") == 1 for line in lines)
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def _wanted() -> list[Requirement]:
    """What the project asks for, with all extras that recipes may need."""
    extras = ABOUT["optional-dependencies"]
    texts = list(ABOUT["dependencies"])
    for formats in extras["formats"]:
        for extra in sorted(Requirement(formats).extras):
            texts += extras[extra]
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize("requirement", _wanted(), ids=str)
def test_every_requirement_is_pinned_within_its_bounds(requirement: Requirement) -> None:
    pinned = _pins().get(canonicalize_name(requirement.name))
    # What the project needs since lately may be missing: then the image's own `pip check` says so.
    assert pinned is None or requirement.specifier.contains(pinned, prereleases=True)


def test_what_workers_are_asked_for_is_pinned() -> None:
    assert set(COMPARED) - {ABOUT["name"]} <= set(_pins())


def test_beam_of_the_boot_program_is_the_pinned_one() -> None:
    assert _argument("BEAM_VERSION") == _pins()["apache-beam"]


def test_python_is_one_that_the_project_supports() -> None:
    assert SpecifierSet(ABOUT["requires-python"]).contains(_argument("PYTHON_VERSION"))
    assert f"Programming Language :: Python :: {_argument('PYTHON_VERSION')}" in ABOUT["classifiers"]


def test_what_is_copied_is_there_and_all_that_the_build_needs() -> None:
    copied = [word for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.M) for word in line.split()[:-1]]
    assert all((PROJECT / path).exists() for path in copied)
    assert {"pyproject.toml", "pangeo_forge", ABOUT["readme"], *ABOUT["license-files"]} <= set(copied)


def test_beam_boots_it() -> None:
    assert 'ENTRYPOINT ["/opt/apache/beam/boot"]' in DOCKERFILE
    assert re.search(r"^COPY --from=beam /opt/apache/beam /opt/apache/beam$", DOCKERFILE, re.M)


def test_linter_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([hadolint, str(FOLDER / "Dockerfile")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
