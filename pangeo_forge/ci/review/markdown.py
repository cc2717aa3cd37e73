"""The report as a Markdown page: for the comment, the job's summary, and people. Nothing of a stranger is markup."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pangeo_forge.ci.escaping import cell, code, fenced, markdown
from pangeo_forge.ci.review.report import CheckReport, Figures, Problem, RecipeReport
from pangeo_forge.ci.review.sizes import amount, duration

LONGEST = 60_000
"""Characters of a page; GitHub takes 65,536."""
MOST_ROWS = 40
_VERDICTS = {
    "passed": ("✅", "passed"),
    "failed": ("❌", "to mend"),
    "refused": ("⛔", "refused: it asks for what a stranger's recipe may not do"),
    "timeout": ("⌛", "took too long"),
    "crashed": ("💥", "ended the process that checked it"),
    "unchecked": ("❔", "not checked"),
    "removed": ("🗑️", "removed"),
}
Links = Callable[[str], str | None]
"""From a picture's file to the address it is shown from; None: it is not shown."""


def render(report: CheckReport, link: Links = lambda file: None, *, longest: int = LONGEST) -> str:
    """The whole page, no longer than ``longest``: what does not fit is left out, from the details up.

    Parameters
    ----------
    link: where pictures are shown from.
    """
    for level in range(4):
        page = _page(report, link, level)
        if len(page) <= longest:
            return page
    cut = page[: longest - 200].rsplit("\n", 1)[0]
    return f"{cut}\n\nThe report is longer than a comment may be: the whole of it is in the artifact of the check.\n"


def _page(report: CheckReport, link: Links, level: int) -> str:
    lines = [f"## {_headline(report)}", ""]
    if len(report.recipes) != 1 or level:
        lines += [*_overview(report), ""]
    for recipe in report.recipes:
        lines += [*_recipe(recipe, link, level, alone=len(report.recipes) == 1), ""]
    lines += _others(report)
    base = f", compared with {code(report.base[:10])}" if report.base else ""
    note = f"{markdown(report.made_by, 80)}, {duration(report.seconds)}{base}"
    lines += [
        "",
        f"<sub>{note}. Nothing that the pull request holds was executed; no credential was at hand.</sub>",
        "",
    ]
    return "\n".join(lines)


def _headline(report: CheckReport) -> str:
    if not report.recipes:
        return "No recipe to check" if not report.left_out else f"❔ {report.left_out} recipes were not checked"
    bad = sum(r.verdict not in ("passed", "removed") for r in report.recipes) + report.left_out
    if not bad:
        return "✅ Recipe check passed"
    total = len(report.recipes) + report.left_out
    return "❌ Recipe check: " + (f"{bad} of {total} recipes did not pass" if total > 1 else "the recipe did not pass")


def _overview(report: CheckReport) -> Iterator[str]:
    if report.recipes:
        yield from _table(
            ("recipe", "change", "verdict", "inputs", "size", "time"),
            (
                (
                    cell(r.id),
                    r.change,
                    " ".join(_VERDICTS[r.verdict]),
                    f"{r.figures.inputs:,}" if r.figures else "",
                    amount(r.figures.bytes) if r.figures and r.figures.bytes else "",
                    duration(r.seconds),
                )
                for r in report.recipes
            ),
        )
    if report.left_out:
        yield ""
        yield f"{report.left_out} more recipes were not checked: one check looks at {len(report.recipes)}."


def _recipe(recipe: RecipeReport, link: Links, level: int, *, alone: bool) -> Iterator[str]:
    sign, words = _VERDICTS[recipe.verdict]
    yield f"### {sign} {code(recipe.id)}: {words}"
    yield ""
    if recipe.title:
        yield f"{recipe.change.capitalize()}: {markdown(recipe.title)}"
        yield ""
    if level >= 3:
        return
    yield from _problems(recipe, 20 if level == 0 else 5, 3000 if level == 0 else 400)
    if recipe.difference is not None:
        yield from _difference(recipe, MOST_ROWS if level == 0 else 10)
    if recipe.figures is not None:
        yield from _figures(recipe, recipe.figures, MOST_ROWS if level == 0 else 10)
    yield from _pictures(recipe, link)
    if level < 2:
        yield from _trial(recipe)
    if recipe.snippet and recipe.verdict == "passed":
        yield from ("Once it is published, this opens it:", "", fenced(recipe.snippet, language="python"), "")
    if level == 0:
        yield from _stages(recipe)


def _problems(recipe: RecipeReport, most: int, longest: int) -> Iterator[str]:
    for level, title in (("error", "What to mend"), ("warning", "Worth a look")):
        found = [p for p in recipe.problems if p.level == level]
        if not found:
            continue
        yield f"#### {title}"
        yield ""
        for problem in found[:most]:
            yield from _problem(problem, longest)
        more = len(found) - most
        if more > 0:
            yield f"- and {more} more"
        yield ""


def _problem(problem: Problem, longest: int) -> Iterator[str]:
    where = ""
    if problem.file:
        where = code(f"{problem.file}:{problem.line}" if problem.line else problem.file) + ": "
    first, _, rest = problem.message.strip().partition("\n")
    hint = f" **{markdown(problem.hint, 500)}**" if problem.hint else ""
    shown = f" ({code(problem.where, 200)})" if problem.where else ""
    yield f"- {where}{markdown(first, min(longest, 600))}{shown} [{problem.code}]{hint}"
    if rest.strip():
        yield ""
        # Indented, so that it belongs to the item.
        yield "\n".join(f"  {line}" for line in fenced(rest, longest).split("\n"))
        yield ""


def _difference(recipe: RecipeReport, most: int) -> Iterator[str]:
    difference = recipe.difference
    if difference is None:
        return
    effects = {
        "none": "Published data stay as they are.",
        "append": "The next run compares the inputs with the store and appends what is new.",
        "rebuild": "⚠️ **Published stores must be built anew.**",
    }
    yield "#### What changes"
    yield ""
    yield effects[difference.effect]
    yield ""
    for title, changes in (("in the dataset", difference.dataset), ("in the recipe", difference.recipe)):
        if changes:
            rows = [(cell(c.what), cell(c.before), cell(c.after)) for c in changes[:most]]
            yield from _table((title, "before", "after"), rows)
            if len(changes) > most:
                yield f"\nand {len(changes) - most} more"
            yield ""
    if not difference.compared and difference.effect == "rebuild":
        yield "The accepted recipe could not be planned here, so the datasets were not compared."
        yield ""


def _figures(recipe: RecipeReport, figures: Figures, most: int) -> Iterator[str]:
    yield "#### The whole dataset"
    yield ""
    if figures.sizes:
        sizes = ", ".join(f"{cell(k, 60)} {v:,}" for k, v in list(figures.sizes.items())[:20])
        yield f"Dimensions: {sizes}" + (" (estimated from the first and last inputs)" if figures.estimated else "")
        yield ""
        rows = [
            (
                cell(v.name, 80) + (" (coordinate)" if v.coordinate else ""),
                cell(", ".join(v.dims), 80),
                cell(v.dtype, 20),
                " x ".join(f"{n:,}" for n in v.chunks),
                f"{v.n_chunks:,}",
                amount(v.chunk_bytes),
                amount(v.bytes),
            )
            for v in figures.variables[:most]
        ]
        yield from _table(("variable", "dims", "dtype", "chunks", "number", "chunk", "size"), rows)
        if figures.variables_count > len(rows):
            yield f"\nand {figures.variables_count - len(rows)} more variables"
        yield ""
    yield from _table(("", "pruned run", "whole dataset"), _amounts(recipe, figures))
    yield ""
    if recipe.combinations > 1:
        yield f"The file makes {recipe.combinations:,} recipes; this is one of them."
        yield ""


def _amounts(recipe: RecipeReport, figures: Figures) -> Iterator[tuple[str, str, str]]:
    trial, guess = recipe.trial, recipe.estimate
    keys = ", ".join(f"{cell(k.name, 40)} {cell(k.first, 40)} … {cell(k.last, 40)}" for k in figures.keys)
    absent = f", {figures.absent_count:,} absent of {figures.asked:,} asked" if figures.asked else ""
    yield "inputs", f"{trial.inputs:,}" if trial else "", f"{figures.inputs:,}{absent}"
    if keys:
        yield "keys", "", keys
    if guess is not None and guess.egress_bytes is not None:
        hosts = f" from {', '.join(cell(h, 80) for h in guess.hosts)}" if guess.hosts else ""
        text = f"about {amount(guess.egress_bytes)}{hosts}, by {markdown(guess.egress_basis)}"
        yield "to fetch (egress)", amount(trial.input_bytes) if trial else "", text
    if figures.bytes:
        yield "uncompressed", amount(trial.bytes_written) if trial else "", amount(figures.bytes)
    if trial is not None and guess is not None and guess.stored_bytes is not None:
        yield "stored", amount(trial.bytes_stored), f"about {amount(guess.stored_bytes)}, if all compress alike"
    if trial is not None and guess is not None and guess.seconds is not None:
        polite = (
            f"; the recipe's own rate allows no less than {duration(guess.polite_seconds)}"
            if guess.polite_seconds
            else ""
        )
        text = f"at most about {duration(guess.seconds)} at this rate with {trial.workers} workers{polite}"
        yield "time", duration(trial.seconds), text
    if figures.tasks:
        yield (
            "work",
            "",
            f"{figures.tasks:,} tasks of {amount(figures.memory_per_task)}" + " in two passes" * (figures.passes > 1),
        )


def _pictures(recipe: RecipeReport, link: Links) -> Iterator[str]:
    shown = [(p, link(p.file)) for p in recipe.pictures]
    shown = [(p, url) for p, url in shown if url]
    if shown:
        yield "#### Quicklooks of the pruned run"
        yield ""
        for picture, url in shown:
            alt = markdown(f"{picture.variable} {picture.caption}", 120)
            yield f'<img src="{url}" alt="{alt}" width="420">'
        yield ""


def _trial(recipe: RecipeReport) -> Iterator[str]:
    if not recipe.outcomes:
        return
    passed = sum(o.passed for o in recipe.outcomes)
    yield f"<details><summary>{passed} of {len(recipe.outcomes)} checks of the pruned run passed</summary>"
    yield ""
    for outcome in recipe.outcomes[:MOST_ROWS]:
        yield f"- {'✅' if outcome.passed else '❌'} {markdown(outcome.name, 150)}: {markdown(outcome.detail, 200)}"
    yield ""
    yield "</details>"
    yield ""


def _stages(recipe: RecipeReport) -> Iterator[str]:
    if recipe.stages:
        signs = {"done": "✅", "failed": "❌", "skipped": "➖"}
        said = " · ".join(
            f"{signs[s.outcome]} {s.name} {duration(s.seconds)}" + (f" ({markdown(s.note, 120)})" if s.note else "")
            for s in recipe.stages
        )
        yield f"<sub>{said}</sub>"
        yield ""


def _others(report: CheckReport) -> Iterator[str]:
    if report.other_files_count:
        yield f"<details><summary>⚠️ {report.other_files_count} other files change: not used by this check</summary>"
        yield ""
        yield from (f"- {code(name, 200)}" for name in report.other_files)
        yield ""
        yield "</details>"


def _table(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    headers = tuple(headers)
    yield f"| {' | '.join(headers)} |"
    yield f"|{'---|' * len(headers)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
