"""Check a proposal: each recipe in a process of its own, all findings in one folder."""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pangeo_forge.ci.escaping import annotation, clean
from pangeo_forge.ci.pictures import plain_png
from pangeo_forge.ci.review.markdown import render
from pangeo_forge.ci.review.proposal import Proposal
from pangeo_forge.ci.review.report import MOST_RECIPES, REPORT_FILE, CheckReport, RecipeReport
from pangeo_forge.ci.review.rules import ReviewRules
from pangeo_forge.ci.review.supervision import check_job, not_begun, tidy
from pangeo_forge.errors import AutomationError, UsageError
from pangeo_forge.version import __version__

PAGE_FILE = "report.md"
PICTURES = "pictures"
MOST_FILES_SHOWN = 50

Told = Callable[[str], None]


def check(proposal: Proposal, rules: ReviewRules, output: Path, told: Told = lambda line: None) -> CheckReport:
    """Check everything and write ``report.json``, ``report.md`` and pictures.

    Parameters
    ----------
    output: a folder that is not there, is empty, or holds an earlier report, which is replaced.
    told: gets a line before each recipe and after it.
    """
    _clear(output)
    began, start = dt.datetime.now(dt.UTC), time.monotonic()
    most = max(0, min(rules.most_recipes, MOST_RECIPES - len(proposal.settled)))
    reports: list[RecipeReport] = list(proposal.settled[:MOST_RECIPES])
    for job in proposal.jobs[:most]:
        left = rules.total - (time.monotonic() - start)
        told(f"{job.shown}: checking")
        if left <= 0:
            found = [not_begun(job)]
        else:
            found = check_job(job, left)
            found = [_with_pictures(r, Path(job.folder) / PICTURES, output / PICTURES) for r in found]
            tidy(Path(job.folder))
        reports += found
        told(f"{job.shown}: {', '.join(f'{r.id} {r.verdict}' for r in found)}")
    report = CheckReport(
        made_by=f"pangeo-forge {__version__}",
        began=began.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - start, 1),
        base=proposal.base,
        recipes=tuple(reports[:MOST_RECIPES]),
        left_out=len(proposal.jobs) - len(proposal.jobs[:most]) + max(0, len(reports) - MOST_RECIPES),
        other_files=tuple(clean(f, 300) for f in proposal.other_files[:MOST_FILES_SHOWN]),
        other_files_count=len(proposal.other_files),
    )
    (output / REPORT_FILE).write_text(report.to_json(), encoding="utf-8")
    write_page(report, output)
    return report


def write_page(report: CheckReport, output: Path) -> Path:
    """``report.md`` beside ``report.json``."""
    page = output / PAGE_FILE
    there = {p.name for p in (output / PICTURES).glob("*.png")}
    page.write_text(render(report, lambda file: f"{PICTURES}/{file}" if file in there else None), encoding="utf-8")
    return page


def _with_pictures(report: RecipeReport, source: Path, target: Path) -> RecipeReport:
    """The report with those pictures that are pictures, which are moved to ``target``."""
    kept = []
    for picture in report.pictures:
        path = source / picture.file
        try:
            if path.is_symlink():
                continue
            data = plain_png(path.read_bytes(), picture.file)
        except (OSError, AutomationError):
            continue
        target.mkdir(exist_ok=True)
        (target / picture.file).write_bytes(data)
        kept.append(picture)
    return report.model_copy(update={"pictures": tuple(kept)})


def _clear(output: Path) -> None:
    known = {REPORT_FILE, PAGE_FILE, PICTURES}
    if output.exists() and (not output.is_dir() or {p.name for p in output.iterdir()} - known):
        raise UsageError(
            f"{output} holds something else than an earlier report",
            code="U110",
            hint="give --output a folder that is not there",
        )
    for name in known:
        path = output / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.exists() or path.is_symlink():
            path.unlink()
    output.mkdir(parents=True, exist_ok=True)


def exit_code(report: CheckReport) -> int:
    """0: all passed; 1: something is to mend."""
    return 0 if report.ok else 1


def notes_of(reports: Sequence[RecipeReport]) -> list[str]:
    """Workflow commands that show errors and warnings beside the lines of the files."""
    made = []
    for report in reports:
        for problem in report.problems:
            text = problem.message.strip().splitlines()[0] if problem.message.strip() else problem.code
            text = f"{text}; {problem.hint}" if problem.hint else text
            file = problem.file or report.path
            title = f"{report.id}: {problem.code}"
            made.append(annotation(problem.level, text, file=file, line=problem.line, title=title))
    return made[:50]
