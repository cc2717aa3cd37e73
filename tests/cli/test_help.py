"""Help, version, wrong calls; and what a cheap command must not import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

import pangeo_forge
from pangeo_forge.cli import COMMANDS, app
from tests.cli.invocation import PROJECT, command, environment, invoke

HEAVY = ("numpy", "xarray", "zarr", "apache_beam", "h5py", "fsspec", "rich")
LINTED = "example-sea-ice-monthly"


def _commands() -> list[tuple[str, ...]]:
    context = click.Context(app)
    found: list[tuple[str, ...]] = []
    for name in COMMANDS:
        made = app.get_command(context, name)
        found.append((name,))
        if isinstance(made, click.Group):
            found += [(name, sub) for sub in made.list_commands(context)]
    return found


@pytest.mark.parametrize("words", [(), *_commands()], ids=" ".join)
def test_help_has_an_example(words: tuple[str, ...]) -> None:
    got = invoke(*words, "--help")
    assert got.code == 0
    assert "Example:" in got.out
    assert "pangeo-forge " + " ".join(words) in got.out.split("Example:")[1]
    assert max(map(len, got.out.splitlines())) <= 110
    assert not got.err


def test_every_command_is_listed_with_what_it_does() -> None:
    out = invoke("--help").out
    for name, text in COMMANDS.items():
        assert f"  {name} " in out
        assert text.split()[0] in out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_begins_with_the_line_of_the_list(name: str) -> None:
    assert COMMANDS[name] in invoke(name, "--help").out


def test_version() -> None:
    got = invoke("--version")
    assert got.code == 0
    assert pangeo_forge.__version__ in got.out


def test_without_arguments_help_is_shown() -> None:
    got = invoke()
    assert "run" in got.out + got.err


# -- wrong calls -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rnu", "x"), "did you mean 'run'?"),
        (("dryrun", "x"), "did you mean 'dry-run'?"),
        (("zzz",), "commands are init, lint"),
        (("run", LINTED, "--targt", "x.zarr"), "--target"),
        (("plan", LINTED, "--prob"), "--probe"),
        (("run", LINTED, "--mode", "fast"), "threads"),
        (("run", LINTED, "--workers", "0"), "--workers"),
        (("run", LINTED, "--prune", "0"), "--prune"),
        (("run", LINTED, "--param", "novalue"), "NAME=VALUE"),
        (("run",), "RECIPE"),
        (("lint",), "RECIPE"),
    ],
)
def test_wrong_calls_end_with_2_and_name_the_remedy(words: tuple[str, ...], said: str) -> None:
    got = invoke(*words)
    assert got.code == 2
    assert said in got.err
    assert not got.out
    as_json = invoke(*words, "--json")
    assert as_json.code == 2
    assert said in as_json.json["error"]["message"]
    assert as_json.json["error"]["code"].startswith("U")
    assert not as_json.err


@pytest.mark.parametrize("name", ["lint", "plan", "run", "dry-run"])
def test_a_recipe_that_is_almost_there(name: str) -> None:
    got = invoke(name, "example-sea-ice-montly")
    assert got.code == 1
    assert "did you mean 'example-sea-ice-monthly'?" in got.err


# -- speed -----------------------------------------------------------------------------------------------------------


def _imported(*words: str) -> set[str]:
    code = (
        "import sys\n"
        "from pangeo_forge.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit:\n    pass\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=PROJECT,
        env=dict(environment()),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return {name.partition(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (("--help",), ("pydantic", "yaml")),
        (("run", "--help"), ("pydantic", "yaml")),
        (("lint", LINTED), ()),
        (("schema",), ()),
    ],
    ids=["help", "run-help", "lint", "schema"],
)
def test_cheap_commands_import_nothing_heavy(words: tuple[str, ...], more: tuple[str, ...]) -> None:
    assert not _imported(*words) & {*HEAVY, *more}


@pytest.mark.parametrize(("words", "limit"), [(("--help",), 0.3), (("lint", LINTED), 0.5)], ids=["help", "lint"])
def test_cheap_commands_are_quick(words: tuple[str, ...], limit: float, tmp_path: Path) -> None:
    """CPU time, the best of three, with room for a busy machine: the limits are 0.3 and 0.5 s on an idle one.

    Byte code is kept, as an installed package does, also where this environment writes none.
    """
    around = {**environment(), "PYTHONPYCACHEPREFIX": str(tmp_path)}
    around.pop("PYTHONDONTWRITEBYTECODE", None)

    def seconds() -> float:
        before = os.times()
        subprocess.run(command(*words), cwd=PROJECT, env=around, capture_output=True, check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    best = min(seconds() for _ in range(3))
    assert best < 1.5 * limit, f"{best:.2f} s of CPU"
