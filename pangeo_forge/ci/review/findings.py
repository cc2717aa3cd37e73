"""Errors, plans and results of a run as parts of the report: bounded, clean, each with a line to mend."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from pangeo_forge.ci.escaping import clean
from pangeo_forge.ci.review.report import Figures, Key, Outcome, Problem, Trial, Variable
from pangeo_forge.errors import PangeoForgeError, RecipeErrors

if TYPE_CHECKING:
    from pangeo_forge.recipe.model import Recipe
    from pangeo_forge.runs.planning import PlanReport
    from pangeo_forge.runs.result import RunResult

MOST_ABSENT = 20
MOST_VARIABLES = 200
_PLACE = re.compile(r"(?P<file>[^:]+\.ya?ml):(?P<line>\d+):(?P<column>\d+)\Z")
_SECTIONS = {"I": "inputs", "C": "inputs", "P": "target", "T": "target", "V": "checks"}
"""The section of a recipe that most likely holds what an error's kind complains of."""


def problems_of(error: BaseException, recipe: Recipe | None = None, hide: str = "") -> list[Problem]:
    """What an error says, as problems to mend.

    Parameters
    ----------
    recipe: gives the line of the section that is concerned, where the error names no line.
    hide: a folder of this machine that says nothing to a contributor.
    """
    if isinstance(error, RecipeErrors):
        return [p for e in error.errors for p in problems_of(e, recipe, hide)]
    if not isinstance(error, PangeoForgeError):
        # The text of a foreign error may hold anything; its kind is enough.
        return [problem("error", "X000", f"{type(error).__name__} that nobody foresaw", "report it to the maintainers")]
    section = _SECTIONS.get(error.code[0]) if recipe is not None else None
    place = recipe.locate(section) if recipe is not None and section else ""
    return [problem("error", error.code, error.message, error.hint or "", error.where or "", place, hide)]


def problem(
    level: Literal["error", "warning"],
    code: str,
    message: str,
    hint: str = "",
    where: str = "",
    place: str = "",
    hide: str = "",
) -> Problem:
    """One problem; ``place`` is the line to look at when ``where`` is none of a recipe."""
    from pangeo_forge.inputs.fetch.credentials import REDACTOR

    def said(text: str, longest: int, *, lines: bool = False) -> str:
        text = text.replace(hide, "(temporary store)") if hide else text
        return clean(REDACTOR(text), longest, lines=lines)

    found = _PLACE.match(where) or _PLACE.match(place)
    return Problem(
        level=level,
        code=code,
        message=said(message, 3000, lines=True),
        hint=said(hint, 600),
        where=said(where, 300) if not _PLACE.match(where) else "",
        file=said(found["file"], 300) if found else "",
        line=int(found["line"]) or None if found else None,
        column=int(found["column"]) or None if found else None,
    )


def figures_of(report: PlanReport, recipe: Recipe) -> Figures:
    """The plan of the whole dataset."""
    known: Mapping[str, Any] = report.known or {}
    rows = sorted(known.get("arrays", ()), key=lambda row: (row["coordinate"], row["name"]))
    return Figures(
        keys=tuple(
            Key(
                name=clean(k["name"], 100),
                kind=k["kind"],
                dim=None if k["dim"] is None else clean(k["dim"], 100),
                count=k["count"],
                first=clean(k["first"], 100),
                last=clean(k["last"], 100),
            )
            for k in report.keys[:32]
        ),
        inputs=report.inputs,
        asked=report.probed,
        absent=tuple(clean(text, 400) for text in report.absent[:MOST_ABSENT]),
        absent_count=len(report.absent),
        sizes={clean(k, 100): v for k, v in list(known.get("sizes", {}).items())[:64]},
        variables=tuple(_variable(row) for row in rows[:MOST_VARIABLES]),
        variables_count=len(rows),
        bytes=known.get("bytes", 0),
        tasks=known.get("tasks", 0),
        memory_per_task=known.get("memory_per_task", 0),
        passes=known.get("passes", 1),
        work=clean(known.get("text", ""), 400),
        estimated=report.estimated,
        target=clean(f"{recipe.target.format}", 40),
    )


def _variable(row: Mapping[str, Any]) -> Variable:
    return Variable(
        name=clean(row["name"], 200),
        dims=tuple(clean(d, 100) for d in row["dims"][:32]),
        shape=tuple(row["shape"][:32]),
        chunks=tuple(row["chunks"][:32]),
        shards=None if row["shards"] is None else tuple(row["shards"][:32]),
        dtype=clean(row["dtype"], 40),
        n_chunks=row["n_chunks"],
        chunk_bytes=row["chunk_bytes"],
        bytes=row["bytes"],
        compressor=clean(row["compressor"], 100),
        coordinate=row["coordinate"],
    )


def trial_of(result: RunResult, seconds: Mapping[str, float], workers: int) -> Trial:
    """What the pruned run did."""
    return Trial(
        inputs=result.inputs,
        input_bytes=result.input_bytes,
        bytes_written=result.bytes_written,
        bytes_stored=result.bytes_stored,
        sizes={clean(k, 100): v for k, v in list(result.plan.get("sizes", {}).items())[:64]},
        input_seconds=round(seconds.get("inputs", 0.0), 3),
        write_seconds=round(seconds.get("write", 0.0), 3),
        seconds=round(result.seconds, 3),
        workers=workers,
    )


def outcomes_of(result: RunResult) -> tuple[Outcome, ...]:
    """Checks of what was written."""
    made = (Outcome(name=clean(c.name, 200), passed=c.passed, detail=clean(c.detail, 600)) for c in result.checks)
    return tuple(made)[:50]


def warnings_of(texts: Iterable[str], hide: str = "") -> list[Problem]:
    """Warnings of a run: they stop nothing."""
    return [problem("warning", "A120", text, hide=hide) for text in texts]
