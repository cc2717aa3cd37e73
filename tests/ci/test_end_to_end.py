"""A dataset's whole life, with the real command line: contributed, checked, merged, scheduled, appended to, failing, recovered.

The repository is a temporary one, inputs come from a server on loopback, the store is an emulated S3, GitHub is the stand-in that
checks every request against GitHub's own description.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from pangeo_forge.runs.place import Place
from tests.ci.github.conftest import run_event, standin, write_event
from tests.ci.github.standin import Standin
from tests.ci.project import Project
from tests.ci.review.served import Site, write_recipe
from tests.cli.invocation import invoke
from tests.publish.archive import expected, read
from tests.publish.conftest import Bucket, s3_bucket, s3_endpoint

__all__ = ["s3_endpoint", "standin", "write_event"]
pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]


@pytest.fixture
def growing(tmp_path_factory: pytest.TempPathFactory):
    """A site whose archive grows."""
    made = Site(tmp_path_factory.mktemp("growing"))
    made.write(range(5))
    server = made.serve()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def bucket(s3_endpoint: str) -> Bucket:
    return s3_bucket(s3_endpoint)


@dataclass
class Life:
    """The project, and what is around it."""

    project: Project
    site: Site
    bucket: Bucket
    standin: Standin
    place: Path

    def tick(self, at: str) -> tuple[int, list[dict[str, Any]], list[str]]:
        """One hourly tick: what `scheduled.yml` calls. Exit code of the runs, what ran, what became of issues."""
        due = invoke("ci", "due", "--at", at, "--json")
        assert due.code == 0, due.out + due.err
        code, ran = 0, []
        for job in due.json["include"]:
            got = invoke("ci", "run-due", "--only", job["id"], "--at", at, "--json")
            folder = self.place / "results" / job["id"]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "result.json").write_text(got.out)
            assert "ran" in got.json, got.out
            code = max(code, got.code)
            ran += got.json["ran"]
        issues = invoke("ci", "issue", self.place / "results", "--json") if ran else None
        assert issues is None or issues.code == 0, issues.out
        return code, ran, [] if issues is None else [i["action"] for i in issues.json["issues"]]

    def days(self) -> np.ndarray:
        """What readers of the published dataset get."""
        store = Place.of(f"{self.bucket.url}/arco", "daily", self.bucket.options).current()
        assert store is not None
        return read(store, self.bucket.options)["sst"]


@pytest.fixture
def life(
    project: Project,
    growing: Site,
    bucket: Bucket,
    standin: Standin,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Life:
    options = {"endpoint_url": bucket.options["endpoint_url"], "client_kwargs": {"region_name": "us-east-1"}}
    target = {"url": f"{bucket.url}/arco", "storage_options": options, "secret": "store"}
    project.git("checkout", "-q", "main")
    project.git("rm", "-rq", "recipes")
    project.write("recipes/README.md", "Recipes.\n")
    bakery = {
        "local": {"runner": "local", "target": target, "cache": str(tmp_path_factory.mktemp("cache")), "workers": 1}
    }
    project.write("feedstocks/bakeries.yaml", yaml.safe_dump(bakery))
    project.commit("a project")
    project.git("checkout", "-q", "-B", "work")
    monkeypatch.setenv("PANGEO_FORGE_SECRET_STORE", "test:test")
    monkeypatch.setenv("PANGEO_FORGE_RETRY_PAUSE", "0.01")
    return Life(project, growing, bucket, standin, tmp_path_factory.mktemp("place"))


def test_from_contribution_to_recovery(life: Life, write_event: Callable[[dict[str, Any]], None]) -> None:
    project, site, standin = life.project, life.site, life.standin

    # A scientist contributes one file. It is checked, and the pull request shows what it will look like.
    listing = {"url": f"http://{site.address}/", "match": r"day\d+\.nc"}
    inputs = {"listing": listing, "concat": {"time": {}}, "sort": "name"}
    document = site.document("daily", inputs=inputs, target={"chunks": {"time": 4}, "append": "time"})
    write_recipe(project.folder / "recipes/daily", document)
    head = project.commit("a recipe")
    report = life.place / "check-report"
    allowed = ("--allow-scheme", "http", "--allow-address", site.address)
    checked = invoke("ci", "check", "--base", "main", "--output", report, *allowed)
    assert checked.code == 0, checked.out + checked.err
    standin.add_pull(3, head)
    write_event(run_event(head))
    assert invoke("ci", "comment", report, "--pictures-branch", "pictures").code == 0
    [comment] = standin.ours(3)
    assert "✅ Recipe check passed" in comment
    assert "<img" in comment
    assert life.bucket.url not in comment

    # It is merged, and becomes a feedstock, which a maintainer makes daily.
    project.git("checkout", "-q", "main")
    project.git("merge", "-q", "--no-ff", "-m", "merge", "work")
    promoted = invoke("ci", "promote", "--base", "HEAD^1", "--json")
    assert promoted.code == 0, promoted.out
    assert [(f["feedstock"], f["action"]) for f in promoted.json["feedstocks"]] == [("feedstocks/daily.yaml", "create")]
    made = project.folder / "feedstocks/daily.yaml"
    feedstock = yaml.safe_load(made.read_text())
    assert feedstock["mode"] == "append"
    made.write_text(yaml.safe_dump({**feedstock, "schedule": "0 6 * * *"}))
    project.commit("accepted")
    assert invoke("ci", "promote", "--check").code == 0
    code, ran, issues = life.tick("2026-03-01T06:10")
    assert (code, [(r["outcome"], r["action"]) for r in ran], issues) == (0, [("done", "build")], ["nothing"]), ran
    np.testing.assert_array_equal(life.days(), expected(range(5)))
    assert life.tick("2026-03-01T07:10") == (0, [], [])

    # Two more days are published by the source.
    site.write(range(5, 7))
    code, ran, issues = life.tick("2026-03-02T06:10")
    assert (code, [(r["outcome"], r["action"]) for r in ran]) == (0, [("done", "append")]), ran
    np.testing.assert_array_equal(life.days(), expected(range(7)))

    # Then a file that is damaged: the run fails, nothing is published, an issue names what and why.
    site.write(range(7, 8))
    good = (site.folder / "day00007.nc").read_bytes()
    (site.folder / "day00007.nc").write_bytes(b"CDF\x01" + b"\xff" * 200)
    code, ran, issues = life.tick("2026-03-03T06:10")
    assert (code, [r["outcome"] for r in ran], issues) == (1, ["failed"], ["opened"]), ran
    [issue] = standin.issues
    assert issue["title"] == "daily: scheduled run failed"
    assert "day00007.nc" in issue["body"]
    np.testing.assert_array_equal(life.days(), expected(range(7)))

    # The source mends it; the next day's run does, and the issue is closed.
    (site.folder / "day00007.nc").write_bytes(good)
    code, ran, issues = life.tick("2026-03-04T06:10")
    assert (code, [(r["outcome"], r["action"]) for r in ran], issues) == (0, [("done", "append")], ["closed"]), ran
    assert issue["state"] == "closed"
    np.testing.assert_array_equal(life.days(), expected(range(8)))
    assert len(standin.issues) == 1
    assert "appended to" in standin.ours(issue["number"])[-1]
    assert json.loads((life.place / "results/daily/result.json").read_text())["ok"]
