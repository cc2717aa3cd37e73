"""Reports for tests, without a check."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from pangeo_forge.ci.review.report import (
    CheckReport,
    Estimate,
    Figures,
    Key,
    Outcome,
    Picture,
    Problem,
    RecipeReport,
    Stage,
    Trial,
    Variable,
)
from tests.ci.test_pictures import png


def recipe_report(name: str = "one", **more: Any) -> RecipeReport:
    """A recipe that passed, with everything that a report can hold."""
    variable = Variable(
        name="sst",
        dims=("time", "lat"),
        shape=(100, 7),
        chunks=(20, 7),
        dtype="<i2",
        n_chunks=5,
        chunk_bytes=280,
        bytes=1400,
    )
    key = Key(name="time", kind="concat", dim="time", count=100, first="2020-01-01", last="2020-04-09")
    known: dict[str, Any] = {
        "path": f"recipes/{name}/recipe.yaml",
        "id": name,
        "title": "A dataset",
        "change": "added",
        "verdict": "passed",
        "seconds": 12.5,
        "stages": (Stage(name="lint", outcome="done", seconds=0.1),),
        "problems": (Problem(level="warning", code="R024", message="nobody keeps it", file="r.yaml", line=3),),
        "problems_count": 1,
        "figures": Figures(
            keys=(key,), inputs=100, asked=100, sizes={"time": 100, "lat": 7}, variables=(variable,), variables_count=1,
            bytes=1400, tasks=5, memory_per_task=1000, work="one pass", estimated=True, target="zarr",
        ),
        "trial": Trial(inputs=4, input_bytes=400, bytes_written=56, bytes_stored=20, seconds=3.0, workers=2),
        "estimate": Estimate(egress_bytes=10_000, egress_basis="all sizes", hosts=("a.org",), stored_bytes=500, seconds=75.0),
        "outcomes": (Outcome(name="sample of sst", passed=True, detail="equal"),),
        "pictures": (Picture(file=f"{name}-01.png", variable="sst", caption="time = 2020-01-01"),),
        "snippet": "import xarray as xr",
    }  # fmt: skip
    return RecipeReport(**{**known, **more})


def report(*recipes: RecipeReport, **more: Any) -> CheckReport:
    """A whole report."""
    known: dict[str, Any] = {"made_by": "pangeo-forge 1", "began": "2026-01-01T00:00:00+00:00", "seconds": 13.0}
    return CheckReport(**{**known, "recipes": recipes or (recipe_report(),), **more})


def as_folder(folder: Path, made: CheckReport, pictures: dict[str, bytes] | None = None) -> Path:
    """What a check writes."""
    (folder / "pictures").mkdir(parents=True)
    (folder / "report.json").write_text(made.to_json())
    for name, data in (pictures if pictures is not None else {"one-01.png": png()}).items():
        (folder / "pictures" / name).write_bytes(data)
    return folder


def as_archive(made: CheckReport | bytes, files: dict[str, bytes] | None = None) -> bytes:
    """The artifact that a workflow uploads."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.json", made if isinstance(made, bytes) else made.to_json())
        for name, data in (files if files is not None else {"pictures/one-01.png": png()}).items():
            archive.writestr(name, data)
    return buffer.getvalue()


def changed(made: CheckReport, **more: Any) -> bytes:
    """The JSON of a report, with other or further fields."""
    return json.dumps({**json.loads(made.to_json()), **more}).encode()
