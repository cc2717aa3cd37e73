"""The tree of errors, and the page that explains every code."""

from __future__ import annotations

import ast
import pickle
import re
from collections import defaultdict
from pathlib import Path

import pytest

from pangeo_forge import errors
from pangeo_forge.errors import PangeoForgeError, RecipeError, RecipeErrors

PROJECT = Path(__file__).parents[1]
CODE = re.compile(r"[RICPTVABUX]\d{3}")
KINDS = {
    "RecipeError": "R",
    "RecipeErrors": "R",
    "InputError": "I",
    "CombineError": "C",
    "PlanError": "P",
    "TargetError": "T",
    "VerifyError": "V",
    "AutomationError": "A",
    "BakeryError": "B",
    "UsageError": "U",
    "InternalError": "X",
}

SHARED = {
    "R203": "arguments of a transform",
    "R213": "a transform failed",
    "B010": "a package is missing: of an engine, of a location",
    "B013": "a secret, or an engine's credentials",
    "B120": "raised by the watchdog; the command line knows that work may still hang",
    "I001": "several inputs failed",
    "I111": "the reader raises it, init asks for it",
    "I301": "the fetcher raises it, prepare asks for it",
    "I306": "raised by the guard; probing and automation tell it from a fault",
    "I309": "as I306",
    "I310": "as I306",
    "I312": "as I306",
    "R208": "as I306",
    "T010": "raised by targets; runs knows that a second try goes on",
    "T011": "as above",
    "T012": "as above",
    "T013": "as above",
    "T040": "another run works on the dataset, which is no failure of a scheduled one",
    "T051": "the recipe has changed; a feedstock may want all built anew then",
    "T034": "another run was faster",
    "T050": "there is nothing to append to",
    "T070": "cannot be referenced",
    "T071": "cannot be referenced: no byte ranges",
    "T072": "cannot be referenced: stored in different ways",
    "U001": "wrong call, raised by click and by us",
    "X000": "unforeseen, also in the record of a run",
}
"""Codes that several packages name with one meaning."""


def _codes_in_source() -> dict[str, set[str]]:
    """Each code and the packages whose source holds it as a string of its own."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in (PROJECT / "pangeo_forge").rglob("*.py"):
        package = path.relative_to(PROJECT / "pangeo_forge").parts[0]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                found[node.value].add(package)
    return found


def _codes_in_page() -> list[str]:
    return re.findall(r"^\| ([RICPTVABUX]\d{3}) \|", (PROJECT / "docs" / "errors.md").read_text(), re.M)


def test_page_explains_every_code_of_the_source() -> None:
    missing = sorted(set(_codes_in_source()) - set(_codes_in_page()))
    assert not missing, f"docs/errors.md does not explain {missing}"


def test_page_has_no_code_that_is_never_raised_and_none_twice() -> None:
    page = _codes_in_page()
    assert len(page) == len(set(page))
    assert not sorted(set(page) - set(_codes_in_source()))


def test_page_lists_codes_under_their_letter_in_order() -> None:
    letter = ""
    seen: list[str] = []
    for line in (PROJECT / "docs" / "errors.md").read_text().splitlines():
        if line.startswith("## "):
            letter, seen = line[3], []
        elif CODE.match(line[2:6]) and line.startswith("| "):
            assert line[2] == letter
            assert all(cell.strip() for cell in line.strip("|").split("|"))
            seen.append(line[2:6])
            assert seen == sorted(seen)


def test_no_two_packages_give_one_code_two_meanings() -> None:
    clashes = {c: p for c, p in _codes_in_source().items() if len(p) > 1 and c not in SHARED}
    assert not clashes


@pytest.mark.parametrize("path", sorted((PROJECT / "pangeo_forge").rglob("*.py")), ids=lambda p: p.stem)
def test_codes_bear_the_letter_of_their_error(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS):
            continue
        for keyword in node.keywords:
            if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                assert str(keyword.value.value)[0] == KINDS[node.func.id], f"line {node.lineno}"


def test_message_says_where_what_and_what_to_do() -> None:
    error = RecipeError("'1 D' is not a step", code="R012", where="r.yaml:3:4", hint="write 1D")
    assert str(error) == "r.yaml:3:4: '1 D' is not a step; write 1D [R012]"
    assert str(PangeoForgeError("bare", code="X000")) == "bare [X000]"
    assert error.to_json() == {
        "code": "R012",
        "message": "'1 D' is not a step",
        "where": "r.yaml:3:4",
        "hint": "write 1D",
    }


@pytest.mark.parametrize("name", sorted(set(KINDS) - {"RecipeErrors"}))
def test_errors_survive_the_way_from_a_worker(name: str) -> None:
    kind = getattr(errors, name)
    error = kind("what", code=f"{KINDS[name]}999", where="there", hint="do")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert again.exit_code == (2 if KINDS[name] in "BUX" else 1)


def test_several_errors_of_a_recipe_survive_too() -> None:
    several = RecipeErrors([RecipeError("one", code="R010"), RecipeError("two", code="R011")])
    again = pickle.loads(pickle.dumps(several))
    assert [e.code for e in again.errors] == ["R010", "R011"]
    assert str(again).splitlines() == ["one [R010]", "two [R011]"]
    assert [e["code"] for e in again.to_json()["errors"]] == ["R010", "R011"]
