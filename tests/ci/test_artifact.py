"""Artifacts from strangers: a report that fits its schema and pictures come out, and nothing else."""

from __future__ import annotations

import io
import json
import os
import stat
import zipfile
from pathlib import Path

import pytest

from pangeo_forge.ci.artifact import read_archive, read_folder
from pangeo_forge.ci.review.report import Picture
from pangeo_forge.errors import AutomationError
from tests.ci.reports import as_archive, as_folder, changed, recipe_report, report
from tests.ci.test_pictures import png


def _refused(data: bytes) -> str:
    with pytest.raises(AutomationError) as error:
        read_archive(data, "artifact 1")
    assert error.value.code in ("A110", "A111")
    return str(error.value)


def test_there_and_back(tmp_path: Path) -> None:
    made = report()
    for found in (read_archive(as_archive(made), "x"), read_folder(as_folder(tmp_path / "r", made))):
        assert found.report == made
        assert found.pictures == {"one-01.png": png()}


@pytest.mark.parametrize(
    "more",
    [
        {"pull_request": 1},
        {"schema_version": 2},
        {"schema_version": "1"},
        {"made_by": "x" * 1000},
        {"made_by": "a\u202eb"},
        {"made_by": "a\nb\x1b[2J"},
        {"base": "main; rm -rf /"},
        {"recipes": [{}]},
        {"recipes": "x"},
        {"seconds": -1},
        {"seconds": 1e400},
        {"began": "<script>"},
        {"left_out": 2**70},
        {"other_files": ["x"] * 1000},
    ],
    ids=str,
)
def test_another_schema_is_refused(more: dict[str, object]) -> None:
    _refused(as_archive(changed(report(), **more)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("pictures", 0, "file"), "../../etc/passwd"),
        (("pictures", 0, "file"), "/etc/passwd"),
        (("pictures", 0, "file"), "a/../b.png"),
        (("pictures", 0, "file"), "x.svg"),
        (("pictures", 0, "file"), "x.png\n"),
        (("pictures", 0, "file"), '"><script>.png'),
        (("verdict",), "approved"),
        (("change",), "merged"),
        (("problems", 0, "code"), "`x`"),
        (("problems", 0, "line"), -3),
        (("figures", "sizes"), {"x": -1}),
        (("figures", "inputs"), "many"),
        (("trial", "workers"), 10**9),
        (("title",), "x" * 301),
    ],
    ids=str,
)
def test_fields_are_bounded(path: tuple[str | int, ...], value: object) -> None:
    document = json.loads(report().to_json())
    at = document["recipes"][0]
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = value
    _refused(as_archive(json.dumps(document).encode()))


def test_no_number_of_a_pull_request_is_taken_from_it() -> None:
    assert "extra" in _refused(as_archive(changed(report(), number=99))).lower()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04",
        b"not a zip",
        as_archive(b""),
        as_archive(b"[]"),
        as_archive(b"{" * 100_000),
        as_archive(b'{"a":' * 50_000),
        as_archive(b"\xff\xfe"),
        as_archive(b" " * 3_000_000),
    ],
    ids=range(9),
)
def test_no_report(data: bytes) -> None:
    _refused(data)


def test_names_that_lead_out_are_never_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zip slip: what lies elsewhere in the archive is not unpacked, and nothing is written to the disk at all."""
    monkeypatch.chdir(tmp_path)
    evil = {"../evil": b"x", "/tmp/evil": b"x", "pictures/../../evil.png": b"x", "a\\..\\evil": b"x"}
    found = read_archive(as_archive(report(), {**evil, "pictures/one-01.png": png()}), "x")
    assert list(found.pictures) == ["one-01.png"]
    assert not list(tmp_path.iterdir())


def test_a_bomb_costs_nothing() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.json", report().to_json())
        with archive.open("pictures/one-01.png", "w", force_zip64=True) as file:
            for _ in range(50):
                file.write(b"\0" * 1_000_000)
    assert read_archive(buffer.getvalue(), "x").pictures == {}


def test_too_many_files() -> None:
    assert "more than 1000" in _refused(as_archive(report(), {f"f{n}": b"" for n in range(1001)}))


@pytest.mark.parametrize("data", [b"<svg onload=x>", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"<html>"])
def test_a_picture_that_is_none_is_left_out(data: bytes) -> None:
    found = read_archive(as_archive(report(), {"pictures/one-01.png": data}), "x")
    assert found.pictures == {}
    assert found.report.recipes[0].verdict == "passed"


def test_no_more_pictures_than_are_shown() -> None:
    pictures = {f"pictures/p-{n:02d}-{m:02d}.png": png() for n in range(10) for m in range(12)}
    recipes = [
        recipe_report(f"r{n}", pictures=tuple(Picture(file=f"p-{n:02d}-{m:02d}.png", variable="x") for m in range(12)))
        for n in range(10)
    ]
    document = {**json.loads(report().to_json()), "recipes": [json.loads(r.model_dump_json()) for r in recipes]}
    assert len(read_archive(as_archive(json.dumps(document).encode(), pictures), "x").pictures) == 60


@pytest.mark.parametrize("what", ["report", "picture", "folder", "pipe"])
def test_links_in_a_folder_are_not_followed(tmp_path: Path, what: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(png())
    folder = as_folder(tmp_path / "r", report(), {})
    if what == "report":
        (folder / "report.json").rename(tmp_path / "real.json")
        (folder / "report.json").symlink_to(tmp_path / "real.json")
    elif what == "picture":
        (folder / "pictures" / "one-01.png").symlink_to(secret)
    elif what == "pipe":
        os.mkfifo(folder / "pictures" / "one-01.png")
    else:
        (folder / "pictures").rmdir()
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "one-01.png").write_bytes(png())
        (folder / "pictures").symlink_to(tmp_path / "elsewhere")
    if what == "report":
        with pytest.raises(AutomationError):
            read_folder(folder)
    else:
        assert read_folder(folder).pictures == {}


def test_a_link_in_an_archive_is_text() -> None:
    buffer = io.BytesIO(as_archive(report(), {}))
    with zipfile.ZipFile(buffer, "a") as archive:
        entry = zipfile.ZipInfo("pictures/one-01.png")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    assert read_archive(buffer.getvalue(), "x").pictures == {}
