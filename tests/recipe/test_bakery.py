"""Bakeries: each runner's own options, what is refused, and how one is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from pangeo_forge.errors import BakeryError, RecipeErrors
from pangeo_forge.recipe.bakery import Bakery, find_bakery, known_bakeries, load_bakeries
from pangeo_forge.recipe.bakery_options import OPTIONS

DOCS = Path(__file__).parents[2] / "docs" / "bakeries.md"


def write(folder: Path, text: str, name: str = "bakeries.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "x: {runner: flink, options: {paralelism: 3, slot: 2}}",
            "options.slot: unknown key 'slot'; did you mean 'slots'",
        ),
        ("x: {runner: local, options: {mode: proceses}}", "did you mean processes"),
        ("x: {runner: local, options: {flink_master: 'a:1'}}", "unknown key 'flink_master'; known are mode"),
        ("x: {runner: flink, options: {flink_master: cluster}}", "'cluster' is not an address; write HOST:PORT"),
        ("x: {runner: spark, options: {spark_master_url: cluster}}", "is not a Spark master"),
        ("x: {runner: dask, options: {scheduler: 'host:8786'}}", "is not a Dask scheduler"),
        ("x: {runner: dataflow, options: {region: us-central1}}", "'project' is missing"),
        ("x: {runner: dataflow, options: {project: 'My Project', region: us-central1}}", "is not the id of a Google"),
        ("x: {runner: dask, environment: {kind: docker, image: a}}", "R093"),
        ("x: {runner: flink, environment: {kind: docker}}", "key 'image' is missing"),
        ("x: {runner: flink, environment: {kind: process, image: a}}", "'image' is of kind docker"),
        ("x: {runner: flink, environment: {kind: process, variables: {MY_TOKEN: abc}}}", "R040"),
        ("x: {runner: flink, options: {pipeline_options: {parallelism: 3}}}", "is said by another key"),
        ("x: {runner: flink, options: {pipeline_options: {api_key: hunter2}}}", "R040"),
        ("x: {runner: local, target: {url: s3://b, storage_options: {key: hunter2}}}", "writes a credential"),
        ("x: {runner: local, secrets: {A: 'not a variable'}}", "R092"),
        ("x: {runer: local}", "did you mean 'runner'"),
    ],
)
def test_wrong_bakeries_are_told_with_their_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeErrors) as caught:
        load_bakeries(write(tmp_path, text))
    assert message in str(caught.value)
    assert "bakeries.yaml:1:" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_secrets_are_names_with_or_without_their_variables(tmp_path: Path) -> None:
    made = load_bakeries(
        write(tmp_path, "a: {runner: local, secrets: [edl]}\nb: {runner: local, secrets: {edl: EDL}}\n")
    )
    assert (made["a"].secrets, made["b"].secrets) == ({"edl": ""}, {"edl": "EDL"})


def test_bakeries_are_found_by_name_here_or_above_and_by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, "a: {runner: dask}\nb: {runner: portable}\n", "feedstocks/bakeries.yaml")
    alone = write(tmp_path, "only: {runner: spark}\n", "one.yaml")
    below = tmp_path / "recipes" / "x"
    below.mkdir(parents=True)
    monkeypatch.delenv("PANGEO_FORGE_BAKERIES", raising=False)
    monkeypatch.chdir(below)
    assert list(known_bakeries()) == ["local", "a", "b"]
    assert find_bakery("a").made.runner == "dask"
    assert find_bakery("local").where == ""
    assert find_bakery(str(alone)).name == "only"
    assert find_bakery(f"{file}:b").made.runner == "portable"
    with pytest.raises(BakeryError, match=r"there is no bakery 'locla'; did you mean 'local'.*B001"):
        find_bakery("locla")
    with pytest.raises(BakeryError, match=r"several bakeries.*B001"):
        find_bakery(str(file))
    with pytest.raises(BakeryError, match="B002"):
        find_bakery("never.yaml")
    monkeypatch.setenv("PANGEO_FORGE_BAKERIES", str(alone))
    assert list(known_bakeries()) == ["local", "only"]


def test_a_file_may_say_what_local_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "local: {runner: local, workers: 3}\n", "feedstocks/bakeries.yaml")
    monkeypatch.chdir(tmp_path)
    assert find_bakery("local").made.workers == 3


@pytest.mark.parametrize("runner", sorted(OPTIONS))
def test_the_page_explains_every_option_of_every_runner(runner: str) -> None:
    page = DOCS.read_text()
    section = page.split(f"\n## {runner}", 1)[1].split("\n## ", 1)[0]
    shared = page.split("\n## Any bakery", 1)[1].split("\n## ", 1)[0]
    assert f"runner: {runner}" in section
    for name in OPTIONS[runner].model_fields:
        assert f"| `{name}` |" in section, name
    for name in Bakery.model_fields:
        assert f"| `{name}` |" in shared, name


def test_every_example_of_the_page_is_a_good_bakery(tmp_path: Path) -> None:
    examples = [part.split("```", 1)[0] for part in DOCS.read_text().split("```yaml\n# feedstocks/bakeries.yaml\n")[1:]]
    assert len(examples) >= len(OPTIONS)
    runners = {made.runner for text in examples for made in load_bakeries(write(tmp_path, text)).values()}
    assert runners == set(OPTIONS)
