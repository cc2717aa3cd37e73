"""Pins of this environment."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from pangeo_forge.runs.pins import pins
from tests.cli.invocation import invoke


def test_pins_are_what_is_installed_with_all_that_it_needs_in_turn() -> None:
    found = pins()
    assert found["zarr"] == version("zarr")
    assert found["donfig"] == version("donfig")  # zarr needs it
    assert "pangeo-forge" not in found
    assert "pytest" not in found
    assert list(found) == sorted(found)


def test_hooks_bring_theirs() -> None:
    assert "pytest" in pins(["pytest>=7"])
    assert "pluggy" in pins(["pytest>=7"])
    assert "no-such-package" not in pins(["no-such-package"])


def test_command_prints_what_workers_are_asked_for() -> None:
    data = invoke("environment", "--json").json
    assert data["compared"]["zarr"] == version("zarr")
    assert data["pins"] == pins()
    lines = invoke("environment").out.splitlines()
    assert any(line.split() == ["zarr", version("zarr")] for line in lines)
    assert f"zarr=={version('zarr')}" in invoke("environment", "--pins").out.split()


def test_command_knows_the_requirements_of_hooks(tmp_path: Path) -> None:
    from tests.cli.archive import make_archive

    archive = make_archive(tmp_path, 1)
    hook = {"function": "hooks.py:f", "requirements": ["pytest>=7"]}
    archive.write_recipe(transforms=[{"python": hook}])
    assert invoke("environment", archive.recipe, "--json").json["requirements"] == ["pytest>=7"]
    archive.write_recipe(transforms=[{"python": {**hook, "requirements": ["no-such-package"]}}])
    refused = invoke("environment", archive.recipe)
    assert (refused.code, "[B110]" in refused.err) == (2, True)
