"""What the whole run will take, from what the pruned run took: guesses, with what they rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pangeo_forge.ci.escaping import clean
from pangeo_forge.ci.review.report import Estimate, Figures, Trial

if TYPE_CHECKING:
    from pangeo_forge.recipe.model import Recipe
    from pangeo_forge.runs.planning import PlanReport


def estimate(plan: PlanReport, figures: Figures, trial: Trial | None, recipe: Recipe) -> Estimate:
    """Bytes from the source, bytes stored, and seconds, for all inputs.

    Every rate is that of the pruned run, and the start-up of its stages is counted as if each input had it: a small run
    makes the guess too high, never too low, as long as the source keeps its pace.
    """
    egress, basis = _egress(plan, trial)
    stored = seconds = None
    present = round(plan.inputs * (1 - figures.absent_count / plan.probed)) if plan.probed else plan.inputs
    if trial is not None and trial.inputs:
        if trial.bytes_written and figures.bytes:
            stored = round(figures.bytes * trial.bytes_stored / trial.bytes_written)
            seconds = trial.input_seconds * present / trial.inputs
            seconds += trial.write_seconds * figures.bytes / trial.bytes_written
        if stored is None or present <= trial.inputs:
            seconds = trial.seconds
    return Estimate(
        egress_bytes=egress,
        egress_basis=basis,
        hosts=_hosts(plan),
        stored_bytes=stored,
        seconds=None if seconds is None else round(seconds, 1),
        polite_seconds=_polite(recipe, present),
    )


def _egress(plan: PlanReport, trial: Trial | None) -> tuple[int | None, str]:
    if plan.input_bytes is not None:
        if plan.sized >= plan.inputs:
            return plan.input_bytes, "the sizes that the server tells of all inputs"
        return plan.input_bytes, f"the sizes that the server tells of {plan.sized:,} of {plan.inputs:,} inputs"
    if trial is not None and trial.inputs:
        return round(trial.input_bytes / trial.inputs * plan.inputs), f"the {trial.inputs:,} inputs of the pruned run"
    return None, "not known: no input was read"


def _hosts(plan: PlanReport) -> tuple[str, ...]:
    from pangeo_forge.inputs.fetch.address import host_of

    labels = (label.rsplit(" ", 1)[-1] for label in (*plan.first, *plan.last))
    return tuple(dict.fromkeys(clean(host_of(label), 200) for label in labels if "://" in label))[:8]


def _polite(recipe: Recipe, inputs: int) -> float | None:
    from pangeo_forge.inputs.fetch.options import per_second

    return None if recipe.fetch.rate is None else round(inputs / per_second(recipe.fetch.rate), 1)
