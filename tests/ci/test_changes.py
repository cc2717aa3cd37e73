"""Recipes that a change touches: by meaning, not by text; and what a hostile change may try."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pangeo_forge.ci.changes import RecipeChange, changed_recipes
from pangeo_forge.errors import AutomationError
from tests.ci.project import RECIPE, Project, make_project
from tests.cli.invocation import invoke

MATRIX = (
    RECIPE.format(id="many")
    .replace("id: many", 'id: "many-{model}"\nmatrix:\n  model: [a, b]')
    .replace("/many/", "/{model}/")
)


def _changed(project: Project) -> dict[str, RecipeChange]:
    return {r.id: r for r in changed_recipes("main", project.folder).recipes}


def _one(project: Project) -> RecipeChange:
    found = _changed(project)
    assert list(found) == ["one"]
    return found["one"]


def test_nothing_changed(project: Project) -> None:
    assert _changed(project) == {}
    assert "no recipe changed" in invoke("ci", "changed", "--base", "main").out


@pytest.mark.parametrize(
    ("change", "kind", "why"),
    [
        (("time: 20", "time: 30"), "data", "target changed"),
        (("step: 1D", "step: 8D"), "data", "inputs changed"),
        (("target:", "open: {format: netcdf3}\ntarget:"), "data", "open changed"),
        (("target:", "combine: {coords: first}\ntarget:"), "data", "combine changed"),
        (("target:", "fetch: {storage_options: {anon: true}}\ntarget:"), "data", "fetch changed"),
        (("target:", "fetch: {retries: 9}\ntarget:"), "metadata", "fetch changed, the data do not"),
        (("target:", "checks: [{variable: sst, min: 0}]\ntarget:"), "metadata", "checks changed, the data do not"),
        (("A dataset", "Another title"), "metadata", "title changed, the data do not"),
        (("somebody", "else"), "metadata", "maintainers changed, the data do not"),
        (("target:", "# a comment\n\ntarget:"), "metadata", "comments and layout only"),
        (("{time: 20}", "{time:    20}"), "metadata", "comments and layout only"),
        # A default that is written out means the same.
        (("target:", "open: {format: auto}\ntarget:"), "metadata", "open changed, the data do not"),
        (("target:", "parameters: {a: {default: 1}}\ntarget:"), "metadata", "parameters changed, the data do not"),
    ],
)
def test_kinds(project: Project, change: tuple[str, str], kind: str, why: str) -> None:
    project.recipe("one", change)
    for _ in range(2):  # in the work tree, then committed
        found = _one(project)
        assert (found.kind, found.why, found.error) == (kind, why, None)
        assert found.affects_data == (kind == "data")
        assert found.files == ("recipes/one/recipe.yaml",)
        project.commit()


def test_new_removed_and_moved(project: Project) -> None:
    project.recipe("three")
    project.git("mv", "recipes/two", "recipes/second")
    (project.folder / "recipes/one/recipe.yaml").unlink()
    found = _changed(project)
    assert {k: v.kind for k, v in found.items()} == {
        "one": "removed", "second": "new", "three": "new", "two": "removed",
    }  # fmt: skip
    assert [k for k, v in found.items() if v.affects_data] == ["second", "three"]


@pytest.mark.parametrize("beside", ["hooks.py", "urls.csv", "lists/more.txt"])
def test_files_beside_a_recipe_count(project: Project, beside: str) -> None:
    project.write(f"recipes/one/{beside}", "x")
    found = _one(project)
    assert (found.kind, found.why) == ("data", f"{beside.rpartition('/')[2]} beside the recipe")
    project.commit()
    project.git("checkout", "-q", "-B", "main")
    project.git("checkout", "-q", "-b", "later")
    project.write(f"recipes/one/{beside}", "y")
    assert _one(project).kind == "data"


def test_documents_beside_a_recipe_do_not(project: Project) -> None:
    project.write("recipes/one/README.md", "x")
    assert _one(project).kind == "metadata"


def test_what_is_no_recipe_is_left_alone(project: Project) -> None:
    project.write("recipes/README.md", "x")
    project.write("recipes/empty/notes.txt", "x")
    project.write("docs/recipe.yaml", "x")
    assert _changed(project) == {}


def test_what_main_did_since_does_not_count(project: Project) -> None:
    project.git("checkout", "-q", "main")
    project.recipe("two", ("time: 20", "time: 40"))
    project.commit("main goes on")
    project.git("checkout", "-q", "work")
    project.recipe("one", ("time: 20", "time: 30"))
    assert _one(project).kind == "data"


def test_a_matrix_tells_which_datasets(project: Project) -> None:
    path = project.write("recipes/many/recipe.yaml", MATRIX)
    project.commit()
    project.git("checkout", "-q", "-B", "main")
    project.git("checkout", "-q", "-b", "later")
    path.write_text(MATRIX.replace("[a, b]", "[a, b, c]"))
    found = _changed(project)["many"]
    assert (found.kind, found.why, found.datasets) == ("data", "matrix changed", ("many-c",))
    path.write_text(MATRIX.replace("time: 20", "time: 21"))
    assert _changed(project)["many"].datasets == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "R001"),
        ("", "R006"),
        ("a: &a [x]\nb: !!python/object/apply:os.system [touch pwned]\n", "R004"),
        ("\ufeff\x00", "R001"),
        ("x: " + "[" * 60 + "]" * 60, "R005"),
    ],
)
def test_what_cannot_be_read_is_to_be_checked(project: Project, text: str, said: str) -> None:
    project.write("recipes/one/recipe.yaml", text)
    found = _one(project)
    assert (found.kind, found.why) == ("data", "the recipe cannot be read")
    assert said in (found.error or "")
    assert not (project.folder / "pwned").exists()
    got = invoke("ci", "changed", "--base", "main")
    assert got.code == 0
    assert said in got.err


def test_what_is_not_valid_is_to_be_checked(project: Project) -> None:
    project.recipe("one", ("time: 20", "time: many"))
    found = _one(project)
    assert found.kind == "data"
    assert "target.chunks" in (found.error or "")


def test_links_are_not_followed(project: Project) -> None:
    secret = project.write("secret.yaml", RECIPE.format(id="x"))
    (project.folder / "recipes/one/recipe.yaml").unlink()
    (project.folder / "recipes/one/recipe.yaml").symlink_to(secret)
    (project.folder / "recipes/linked").symlink_to("/etc")
    for _ in range(2):
        found = _changed(project)
        assert found["one"].error is not None
        assert found["one"].affects_data
        assert found["linked"].affects_data
        project.commit()


def test_names_with_odd_characters(project: Project) -> None:
    name = "a b\n'\"é{:(glob)*"
    project.write(f"recipes/{name}/recipe.yaml", RECIPE.format(id="odd"))
    for _ in range(2):
        assert _changed(project)[name].kind == "new"
        project.commit()


def test_nothing_of_the_change_is_executed(project: Project) -> None:
    """Attributes that name filters and diffs are in the change's hand, their commands are not; a file system monitor
    that somebody has configured is not asked."""
    mark = project.folder / "ran"
    project.git("config", "diff.x.textconv", f"touch {mark}; cat")
    project.git("config", "diff.x.command", f"touch {mark}")
    project.git("config", "core.fsmonitor", f"touch {mark}")
    project.write(".gitattributes", "* diff=x\n")
    project.recipe("one", ("time: 20", "time: 30"))
    project.write("recipes/one/hooks.py", f"open({str(mark)!r}, 'w')")
    mark.unlink(missing_ok=True)
    assert _one(project).kind == "data"
    assert not mark.exists()


def test_below_the_top_of_the_repository(tmp_path: Path) -> None:
    top = make_project(tmp_path)
    inner = Project(tmp_path / "data")
    inner.recipe("one")
    top.commit()
    inner.recipe("one", ("time: 20", "time: 30"))
    assert [(r.id, r.kind) for r in changed_recipes("main", inner.folder).recipes] == [("one", "data")]


def test_json(project: Project) -> None:
    project.recipe("one", ("time: 20", "time: 30"))
    project.recipe("two", ("A dataset", "B"))
    got = invoke("ci", "changed", "--base", "main", "--json").json
    assert got["base"] == project.git("rev-parse", "main")
    assert [(r["id"], r["affects_data"]) for r in got["recipes"]] == [("one", True), ("two", False)]
    only = invoke("ci", "changed", "--base", "main", "--json", "--data").json
    assert [r["id"] for r in only["recipes"]] == ["one"]


# -- what stands in the way ------------------------------------------------------------------------------------------


def _code(revision: str, folder: Path) -> str:
    with pytest.raises(AutomationError) as caught:
        changed_recipes(revision, folder)
    return caught.value.code


def test_unknown_revisions(project: Project) -> None:
    assert _code("nothing", project.folder) == "A002"
    assert _code("--output=x", project.folder) == "A002"
    got = invoke("ci", "changed", "--base", "mian")
    assert got.code == 1
    assert "did you mean 'main'?" in got.err


def test_no_repository(tmp_path: Path) -> None:
    assert _code("main", tmp_path) == "A001"
    assert _code("main", tmp_path / "absent") == "A001"


def test_shallow_clone(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    project.recipe("one", ("time: 20", "time: 30"))
    project.commit()
    clone = tmp_path_factory.mktemp("clone")
    project.git("clone", "-q", "--depth", "1", "--no-single-branch", f"file://{project.folder}", str(clone))
    assert _code("origin/main", clone) == "A003"
    assert _code("0123456789", clone) == "A002"


def test_unrelated_histories(project: Project) -> None:
    project.git("checkout", "-q", "--orphan", "other")
    project.commit("alone")
    assert _code("main", project.folder) == "A004"


def test_git_is_not_installed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert _code("main", project.folder) == "A005"


def test_no_folder_of_recipes(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.commit()
    assert _code("main", tmp_path) == "A006"


@pytest.mark.long
def test_five_thousand_recipes(tmp_path: Path) -> None:
    """Limits are those of the purpose (5 s), in CPU time, on any machine."""
    project = make_project(tmp_path)
    for n in range(5000):
        project.recipe(f"r{n}")
    project.commit()
    project.git("checkout", "-q", "-b", "work")
    for n in range(0, 300, 2):
        project.recipe(f"r{n}", ("time: 20", "time: 30"))
        project.recipe(f"r{n + 1}", ("A dataset", "B"))
    before = time.process_time()
    found = changed_recipes("main", tmp_path).recipes
    assert time.process_time() - before < 5
    assert sum(r.kind == "data" for r in found) == 150
    assert sum(r.kind == "metadata" for r in found) == 150
