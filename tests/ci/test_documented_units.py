"""What docs/feedstocks.md tells people to install is right: units of systemd, lines of cron, feedstocks."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from pangeo_forge.recipe.feedstock import Feedstock, load_feedstock
from pangeo_forge.recipe.schedule import check_schedule
from tests.cli.invocation import PROJECT, invoke

PAGE = (PROJECT / "docs" / "feedstocks.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.M | re.S)
UNITS = {Path(text.splitlines()[0].lstrip("# ")).name: text for kind, text in BLOCKS if kind == "ini"}


def test_units_are_there() -> None:
    assert sorted(UNITS) == ["pangeo-forge.service", "pangeo-forge.timer"]
    for text in UNITS.values():
        parser = configparser.ConfigParser()
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(text)
        assert parser.sections()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_units_are_accepted_by_systemd(tmp_path: Path) -> None:
    for name, text in UNITS.items():
        (tmp_path / name).write_text(text.replace("/srv/pangeo-forge", "/tmp"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in UNITS)],
        capture_output=True,
        text=True,
    )
    ours = [line for line in done.stderr.splitlines() if "pangeo-forge" in line]
    assert not ours, ours
    calendar = subprocess.run(["systemd-analyze", "calendar", "hourly"], capture_output=True, text=True)
    assert calendar.returncode == 0


def test_commands_of_units_and_cron_are_understood() -> None:
    service = re.search(r"^ExecStart=/usr/bin/env pangeo-forge (.*)$", UNITS["pangeo-forge.service"], re.M)
    cron = next(text for kind, text in BLOCKS if kind == "cron").splitlines()[1]
    fields, _, rest = cron.partition(" cd ")
    assert check_schedule(fields)
    assert service is not None
    for words in (service[1], re.search(r"pangeo-forge (ci run-due[^>]*)>>", rest)[1]):  # type: ignore[index]
        got = invoke(*words.split(), "--help")
        assert got.code == 0, got.err
        for option in re.findall(r"--[a-z-]+", words):
            assert option in got.out


def test_the_example_is_a_feedstock_and_every_key_is_told(tmp_path: Path) -> None:
    text = next(text for kind, text in BLOCKS if kind == "yaml")
    path = tmp_path / "f.yaml"
    path.write_text(text)
    assert load_feedstock(path).recipe == yaml.safe_load(text)["recipe"]
    told = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.M))
    assert told == set(Feedstock.model_fields)
    for name, info in Feedstock.model_fields.items():
        row = re.search(rf"^\| `{name}` \| ([^|]*) \|", PAGE, re.M)
        if isinstance(info.default, str | int) and not isinstance(info.default, bool):
            assert row is not None
            assert row[1] == f"`{info.default}`", name
