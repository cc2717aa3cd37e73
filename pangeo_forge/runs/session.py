"""What plan, dry-run and run share: the inputs of a recipe, prepared, and the plan made of them."""

from __future__ import annotations

import datetime as dt
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from pangeo_forge import progress
from pangeo_forge.dataset import ahead
from pangeo_forge.dataset.archive import Archive
from pangeo_forge.dataset.filling import Absent
from pangeo_forge.dataset.model import Template
from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.errors import InputError, PangeoForgeError, PlanError
from pangeo_forge.inputs.fetch import Cache, Guard
from pangeo_forge.pattern.pattern import FilePattern
from pangeo_forge.pipeline.engines import Engine
from pangeo_forge.pipeline.lean_beam import import_lean
from pangeo_forge.pipeline.prepare_inputs import FailedInput, InputPreparer, LedgerEntry, Prepared
from pangeo_forge.pipeline.ranges import INPUTS_PER_ELEMENT, ranges
from pangeo_forge.pipeline.scratch import Scratch, unusable
from pangeo_forge.pipeline.write_task import TaskReport
from pangeo_forge.plan import Plan, Resources, make_plan
from pangeo_forge.plan.misfits import MisfitError
from pangeo_forge.recipe.model import Recipe
from pangeo_forge.runs.equipment import check, equipped
from pangeo_forge.runs.settings import RunSettings
from pangeo_forge.runs.sources import source_context
from pangeo_forge.runs.worklog import WorkLog
from pangeo_forge.targets.objects import write_error

SHOWN_FAILURES = 20
ALIKE = 3
"""Places shown of inputs that fail alike."""
CHECKED_URLS = 1000
"""URLs of an untrusted recipe that are checked before any is fetched; each is checked again then."""


@dataclass(frozen=True)
class Session:
    """One recipe being worked on; made by :func:`opened_session`."""

    recipe: Recipe
    settings: RunSettings
    pattern: FilePattern
    archive: Archive
    channel: progress.Channel
    scratch: str
    """A folder of this machine."""
    engine: Engine
    temp: Scratch
    """A folder that all workers reach."""
    warnings: list[str] = field(default_factory=list)
    seen: list[LedgerEntry] = field(default_factory=list)
    """The state of each input when it was scanned."""
    worklog: WorkLog = field(default_factory=WorkLog)
    """What the work has taken so far."""

    @property
    def progress(self) -> progress.Reporter:
        """Tells those who watch."""
        return progress.at(self.channel)

    def settle(self, stage: str, done: int, nbytes: int) -> None:
        """A stage is over, and known exactly."""
        monitor = progress.monitor_of(self.channel)
        if monitor is not None:
            monitor.settle(stage, done, nbytes)

    def note_written(self, report: TaskReport) -> None:
        """Tasks are done: exact figures, for the bar and the record."""
        self.worklog.tasks += report.tasks
        self.worklog.add(report.effort)
        self.settle("write", report.tasks, report.written.bytes_raw)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """The driver does something itself: it is timed, and named when it takes too long."""
        with self.worklog.timed(name), self.progress.doing(name, self.recipe.id):
            yield

    def prepare(self) -> Prepared:
        """Fetch and scan all inputs.

        Raises
        ------
        InputError: I001, all inputs that failed, at once (and ``on_missing`` does not excuse).
        """
        self._check_hooks()
        combine = CombineSettings.from_recipe(self.recipe)
        if self.settings.prune:
            # What pruning leaves out is no gap of the archive.
            combine = replace(combine, gaps="allow")
        preparer = InputPreparer(self.archive, combine, digests=bool(self.recipe.target.append))
        self.progress.start("inputs", len(self.pattern))
        force = self.engine.workforce
        if force.here:
            ahead.start(
                self.archive, combine, ranges(len(self.pattern), INPUTS_PER_ELEMENT, shares=force.tasks), force.tasks
            )
            if self.settings.lean:
                import_lean()
        from pangeo_forge.pipeline.stages import prepare

        try:
            with self.worklog.timed("inputs"):
                prepared = prepare(preparer, self.engine, self.temp)
        finally:
            ahead.end(self.archive)
        self.worklog.add(prepared.effort)
        self.archive.tell_fetched()
        self.settle("inputs", len(prepared.ledger) + len(prepared.failed), prepared.nbytes)
        self.seen.extend(prepared.ledger)
        self.warnings.extend(excuse(prepared.failed, self.recipe.inputs.on_missing, len(self.pattern)))
        if self.recipe.inputs.on_missing == "fill":
            return replace(prepared, combination=replace(prepared.combination, absent=self._absent(prepared)))
        return prepared

    def _check_hooks(self) -> None:
        """Find out before anything is fetched that the recipe's own code may not run, or lacks something.

        Raises
        ------
        RecipeError: R208, R209.
        BakeryError: B110.
        """
        if not any(t.name == "python" for t in self.recipe.transforms):
            return
        from pangeo_forge.dataset.transforms.context import Context
        from pangeo_forge.dataset.transforms.hook import check_sources
        from pangeo_forge.pipeline.environment import check_requirements
        from pangeo_forge.recipe.hooks import requirements_of

        sources = self.recipe.hooks
        context = Context(folder=self.recipe.folder, sources=sources, allow_python=self.archive.allow_python)
        check_sources(self.recipe.transforms, context)
        check_requirements(requirements_of(self.recipe.transforms))

    def _absent(self, prepared: Prepared) -> Absent:
        """Inputs whose places are filled: those that are not there, and those that the recipe declares missing."""
        labels = {f.index: f.label for f in prepared.failed}
        if self.pattern.absent:
            labels.update({item.index: item.label for item in self.pattern if item.missing})
        keys = {} if self.recipe.inputs.url is None else {k.dim: k.values for k in self.pattern.concat_keys}
        return Absent(labels, lambda dim, position: keys[dim][position].value if dim in keys else None)

    @property
    def resources(self) -> Resources:
        """What the work may use."""
        workforce = self.engine.workforce
        return Resources(
            max_memory=self.settings.memory,
            concurrency=workforce.per_process,
            threads=workforce.per_process,
            workers=workforce.processes,
        )

    def plan(self, template: Template, *, tasks: bool = True) -> Plan:
        """Plan the writing of ``template``, within the memory allowed; without ``tasks``, only what it will be."""
        about = {"id": self.recipe.id, "title": self.recipe.title, "fingerprint": self.recipe.fingerprint()}
        if self.settings.prune:
            about["pruned"] = str(self.settings.prune)
        with self.step("plan"):
            try:
                return make_plan(template, self.recipe.target, resources=self.resources, recipe=about, tasks=tasks)
            except MisfitError as error:
                error.locate(self.recipe.locate)
                raise


@contextmanager
def opened_session(
    recipe: Recipe,
    settings: RunSettings,
    front_end: progress.Progress | None = None,
    *,
    now: dt.date | None = None,
    starts: bool = True,
) -> Iterator[Session]:
    """A session with a scratch folder that is removed at its end.

    Parameters
    ----------
    starts: the bakery is going to work; what it lacks is found now.

    Raises
    ------
    BakeryError: what the bakery lacks; nothing was started then.
    """
    # A notebook may have changed them since the recipe was loaded.
    recipe.read_hooks()
    equipment = equipped(settings)
    if starts:
        check(equipment, recipe)
    settings, engine = equipment.settings, equipment.engine
    pattern = FilePattern.from_inputs(
        recipe.inputs,
        folder=recipe.folder,
        parameters=recipe.parameter_values,
        now=now,
        context=source_context(recipe, guard=settings.guard),
    )
    if settings.prune:
        pattern = pattern.prune(settings.prune)
    if not len(pattern):
        raise PlanError("the pattern has no inputs", code="P001", where=recipe.locate("inputs"), hint="check its keys")
    if settings.guard is not None:
        _refuse_forbidden(pattern, settings.guard)
    with _scratch_folder() as scratch:
        temp = _temp(settings, scratch)
        with _watched(front_end, settings, engine, temp) as channel:
            archive = Archive(
                recipe,
                pattern,
                _cache(recipe, settings),
                settings.guard,
                # Workers elsewhere unpack into a temporary folder of their own.
                scratch if engine.workforce.shares_files else None,
                settings.allow_python,
                channel=channel,
                machines=engine.workforce.machines,
                secrets=equipment.secrets,
                revalidate=settings.revalidate,
            )
            try:
                yield Session(recipe, settings, pattern, archive, channel, scratch, engine, temp)
            finally:
                archive.close()
                engine.close()
                if settings.temp is not None:
                    with suppress(PangeoForgeError, OSError):
                        temp.clear()


def _scratch_folder() -> AbstractContextManager[str]:
    """A new temporary folder of this machine.

    Raises
    ------
    TargetError: T010 to T012 it cannot be made: all the places that Python knows are full, or may not be written.
    """
    try:
        return tempfile.TemporaryDirectory(prefix="pangeo-forge-")
    except OSError as error:
        where = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - named, not used
        raise unusable(write_error(error, where, 0), where) from error


def _watched(
    front_end: progress.Progress | None, settings: RunSettings, engine: Engine, temp: Scratch
) -> AbstractContextManager[progress.Channel]:
    """What watches over the run, wherever its workers are."""
    return progress.channel(
        front_end or progress.Silent(),
        f"{temp.url}/progress" if engine.workforce.travels else None,
        options=temp.storage_options,
        workers=engine.workforce.processes,
        patience=settings.patience,
    )


def _refuse_forbidden(pattern: FilePattern, guard: Guard) -> None:
    """Refuse early what fetching would refuse: too many inputs, and forbidden URLs among a sample of them."""
    guard.check_count(len(pattern))
    for position in range(0, len(pattern), max(1, len(pattern) // CHECKED_URLS)):
        guard.check_url(pattern[position].url)


def _cache(recipe: Recipe, settings: RunSettings) -> Cache | None:
    if not recipe.fetch.cache:
        return None
    root = settings.cache_root
    return Cache(root if "://" in root else str(Path(root).expanduser().absolute()), settings.cache_options)


def _temp(settings: RunSettings, scratch: str) -> Scratch:
    """A folder of this run's own below the bakery's scratch space; without one, on this machine."""
    if settings.temp is None:
        return Scratch(scratch)
    return Scratch(f"{settings.temp.rstrip('/')}/pangeo-forge-{uuid4().hex}", settings.temp_options)


def excuse(failed: Sequence[FailedInput], on_missing: str, total: int) -> list[str]:
    """Warnings for absent inputs that ``on_missing`` excuses; an error that names all others at once.

    A broken input is not a missing one: turning it into a gap would make a silently wrong dataset.

    Raises
    ------
    InputError: the input's own error when there is one only; I001, a table, for several.
    """
    bad = [f for f in failed if on_missing == "fail" or not f.absent]
    if len(bad) == 1:
        raise bad[0].error
    if bad:
        ordered = sorted(bad, key=lambda f: f.index)
        rows = told_together([f.error for f in ordered])
        raise InputError(
            f"{len(bad)} of {total} inputs failed:\n" + "\n".join(rows) + "\n",
            code="I001",
            hint="what was fetched is kept: a second run does the rest only",
        )
    return [
        f"{f.label} is absent: {'left out' if on_missing == 'skip' else 'filled'}"
        for f in sorted(failed, key=lambda f: f.index)
    ]


def told_together(errors: Sequence[PangeoForgeError]) -> list[str]:
    """One line an error; equal ones of several inputs are one line, with their number and the first of their places."""
    same: dict[tuple[str, str, str | None], list[PangeoForgeError]] = {}
    for error in errors:
        same.setdefault((error.code, error.message, error.hint), []).append(error)
    rows: list[str] = []
    for group in list(same.values())[:SHOWN_FAILURES]:
        if len(group) <= ALIKE:
            rows += [f"  {error}" for error in group]
            continue
        first = group[0]
        what = type(first)(first.message, code=first.code, hint=first.hint)
        places = [str(error.where) for error in group[:ALIKE]]
        rows.append(f"  {len(group)} inputs: {what}")
        rows += [f"    {place}" for place in places] + [f"    ... and {len(group) - ALIKE} more"]
    left = sum(len(group) for group in list(same.values())[SHOWN_FAILURES:])
    return [*rows, f"  ... and {left} more"] if left else rows


def pruned(settings: RunSettings, n: int) -> RunSettings:
    """The same settings for a pruned run."""
    return replace(settings, prune=settings.prune or n)
