"""What is due now: every dataset's decision, from the records at its target."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pangeo_forge.ci.decision import Decision, Policy, decide, slot_name
from pangeo_forge.ci.feedstocks import Broken, Dataset, Feedstocks
from pangeo_forge.ci.job import storage_options
from pangeo_forge.ci.standing import read_standing
from pangeo_forge.errors import AutomationError, PangeoForgeError, RecipeErrors
from pangeo_forge.recipe.load import dataset_recipe
from pangeo_forge.recipe.scalars import duration_in_seconds
from pangeo_forge.recipe.schedule import ONCE
from pangeo_forge.runs.place import Place

MOST_JOBS = 256
"""Jobs that one matrix of GitHub Actions may have."""
READERS = 16
"""Targets that are asked at once."""


@dataclass(frozen=True)
class Entry:
    """A dataset and what is to be done with it."""

    dataset: Dataset
    decision: Decision

    def to_json(self) -> dict[str, Any]:
        """What ``ci due --json`` prints."""
        dataset = self.dataset
        return {"id": dataset.name, "dataset": dataset.id, "feedstock": dataset.feedstock, **self.decision.to_json()}


@dataclass
class Agenda:
    """All datasets of a project at one moment."""

    now: datetime
    due: list[Entry] = field(default_factory=list)
    """The oldest slots first, so that none waits for ever behind others."""
    waiting: list[Entry] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """What ``ci due --json`` prints; ``include`` is a matrix for GitHub Actions.

        Broken feedstocks are in the matrix as well: their job fails and says why, where the others' failures are seen.
        """
        jobs = [
            {
                "id": e.dataset.name,
                "dataset": e.dataset.id,
                "feedstock": e.dataset.feedstock,
                "slot": e.decision.slot,
                "attempt": e.decision.attempt,
                "timeout_minutes": max(1, round(duration_in_seconds(e.dataset.made.timeout) / 60)),
            }
            for e in self.due
        ]
        jobs += [{"id": b.feedstock, "dataset": None, "feedstock": b.feedstock, "slot": None, "attempt": 1, "timeout_minutes": 10}
                 for b in self.broken]  # fmt: skip
        return {
            "at": slot_name(self.now),
            "due": [e.to_json() for e in self.due],
            "waiting": [e.to_json() for e in self.waiting],
            "broken": [b.to_json() for b in self.broken],
            "include": jobs[:MOST_JOBS],
            "left_out": max(0, len(jobs) - MOST_JOBS),
        }


def place_of(dataset: Dataset) -> Place:
    """Where a dataset's records are."""
    location = dataset.location
    options = {} if location is None else storage_options(location.model_dump(), dataset.bakery)
    return Place.of(dataset.target, dataset.id, options)


def policy_of(dataset: Dataset, now: datetime) -> Policy:
    """What the dataset's feedstock declares; reads the recipe only where it must be known.

    Raises
    ------
    RecipeErrors: the recipe of a dataset that is built ``@once`` is wrong.
    """
    if dataset.made.schedule != ONCE:
        return Policy.of(dataset.made)
    recipe = dataset_recipe(dataset.recipe, dataset.id, params=dataset.parameters, now=now.date())
    return Policy.of(dataset.made, recipe.fingerprint())


def decide_now(dataset: Dataset, now: datetime) -> Decision:
    """The decision on one dataset, as its records stand.

    Raises
    ------
    PangeoForgeError: the target cannot be read, or the recipe of one that is built ``@once``.
    """
    if dataset.made.schedule is None:
        return decide(Policy(None), read_standing(place_of(dataset).objects, now), now)
    policy = policy_of(dataset, now)
    return decide(policy, read_standing(place_of(dataset).objects, now, once=policy.once), now)


def agenda(found: Feedstocks, now: datetime, deciding: Callable[[Dataset, datetime], Decision] = decide_now) -> Agenda:
    """Decide on every dataset; a target that cannot be read breaks that feedstock only."""
    made = Agenda(now, broken=list(found.broken))

    def ask(dataset: Dataset) -> Entry | Broken:
        try:
            return Entry(dataset, deciding(dataset, now))
        except RecipeErrors as error:
            return Broken(dataset.feedstock, tuple(error.errors))
        except PangeoForgeError as error:
            return Broken(dataset.feedstock, (error,))
        except OSError as error:
            place = place_of(dataset).objects.url
            said = AutomationError(f"the records cannot be read: {error.strerror or type(error).__name__}", code="A022",
                                   where=place, hint="see that the target is right and can be reached")  # fmt: skip
            return Broken(dataset.feedstock, (said,))

    with ThreadPoolExecutor(READERS) as pool:
        answers = list(pool.map(ask, found.datasets))
    for answer in answers:
        if isinstance(answer, Broken):
            known = next((b for b in made.broken if b.feedstock == answer.feedstock), None)
            if known is None:
                made.broken.append(answer)
            elif known.message != answer.message:
                made.broken[made.broken.index(known)] = replace(known, errors=(*known.errors, *answer.errors))
        else:
            (made.due if answer.decision.due else made.waiting).append(answer)
    made.due.sort(key=lambda e: (e.decision.slot or "", e.dataset.name))
    made.waiting.sort(key=lambda e: e.dataset.name)
    return made
