"""The lint as a whole: reports, warnings, cost."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

from pangeo_forge.recipe.lint import expanded, lint

VALID = Path(__file__).parent / "valid"


def test_warnings_are_apart_from_errors(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("format_version: 1\nid: a\ntitle: A\ninputs: {url: a.nc}\n")
    report = lint(path)
    assert report.ok
    assert [w.code for w in report.warnings] == ["R024"] * 3
    assert str(report).count("warning: ") == 3
    assert report.to_json()["ids"] == ["a"]


def test_not_found_is_a_report() -> None:
    report = lint("nowhere")
    assert [e.code for e in report.errors] == ["R080"]
    assert report.to_json()["ok"] is False


def test_a_folder_of_recipes_means_all_of_them(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe.yaml").touch()
    assert expanded(tmp_path) == [tmp_path / "a", tmp_path / "b"]
    assert expanded(tmp_path / "a") == [tmp_path / "a"]
    assert expanded("noaa-oisst") == ["noaa-oisst"]
    assert [e.code for e in lint(tmp_path / "a" / "nothing").errors] == ["R080"]


def test_meaning_is_checked_though_another_section_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("format_version: 1\nid: a\ntitle: A\nlicense: CC9\ninputs: {url: '{x}.nc'}\ntarget: {chunk: 1}\n")
    assert [e.code for e in lint(path).errors] == ["R022", "R031", "R010"]


def test_lint_is_cheap() -> None:
    code = (
        "import sys; from pangeo_forge.recipe.lint import lint; r = lint(sys.argv[1]); assert r.ok;"
        "heavy = {'numpy', 'xarray', 'zarr', 'apache_beam', 'fsspec', 'httpx'} & set(sys.modules); assert not heavy, heavy"
    )
    times = []
    for _ in range(3):
        start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        subprocess.run([sys.executable, "-c", code, str(VALID / "noaa-oisst.yaml")], check=True)
        times.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - start)
    assert min(times) < 1.0  # CPU seconds: 0.33 on an idle machine; a loaded one gets room
