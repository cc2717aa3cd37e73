"""What of this disk a stranger's recipe may name: plain files of its own folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pangeo_forge.runs.own_files import own_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "recipe"
    (made / "files").mkdir(parents=True)
    (made / "list.csv").write_text("url\n")
    (made / "files/a.csv").write_text("url\n")
    (tmp_path / "secret.csv").write_text("url\n")
    return made


@pytest.mark.parametrize("name", ["list.csv", "files/a.csv"])
def test_allowed(folder: Path, name: str) -> None:
    assert own_file(folder, name) is None


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../secret.csv", "files/../../secret.csv", "files/../list.csv", "./list.csv", "/etc/passwd", "files",
     "files/", "files//a.csv", "gone.csv", "list.csv/x", "file:///etc/passwd", "list.csv\0", "..\\secret.csv", "zip://x::list.csv"],
)  # fmt: skip
def test_refused(folder: Path, name: str) -> None:
    assert own_file(folder, name)


def test_links_pipes_and_large_files(folder: Path, tmp_path: Path) -> None:
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "within.csv").symlink_to(folder / "list.csv")
    (folder / "up").symlink_to(tmp_path)
    os.link(tmp_path / "secret.csv", folder / "hard.csv")
    os.mkfifo(folder / "pipe.csv")
    for name in ("link.csv", "within.csv", "up/secret.csv", "hard.csv", "pipe.csv"):
        assert own_file(folder, name), name
    with (folder / "large.csv").open("wb") as file:
        file.truncate(10**9)
    assert "1000000000 bytes" in str(own_file(folder, "large.csv"))
