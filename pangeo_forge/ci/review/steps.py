"""What is done to one contributed recipe: lint, plan, pruned run, verification, pictures, comparison with the base.

This runs in a process of its own (:mod:`pangeo_forge.ci.review.child`), which may be ended at any moment: what is known
is handed out after each step.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pangeo_forge.ci.escaping import clean
from pangeo_forge.ci.review import findings
from pangeo_forge.ci.review.report import Problem, RecipeReport, Stage
from pangeo_forge.ci.review.rules import REFUSALS, ReviewRules
from pangeo_forge.errors import PangeoForgeError

if TYPE_CHECKING:
    from pangeo_forge.recipe.model import Recipe
    from pangeo_forge.runs.planning import PlanReport
    from pangeo_forge.runs.result import RunResult
    from pangeo_forge.runs.settings import RunSettings

MOST_PROBLEMS = 50


@dataclass(frozen=True)
class Job:
    """One recipe file to check."""

    path: str
    """The file on this disk."""
    shown: str
    """Its path in the repository."""
    change: str
    """``added``, ``changed`` or ``unchanged``."""
    base: str | None
    """The file as it is accepted, where there is one."""
    folder: str
    """Where pictures go, and the cache of inputs; nothing of another recipe's check is in it."""
    rules: ReviewRules
    lint_only: bool = False
    """The change concerns no data."""


Save = Callable[[Sequence[RecipeReport]], None]


def review(job: Job, save: Save) -> None:
    """Check the file's recipes; ``save`` is called with all that is known after each step."""
    from pangeo_forge.pattern.checking import with_patterns
    from pangeo_forge.recipe.lint import lint

    began = time.monotonic()
    linted = with_patterns(lint(job.path, name=job.shown))
    found = [*linted.errors, *linted.warnings]
    problems = [replace_level(p, e in linted.warnings) for e in found for p in findings.problems_of(e)]
    stage = Stage(name="lint", outcome="done" if linted.ok else "failed", seconds=round(time.monotonic() - began, 3))
    first = RecipeReport(
        path=clean(job.shown, 300),
        id=clean(linted.recipes[0].id if linted.recipes else Path(job.shown).parent.name, 200),
        title=clean(linted.recipes[0].title if linted.recipes else "", 200),
        change=job.change,  # type: ignore[arg-type]
        verdict="unchecked" if linted.ok else "failed",
        combinations=max(1, len(linted.recipes)),
        stages=(stage,),
        problems=tuple(problems[:MOST_PROBLEMS]),
        problems_count=len(problems),
    )
    if not linted.ok or job.lint_only:
        verdict = "passed" if linted.ok else "failed"
        save([first.model_copy(update={"verdict": verdict, "seconds": stage.seconds})])
        return
    chosen = _chosen(linted.recipes, job.rules.combinations)
    finished: list[RecipeReport] = []
    for recipe in chosen:
        start = first.model_copy(update={"id": clean(recipe.id, 200), "title": clean(recipe.title, 200)})
        review = _Review(job, recipe, start, lambda report: save([*finished, report]))
        review.work()
        finished.append(review.report)
        save(finished)


def replace_level(problem: Problem, warning: bool) -> Problem:
    """The problem as a warning, or as it is."""
    return problem.model_copy(update={"level": "warning"}) if warning else problem


def _chosen(recipes: Sequence[Recipe], most: int) -> list[Recipe]:
    if len(recipes) <= most:
        return list(recipes)
    places = {round(i * (len(recipes) - 1) / max(1, most - 1)) for i in range(most)}
    return [recipes[i] for i in sorted(places)]


@dataclass
class _Review:
    """One recipe being checked."""

    job: Job
    recipe: Recipe
    report: RecipeReport
    hand_out: Callable[[RecipeReport], None]
    began: float = field(default_factory=time.monotonic)

    def work(self) -> None:
        """All steps; the first that fails is the last, but for pictures and the comparison, which only inform."""
        self.hand_out(self.report)
        plan = self._plan()
        result = self._run(plan) if plan is not None and plan.known is not None else None
        if plan is not None and self.job.base is not None:
            self._compare(self.job.base)
        if self.report.verdict == "unchecked":
            self._know(verdict="passed" if result is not None else "failed")
        self._know(seconds=round(time.monotonic() - self.began, 3))

    @property
    def settings(self) -> RunSettings:
        """How it is planned and run."""
        return self.job.rules.settings(str(Path(self.job.folder) / "cache"))

    @property
    def _prefix(self) -> str:
        return f"{Path(self.job.folder).name}-{self.recipe.id}"

    def _know(self, **more: Any) -> None:
        self.report = self.report.model_copy(update=more)
        self.hand_out(self.report)

    def _add(self, problems: Sequence[Problem]) -> None:
        known = (*self.report.problems, *problems)
        self._know(problems=known[:MOST_PROBLEMS], problems_count=self.report.problems_count + len(problems))

    @contextmanager
    def _stage(self, name: str, hide: str = "", *, informs: bool = False) -> Iterator[None]:
        """A step: its time, and what it raises as problems. ``informs``: its failure is no fault of the recipe."""
        began, outcome, note = time.monotonic(), "done", ""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever one step raises, the report must come out
            outcome = "failed"
            problems = findings.problems_of(error, self.recipe, hide)
            if informs:
                outcome, note = "skipped", clean(problems[0].message, 200)
            else:
                self._add(problems)
                self._know(verdict=_verdict(error))
        stage = Stage(name=name, outcome=outcome, seconds=round(time.monotonic() - began, 3), note=note)  # type: ignore[arg-type]
        self._know(stages=(*self.report.stages, stage))

    def _plan(self) -> PlanReport | None:
        from pangeo_forge.ci.review.estimate import estimate
        from pangeo_forge.runs.planning import plan_recipe

        found: PlanReport | None = None
        with self._stage("plan"):
            found = plan_recipe(self.recipe, self.settings, probe=True, ask=self.job.rules.ask)
            figures = findings.figures_of(found, self.recipe)
            self._know(figures=figures, estimate=estimate(found, figures, None, self.recipe))
        if found is not None and found.absent and self.recipe.inputs.on_missing == "fail":
            what = f"{len(found.absent)} of {found.probed} inputs that were asked for are absent"
            listed = "\n".join(f"  {line}" for line in found.absent[: findings.MOST_ABSENT])
            hint = "list them under inputs.missing, exclude their keys, or set inputs.on_missing: skip or fill"
            place = self.recipe.locate("inputs")
            self._add([findings.problem("error", "I001", f"{what}:\n{listed}", hint, place=place)])
            self._know(verdict="failed")
        return found

    def _run(self, plan: PlanReport) -> RunResult | None:
        import tempfile

        from pangeo_forge.ci.review.estimate import estimate
        from pangeo_forge.ci.review.stopwatch import Stopwatch
        from pangeo_forge.inputs.codec_threads import available_cpus
        from pangeo_forge.runs.execution import run_recipe
        from pangeo_forge.runs.session import pruned
        from pangeo_forge.targets.choice import ending_of

        settings = pruned(self.settings, self.job.rules.prune)
        result: RunResult | None = None
        with tempfile.TemporaryDirectory(prefix="trial-", dir=self.job.folder) as folder:
            watch = Stopwatch()
            store = f"{folder}/{self.recipe.id}{ending_of(self.recipe.target)}"
            with self._stage("dry-run", folder):
                result = run_recipe(self.recipe, replace(settings, target=store), watch)
            if result is None:
                return None
            trial = findings.trial_of(result, watch.seconds, settings.workers or available_cpus())
            self._know(trial=trial, outcomes=findings.outcomes_of(result), snippet=_snippet(self.recipe))
            if self.report.figures is not None:
                self._know(estimate=estimate(plan, self.report.figures, trial, self.recipe))
            self._add(findings.warnings_of(result.warnings, folder))
            seconds = round(watch.seconds.get("verify", 0.0), 3)
            self._know(stages=(*self.report.stages, Stage(name="verify", outcome="done", seconds=seconds)))
            if self.job.rules.pictures:
                self._draw(result.store)
        return result

    def _draw(self, store: str) -> None:
        from pangeo_forge.targets.opening import open_dataset

        with self._stage("pictures", informs=True):
            try:
                from pangeo_forge.ci.review.quicklook import draw_quicklooks

                with open_dataset(store, chunks=None) as ds:
                    pictures = draw_quicklooks(ds, Path(self.job.folder) / "pictures", self._prefix)
            except ImportError:
                hint = "pip install 'pangeo-forge[report]'"
                raise PangeoForgeError("matplotlib is not installed", code="A125", hint=hint) from None
            self._know(pictures=tuple(pictures))

    def _compare(self, base: str) -> None:
        from pangeo_forge.ci.review.difference import compare
        from pangeo_forge.recipe.load import load_recipes
        from pangeo_forge.runs.planning import plan_recipe

        with self._stage("base", informs=True):
            accepted = {r.id: r for r in load_recipes(base)}
            before = accepted.get(self.recipe.id)
            if before is None:
                return
            self._know(difference=compare(before, self.recipe, None, None))
            if before.fingerprint() == self.recipe.fingerprint() or self.report.figures is None:
                return
            # Whether its inputs are there is no matter here: only the first and the last are opened.
            found = plan_recipe(before, self.settings, probe=True, ask=2)
            if found.known is not None and self.report.figures.sizes:
                figures = findings.figures_of(found, before)
                self._know(difference=compare(before, self.recipe, figures, self.report.figures))


def _verdict(error: Exception) -> str:
    if not isinstance(error, PangeoForgeError):
        return "failed"
    # An error of several inputs names the code of each.
    named = {error.code, *re.findall(r"\[([A-Z]\d{3})\]", error.message)} if error.code == "I001" else {error.code}
    return "refused" if named & set(REFUSALS) else "failed"


def _snippet(recipe: Recipe) -> str:
    """The Python that opens the dataset once it is published below a root."""
    from pangeo_forge.targets.choice import ending_of
    from pangeo_forge.targets.opening import snippet

    line = snippet(f"ROOT/{recipe.id}/VERSION{ending_of(recipe.target)}").replace("xarray.", "xr.", 1)
    if recipe.target.format == "zarr":
        line = """xr.open_zarr(f"{home}/{latest['store']}")"""
        reading = f'home = "ROOT/{recipe.id}"\nlatest = json.load(fsspec.open(f"{{home}}/latest.json").open())\n'
        return f"import fsspec, json, xarray as xr\n\n{reading}ds = {line}"
    return f"import xarray as xr\n\nds = {line}"
