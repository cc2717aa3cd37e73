"""Feedstocks of merged recipes, committed through GitHub's API: on the branch, beside it, or not, where others were faster."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ci.github.standin import Standin
from tests.ci.project import Project
from tests.cli.invocation import invoke

MADE = "feedstocks/one.yaml"


@pytest.fixture
def merged(project: Project, standin: Standin, monkeypatch: pytest.MonkeyPatch) -> Standin:
    """The recipe `one` is on main, here and at GitHub."""
    monkeypatch.setenv("GITHUB_REF_NAME", "main")
    monkeypatch.setenv("GITHUB_REF_TYPE", "branch")
    standin.add_branch("main", {"README.md": "Recipes.\n"})
    return standin


def test_a_new_feedstock_and_its_update(merged: Standin, project: Project) -> None:
    got = invoke("ci", "promote", "one", "--commit", "--json")
    assert got.code == 0, got.out
    assert merged.refs["refs/heads/main"] == got.json["commit"]
    assert merged.files("main") == {"README.md": "Recipes.\n", MADE: Path(MADE).read_text()}
    assert merged.objects[got.json["commit"]][1]["message"] == "Feedstocks of merged recipes: one"
    # Nothing is left to do.
    assert invoke("ci", "promote", "one", "--commit", "--json").json["commit"] is None
    project.recipe("one", ("step: 1D", "step: 1MS"))
    assert "committed as" in invoke("ci", "promote", "one", "--commit").out
    assert "monthly" in merged.files("main")[MADE]


@pytest.mark.parametrize("before", [None, "recipe: recipes/one\n"])
def test_what_others_have_changed_meanwhile_is_left_alone(
    merged: Standin, project: Project, before: str | None
) -> None:
    if before is not None:
        invoke("ci", "promote", "one", "--commit")
        project.recipe("one", ("step: 1D", "step: 1MS"))
    merged.add_branch("main", {MADE: "recipe: recipes/one  # mine\n"})
    got = invoke("ci", "promote", "one", "--commit")
    assert "left alone, it was changed meanwhile" in got.out
    assert "nothing to commit" in got.out
    assert merged.files("main") == {MADE: "recipe: recipes/one  # mine\n"}


def test_others_commit_at_the_same_moment(merged: Standin) -> None:
    left = [1]

    def faster(sent):
        if sent.method == "PATCH" and left:
            left.pop()
            merged.add_branch("main", {"README.md": "Changed.\n"})

    merged.troubles.append(faster)
    assert invoke("ci", "promote", "one", "--commit").code == 0
    assert merged.files("main").keys() == {"README.md", MADE}
    assert merged.files("main")["README.md"] == "Changed.\n"


@pytest.mark.parametrize("status", [403, 422])
def test_a_branch_that_takes_no_commits(merged: Standin, status: int) -> None:
    protected = {"message": "Protected branch update failed for refs/heads/main."}
    before = merged.refs["refs/heads/main"]
    merged.troubles.append(lambda s: (status, protected, {}) if s.method == "PATCH" else None)
    got = invoke("ci", "promote", "one", "--commit", "--json")
    assert got.code != 0
    assert got.json["error"]["code"] == "A137"
    assert merged.refs["refs/heads/main"] == before
    [name] = [n.removeprefix("refs/heads/") for n in merged.refs if "feedstocks" in n]
    assert merged.files(name).keys() == {"README.md", MADE}
    assert f"https://github.com/pangeo/forge/compare/main...{name}?expand=1" in got.json["error"]["hint"]


def test_a_feedstock_that_is_wrong_is_not_committed(merged: Standin, project: Project) -> None:
    """The project's bakery is not what the recipe's feedstock would need: it is told, and nothing is put."""
    project.write("feedstocks/other.yaml", "recipe: recipes/one\ntarget: out\n")
    project.write("feedstocks/bakeries.yaml", "default: {runner: local, target: out}\n")
    project.recipe("two", ("license: CC0-1.0", "licence: CC0-1.0"))
    got = invoke("ci", "promote", "two", "--commit", "--json")
    assert got.code == 1
    assert got.json["commit"] is None
    assert merged.files("main").keys() == {"README.md"}


def test_only_in_a_workflow_on_a_branch(merged: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    assert invoke("ci", "promote", "--check", "--commit").code == 2
    monkeypatch.setenv("GITHUB_REF_TYPE", "tag")
    got = invoke("ci", "promote", "one", "--commit", "--json")
    assert (got.code, got.json["error"]["code"]) == (2, "U115")
    assert not Path(MADE).exists()
