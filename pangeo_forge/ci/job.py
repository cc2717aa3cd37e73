"""All that the process of a scheduled run must know, as JSON: the recipe, the settings, and the slot that it serves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pangeo_forge.ci.decision import Decision, Policy, decide, slot_time
from pangeo_forge.ci.feedstocks import Dataset
from pangeo_forge.ci.standing import standing_from
from pangeo_forge.errors import AutomationError
from pangeo_forge.recipe.feedstock import Feedstock
from pangeo_forge.runs.occasion import Occasion
from pangeo_forge.targets.objects import ObjectStore


@dataclass(frozen=True)
class Job:
    """One run of one dataset."""

    id: str
    feedstock: str
    recipe: str
    """The recipe's file."""
    policy: Mapping[str, Any]
    """What the feedstock says of its schedule, by which the run asks again whether it is to be made."""
    once: str | None
    slot: str | None
    """None: nobody's slot, but the user's wish."""
    attempt: int
    now: str
    """The time at which the decision was made."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Of :class:`~pangeo_forge.runs.settings.RunSettings`."""
    timeout: str = ""
    rebuild_when_changed: bool = False

    @classmethod
    def of(cls, dataset: Dataset, decision: Decision, policy: Policy, now: dt.datetime, *, forced: bool = False) -> Job:
        """The job that a decision leads to."""
        made = dataset.made
        kept = {"schedule", "catch_up", "grace", "retries", "retry_delay"}
        return cls(
            dataset.id,
            dataset.feedstock,
            str(dataset.recipe.absolute()),
            made.model_dump(include=kept),
            policy.once,
            None if forced else decision.slot,
            decision.attempt,
            now.isoformat(),
            dataset.parameters,
            settings_of(dataset),
            str(made.timeout),
            made.recipe_changed == "rebuild",
        )

    @property
    def date(self) -> dt.date:
        """The date that the recipe takes for today: that of the slot where slots are made up for one by one."""
        slot = slot_time(self.slot) if self.slot and self.policy["catch_up"] == "all" else None
        return (slot or dt.datetime.fromisoformat(self.now)).date()

    def occasion(self, deadline: float | None = None) -> Occasion:
        """What the run's record says of it; a run that serves no slot is recorded like any that a user starts."""
        served = self.slot is not None
        return Occasion(
            self.feedstock if served else "",
            self.slot or "",
            self.attempt,
            self.date,
            self._confirm if served else None,
            deadline,
            self.timeout,
        )

    def _confirm(self, objects: ObjectStore) -> None:
        """Ask again, with the lease in hand: another scheduler may have come to the same decision and been faster."""
        now = dt.datetime.fromisoformat(self.now)
        policy = Policy.of(Feedstock.model_validate({"recipe": self.recipe, **self.policy}))
        if self.once is not None:
            policy = Policy(None, self.once, retries=policy.retries, retry_delay=policy.retry_delay)
        again = decide(policy, standing_from(objects, now, once=self.once), now)
        if not again.due or (again.slot, again.attempt) != (self.slot, self.attempt):
            raise AutomationError(
                f"slot {self.slot}, try {self.attempt}, was run by somebody else meanwhile",
                code="A032",
                where=objects.url,
                hint="nothing is left to do",
            )

    def to_json(self) -> dict[str, Any]:
        """For the process that does it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Job:
        """As it was sent."""
        return cls(**data)


def settings_of(dataset: Dataset) -> dict[str, Any]:
    """How a dataset's feedstock and bakery want it run."""
    made, bakery = dataset.made, dataset.bakery
    if bakery.runner != "local":
        raise AutomationError(
            f"bakery: {made.bakery!r} runs on {bakery.runner}, which scheduled runs cannot use yet",
            code="A033",
            where=dataset.source.locate(("bakery",)),
            hint="name a bakery whose runner is local",
        )
    given = {
        "target": dataset.target,
        "target_options": dataset.target_options,
        "cache": None if bakery.cache is None else bakery.cache.url,
        "max_memory": bakery.max_memory,
        "workers": bakery.workers,
        "rebuild": made.mode == "rebuild",
        "keep": made.keep,
        "recheck": made.recheck,
        "allow_python": made.allow_python,
    }
    return {name: value for name, value in given.items() if value not in (None, {}, False)}
