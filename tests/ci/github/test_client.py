"""The client: what it asks, how it waits, what it says when GitHub says no; and that the stand-in sees mistakes."""

from __future__ import annotations

import time

import pytest

from pangeo_forge.ci.github.client import GitHub
from pangeo_forge.errors import AutomationError, UsageError
from tests.ci.github.standin import Standin


def test_pages(github: GitHub, standin: Standin) -> None:
    for number in range(230):
        standin.add_comment(1, "x", str(number))
    assert [c["body"] for c in github.pages("issues/1/comments")] == [str(n) for n in range(230)]
    assert [s.query["page"] for s in standin.requests] == ["1", "2", "3"]
    assert all(s.authorization == "Bearer ghs_standin" for s in standin.requests)


@pytest.mark.parametrize(
    ("status", "headers", "pauses"),
    [
        (503, {}, [1.0, 2.0]),
        (429, {"Retry-After": "7"}, [7.0, 7.0]),
        (403, {"Retry-After": "3"}, [3.0, 3.0]),
        (429, {}, [60.0, 60.0]),
    ],
)
def test_waits_as_github_asks(standin: Standin, status: int, headers: dict[str, str], pauses: list[float]) -> None:
    left = [1, 1]
    standin.troubles.append(lambda sent: (status, {"message": "slow"}, headers) if left and left.pop() else None)
    slept: list[float] = []
    github = GitHub(standin.repository, standin.token, standin.url, sleep=slept.append)
    assert github.get("issues/1/comments") == []
    assert slept == pauses


def test_waits_for_the_reset_of_the_limit(standin: Standin) -> None:
    left = [1]
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 120)}
    standin.troubles.append(lambda sent: (403, {"message": "limit"}, headers) if left and left.pop() else None)
    slept: list[float] = []
    GitHub(standin.repository, standin.token, standin.url, sleep=slept.append).get("issues/1/comments")
    assert 60 < slept[0] < 130


def test_does_not_wait_for_ever(github: GitHub, standin: Standin) -> None:
    standin.troubles.append(lambda sent: (429, {"message": "slow"}, {"Retry-After": "90000"}))
    with pytest.raises(AutomationError, match="90000 s") as error:
        github.get("issues/1/comments")
    assert error.value.code == "A135"
    assert len(standin.requests) == 1


def test_a_post_that_may_have_been_carried_out_is_not_sent_twice(github: GitHub, standin: Standin) -> None:
    standin.troubles.append(lambda sent: (502, {"message": "bad gateway"}, {}) if sent.method == "POST" else None)
    with pytest.raises(AutomationError, match="answers 502"):
        github.post("issues/1/comments", {"body": "x"})
    assert len(standin.requests) == 1


def test_a_post_that_was_surely_not_carried_out_is_sent_again(github: GitHub, standin: Standin) -> None:
    left = [1]
    standin.troubles.append(lambda sent: (403, {}, {"Retry-After": "1"}) if left and left.pop() else None)
    github.post("issues/1/comments", {"body": "x"})
    assert standin.ours(1) == ["x"]


def test_no_says_what_to_do_and_shows_no_token(standin: Standin) -> None:
    github = GitHub(standin.repository, "secret-token", standin.url, sleep=lambda s: None)
    with pytest.raises(AutomationError) as error:
        github.get("issues/1/comments")
    assert error.value.code == "A130"
    assert "401" in str(error.value)
    assert "not valid any more" in str(error.value)
    assert "secret-token" not in str(error.value) + repr(github)


def test_unreachable() -> None:
    github = GitHub("a/b", "t", "http://127.0.0.1:9", sleep=lambda s: None)
    with pytest.raises(AutomationError) as error:
        github.get("issues")
    assert error.value.code == "A131"


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "GITHUB_REPOSITORY"])
def test_environment(standin: Standin, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert GitHub.from_environment().url == standin.url
    monkeypatch.delenv(name)
    monkeypatch.delenv("GH_TOKEN", raising=False)
    with pytest.raises(UsageError, match=name):
        GitHub.from_environment()


@pytest.mark.parametrize("name", ["", "x", "a/b/c", "../..", "a/b?x=1", "a/b\n"])
def test_a_repository_is_owner_and_name(standin: Standin, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", name)
    with pytest.raises(UsageError):
        GitHub.from_environment()


@pytest.mark.parametrize(
    "call",
    [
        lambda g: g.get("issues/1/commentz"),
        lambda g: g.get("issues/1/comments", color="red"),
        lambda g: g.get("issues/one/comments"),
        lambda g: g.post("issues/1/comments", {"text": "x"}),
        lambda g: g.post("issues/1/comments", {"body": 1}),
        lambda g: g.patch("issues/1", {"state": "shut"}),
        lambda g: g.patch("issues/1", {"state": "closed", "why": "x"}),
        lambda g: g.post("git/blobs", {"encoding": "base64"}),
    ],
)
def test_the_stand_in_sees_what_github_does_not_have(github: GitHub, standin: Standin, call) -> None:
    with pytest.raises(AutomationError):
        call(github)
    assert standin.faults
    standin.faults.clear()


def test_the_stand_in_tells_nothing_that_github_does_not_have(github: GitHub, standin: Standin) -> None:
    standin.add_comment(1, "x", "y")["colour"] = "red"
    with pytest.raises(AutomationError):
        github.get("issues/1/comments")
    assert "colour" in standin.faults[0]
    standin.faults.clear()


def test_a_download_is_bounded_and_shows_no_token(github: GitHub, standin: Standin) -> None:
    standin.artifacts[1] = [("a", b"x" * 1000)]
    assert github.download("actions/artifacts/10/zip", 1000) == b"x" * 1000
    with pytest.raises(AutomationError, match="more than 999 bytes"):
        github.download("actions/artifacts/10/zip", 999)
