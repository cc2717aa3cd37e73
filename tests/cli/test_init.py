"""``init`` on real files, on an index page over loopback, and called wrongly; what it writes lints, plans and runs."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cli.invocation import PROJECT, invoke

DATA = PROJECT / "tests" / "data"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PANGEO_FORGE_CACHE", str(tmp_path / "cache"))


def written(recipe_id: str) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load(Path("recipes", recipe_id, "recipe.yaml").read_text())
    return found


@pytest.fixture
def server() -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(DATA)))
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{made.server_address[1]}"
    made.shutdown()
    thread.join()
    made.server_close()


FOLDERS = {
    "arm_sgpmet_daily_netcdf3": ("time", "dates"),
    "arm_sgpmet_split": ("time", "dates"),
    "cmip5_hadgem2es_tas_netcdf3": ("time", "table"),
    "cmip6_cams_ta_units_differ": ("time", "dates"),
    "cmip6_sam0_siconc": ("time", "table"),
    "cordex_eur11_psl_daily": ("time", "table"),
    "lcmap_annual_cog": ("year", "numbers"),
    "safrica_grib2_split": ("time", "dates"),
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_becomes_a_recipe_that_lints_and_plans(folder: str) -> None:
    recipe_id = folder.replace("_", "-")
    made = invoke("init", recipe_id, "--from", DATA / folder, "--json")
    assert made.code == 0, made
    assert made.json["opened"] >= 2
    name, kind = FOLDERS[folder]
    key = made.json["keys"][0]
    assert (key["name"], key["kind"]) == (name, kind)
    linted = invoke("lint", recipe_id, "--json")
    assert linted.code == 0
    assert {w["code"] for w in linted.json["recipes"][0]["warnings"]} <= {"R024"}
    planned = invoke("plan", recipe_id, "--json")
    assert planned.code == 0
    files = [f for f in (DATA / folder).iterdir() if f.suffix in (".nc", ".cdf", ".tif", ".grib2")]
    assert planned.json["inputs"] == len(files)


@pytest.mark.long
@pytest.mark.parametrize("folder", FOLDERS)
def test_what_init_writes_runs(folder: str) -> None:
    recipe_id = folder.replace("_", "-")
    assert invoke("init", recipe_id, "--from", DATA / folder).code == 0
    run = invoke("dry-run", recipe_id, "--json")
    assert run.code == 0, run


def test_merge_and_days_run() -> None:
    made = invoke("init", "station", "--from", DATA / "arm_sgpmet_split")
    assert made.code == 0
    assert "pangeo-forge dry-run station" in made.out
    recipe = written("station")
    inputs = recipe["inputs"]
    assert isinstance(inputs, dict)
    assert inputs["merge"] == {"variable": ["humidity", "pressure", "temperature"]}
    assert inputs["items_per_file"] == 1440
    assert {"dim": "time", "regular": "1min"} in recipe["checks"]  # type: ignore[operator]
    run = invoke("dry-run", "station", "--json")
    assert run.code == 0, run


def test_the_text_says_what_it_could_not_know() -> None:
    invoke("init", "sea-ice", "--from", DATA / "cmip6_sam0_siconc")
    text = Path("recipes/sea-ice/recipe.yaml").read_text()
    assert text.count("TODO") >= 4
    assert "TODO maintainers" in text
    assert "license: CC-BY-SA-4.0" in text  # what the files' own license attribute says
    assert "siconc (time: 120, j: 4, i: 4; f4)" in text


def test_an_index_page(server: str) -> None:
    made = invoke("init", "web", "--from", f"{server}/arm_sgpmet_split/", "--json")
    assert made.code == 0, made
    assert made.json["opened"] >= 2
    assert made.json["inputs"]["url"].startswith(server)
    assert invoke("lint", "web").code == 0


def test_absent_samples_leave_the_names(server: str) -> None:
    made = invoke("init", "web", "--from", f"{server}/none/sst.20190101.nc", f"{server}/none/sst.20190203.nc")
    assert made.code == 0
    assert "rests on names alone" in made.err
    assert "cannot tell 1D from 33D" in made.out
    assert invoke("lint", "web").code == 0


def test_names_alone_ask_no_server() -> None:
    names = ["https://host.invalid/{v}/x_1981.nc", "https://host.invalid/{v}/x_2001.nc"]
    made = invoke("init", "names", "--no-open", "--from", *names, "--json")
    assert made.code == 0
    assert made.json["opened"] == 0
    assert made.json["warnings"] == []
    assert made.json["inputs"]["concat"] == {"year": {"dim": "time", "values": {"start": 1981, "end": 2001}}}
    assert invoke("plan", "names", "--json").json["first"][0].endswith("https://host.invalid/{v}/x_1981.nc")


def test_a_list_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(
        "# two days\nhttps://host.invalid/a_20190101.nc\n\nhttps://host.invalid/a_20190102.nc\n"
    )
    made = invoke("init", "listed", "--from-file", "list.txt", "--no-open", "--output", "here.yaml", "--json")
    assert made.code == 0
    assert made.json["path"] == "here.yaml"


def test_a_single_file() -> None:
    file = next((DATA / "singles").glob("3B-HHR*"))
    made = invoke("init", "imerg", "--from", file, "--json")
    assert made.code == 0, made
    assert made.json["inputs"] == {"url": str(file)}
    assert invoke("plan", "imerg", "--json").json["inputs"] == 1


def test_groups_are_found() -> None:
    file = next((DATA / "tempo_no2_l2_groups").iterdir())
    made = invoke("init", "tempo", "--from", file, "--json")
    assert made.json["group"] == ["/", "/geolocation", "/product", "/qa_statistics", "/support_data"]
    assert invoke("lint", "tempo").code == 0


def test_an_existing_recipe_is_kept() -> None:
    arguments = ("init", "twice", "--no-open", "--from", "https://h.invalid/a_1.nc", "https://h.invalid/a_2.nc")
    assert invoke(*arguments).code == 0
    path = Path("recipes/twice/recipe.yaml")
    path.write_text("mine")
    refused = invoke(*arguments)
    assert (refused.code, "U206" in refused.err, "--force" in refused.err) == (2, True, True)
    assert path.read_text() == "mine"
    assert invoke(*arguments, "--force").code == 0
    assert path.read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["x"], "U201"),
        (["x", "--from", "https://a.invalid/x.nc", "https://b.invalid/y.nc"], "U202"),
        (["x", "--from", "absent.nc"], "U203"),
        (["x", "--from-file", "absent.txt"], "U203"),
        (["x", "--from", "https://me:hunter2@a.invalid/x.nc"], "U204"),
        (["No_Id", "--from", "https://a.invalid/x.nc"], "U205"),
    ],
)
def test_wrong_calls(arguments: list[str], code: str) -> None:
    made = invoke("init", *arguments)
    assert made.code == 2
    assert code in made.err
    assert "hunter2" not in made.err + made.out
    assert not Path("recipes").exists()
