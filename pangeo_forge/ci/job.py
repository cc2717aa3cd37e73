"""All that the process of a scheduled run must know, as JSON: the recipe, the settings, and the slot that it serves."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pangeo_forge.ci.decision import Decision, Policy, decide, slot_time
from pangeo_forge.ci.feedstocks import Dataset
from pangeo_forge.ci.standing import standing_from
from pangeo_forge.errors import AutomationError
from pangeo_forge.inputs.fetch.storage_options import BoundSecrets, StorageOptions
from pangeo_forge.recipe.bakery import NamedBakery, builtin, find_bakery
from pangeo_forge.recipe.feedstock import Feedstock
from pangeo_forge.runs.occasion import Occasion
from pangeo_forge.runs.settings import RunSettings
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
    bakery: str | None = None
    """``FILE:NAME``; None: this machine, as it is."""
    target: Mapping[str, Any] | None = None
    """The feedstock's own; None: the bakery's."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of :class:`~pangeo_forge.runs.settings.RunSettings`. Like all of a job it holds no secret."""
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
            f"{os.path.abspath(dataset.bakery.where)}:{dataset.bakery.name}" if dataset.bakery.where else None,
            None if made.target is None else made.target.model_dump(),
            settings_of(dataset),
            str(made.timeout),
            made.recipe_changed == "rebuild",
        )

    def run_settings(self) -> RunSettings:
        """How it is run."""
        bakery = builtin() if self.bakery is None else find_bakery(self.bakery)
        more: dict[str, Any] = dict(self.settings)
        if self.target is not None:
            more |= {"target": self.target["url"], "target_options": storage_options(self.target, bakery)}
        return RunSettings(bakery=bakery, **more)

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
    """How a feedstock wants its dataset run, beside what its bakery says."""
    made = dataset.made
    given = {
        "rebuild": made.mode == "rebuild",
        "keep": made.keep,
        "recheck": made.recheck,
        "allow_python": made.allow_python,
    }
    return {name: value for name, value in given.items() if value not in (None, False)}


def storage_options(location: Mapping[str, Any], bakery: NamedBakery) -> StorageOptions:
    """fsspec options of a location; its secrets are looked up where they are used."""
    return StorageOptions(
        location["storage_options"],
        url=location["url"],
        secret=location["secret"],
        secrets=BoundSecrets(bakery.made.secrets),
    )
