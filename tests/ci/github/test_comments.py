"""Exactly one comment of ours for one purpose, whatever others write."""

from __future__ import annotations

import pytest

from pangeo_forge.ci.github.client import GitHub
from pangeo_forge.ci.github.comments import find, marker, upsert
from pangeo_forge.errors import AutomationError
from tests.ci.github.standin import Standin


def test_created_then_updated_then_left(github: GitHub, standin: Standin) -> None:
    for text, action in (("one", "created"), ("two", "updated"), ("two", "unchanged")):
        said = upsert(github, 3, "check", text)
        assert said is not None
        assert said.action == action
    assert standin.ours(3) == ["<!-- pangeo-forge: check -->\ntwo"]


def test_purposes_do_not_touch_each_other(github: GitHub, standin: Standin) -> None:
    upsert(github, 3, "check", "one")
    upsert(github, 3, "command 9", "two")
    upsert(github, 4, "check", "three")
    assert len(standin.ours(3)) == 2
    assert len(standin.ours(4)) == 1


def test_a_stranger_who_writes_the_marker_is_not_edited(github: GitHub, standin: Standin) -> None:
    """Else he could change what seems to be our verdict afterwards."""
    standin.add_comment(3, "stranger", f"{marker('check')}\n✅ passed")
    upsert(github, 3, "check", "❌")
    assert [c["user"]["login"] for c in standin.comments[3]] == ["stranger", "github-actions[bot]"]
    assert standin.comments[3][0]["body"].endswith("✅ passed")
    upsert(github, 3, "check", "✅")
    assert len(standin.comments[3]) == 2


def test_the_marker_counts_at_the_beginning_only(github: GitHub, standin: Standin) -> None:
    upsert(github, 3, "command 1", f"quoted: {marker('check')}")
    upsert(github, 3, "check", "x")
    assert len(find(github, 3, "check")) == 1
    assert len(standin.ours(3)) == 2


def test_found_beyond_the_first_page(github: GitHub, standin: Standin) -> None:
    upsert(github, 3, "check", "one")
    first = standin.comments[3].pop()
    for number in range(150):
        standin.add_comment(3, "x", str(number))
    standin.comments[3].append(first)
    upsert(github, 3, "check", "two")
    assert standin.ours(3) == [f"{marker('check')}\ntwo"]


def test_further_ones_are_removed(github: GitHub, standin: Standin) -> None:
    for text in ("a", "b", "c"):
        standin.add_comment(3, "github-actions[bot]", f"{marker('check')}\n{text}")
    upsert(github, 3, "check", "d")
    assert standin.ours(3) == [f"{marker('check')}\nd"]


def test_an_answer_that_got_lost_makes_no_second_comment(github: GitHub, standin: Standin) -> None:
    """The comment was made, but GitHub answered 502."""
    left = [1]

    def lost(sent):
        if sent.method == "POST" and left:
            left.pop()
            standin.add_comment(3, "github-actions[bot]", sent.body["body"])
            return 502, {"message": "bad gateway"}, {}
        return None

    standin.troubles.append(lost)
    upsert(github, 3, "check", "x")
    assert len(standin.ours(3)) == 1


def test_gives_up_when_github_never_takes_it(github: GitHub, standin: Standin) -> None:
    standin.troubles.append(lambda s: (502, {"message": "x"}, {}) if s.method == "POST" else None)
    with pytest.raises(AutomationError, match="502"):
        upsert(github, 3, "check", "x")


def test_long_texts_are_cut_and_nothing_is_made_where_it_should_not(github: GitHub, standin: Standin) -> None:
    assert upsert(github, 3, "check", "x", create=False) is None
    assert standin.comments == {}
    upsert(github, 3, "check", "x" * 100_000)
    assert len(standin.ours(3)[0]) <= 65_536


def test_another_bot(github: GitHub, standin: Standin, monkeypatch: pytest.MonkeyPatch) -> None:
    standin.add_comment(3, "github-actions[bot]", f"{marker('check')}\nx")
    monkeypatch.setenv("PANGEO_FORGE_BOT", "our-app[bot]")
    assert find(github, 3, "check") == []
