"""The page: what a reviewer wants to know, within what a comment may hold."""

from __future__ import annotations

from pangeo_forge.ci.review.markdown import LONGEST, render
from pangeo_forge.ci.review.report import Change, Difference, Problem
from pangeo_forge.ci.review.sizes import amount, duration
from tests.ci.reports import recipe_report, report
from tests.ci.test_escaping import seen


def test_everything_is_there() -> None:
    page = render(report(), {"one-01.png": "https://x.example/1.png"}.get)
    for part in (
        "## ✅ Recipe check passed",
        "Added: A dataset",
        "`r.yaml:3`: nobody keeps it",
        "| <code>sst</code> | <code>time, lat</code> |",
        "20 x 7",
        "about 10 kB from <code>a.org</code>",
        "about 500 B, if all compress alike",
        "at most about 75 s at this rate with 2 workers",
        '<img src="https://x.example/1.png"',
        "```python\nimport xarray as xr\n```",
        "Nothing that the pull request holds was executed",
    ):
        assert part in page
    assert "table" in seen(page).tags


def test_a_change_says_what_published_stores_need() -> None:
    changes = (Change(what="chunks of sst", before="5", after="10"),)
    for effect, said in (("rebuild", "must be built anew"), ("append", "appends"), ("none", "stay as they are")):
        difference = Difference(dataset=changes, compared=True, effect=effect)
        assert said in render(report(recipe_report(difference=difference)))


def test_what_is_wrong_stands_first() -> None:
    problem = Problem(
        level="error", code="C001", message="lat differs:\n  a | b\n  c | d\n", hint="drop it", file="r.yaml", line=9
    )
    page = render(report(recipe_report(verdict="failed", problems=(problem,))))
    assert page.index("C001") < page.index("The whole dataset")
    assert "a | b" in page
    assert "import xarray" not in page
    assert seen(page).tags.count("pre") == 1


def test_it_fits_in_a_comment_whatever_it_holds() -> None:
    problems = tuple(Problem(level="error", code="C001", message="x|*`@\n" * 300) for _ in range(50))
    many = [recipe_report(f"r{n}", problems=problems, title="|" * 290) for n in range(50)]
    for count in (1, 20):
        page = render(report(*many[:count]))
        assert len(page) <= LONGEST
        assert "r0" in page
    assert len(render(report(*many), longest=3000)) <= 3000


def test_nothing_to_check() -> None:
    empty = report().model_copy(update={"recipes": ()})
    assert render(empty).startswith("## No recipe to check")


def test_sizes() -> None:
    assert [amount(n) for n in (0, 999, 10**6, 5 * 10**15)] == ["0 B", "999 B", "1 MB", "5 PB"]
    assert [duration(s) for s in (0.02, 4.26, 61, 600, 7300, 400_000)] == [
        "0.02 s",
        "4.3 s",
        "61 s",
        "10 min",
        "2 h",
        "5 days",
    ]
