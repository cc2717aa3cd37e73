"""Append, crash, resume, duplicate, change, remove and rebuild in any order, against a model that knows what is right."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from pangeo_forge.errors import PangeoForgeError
from pangeo_forge.runs.place import Place
from pangeo_forge.runs.workspace import unfinished
from pangeo_forge.targets.objects import LocalObjects
from pangeo_forge.verify.checksums import check_checksums
from tests.publish.archive import Daily, expected, read

pytestmark = pytest.mark.slow

STEPS = int(os.environ.get("PANGEO_FORGE_STEPS", "1000"))


class Crash(BaseException):
    """The process is dead: nothing more is written."""


class Machine(RuleBasedStateMachine):
    """An archive of days and a dataset of it."""

    form = "arco"

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="publish-model-"))
        self.archive = Daily(self.folder, str(self.folder / "out" / self.form), memory="900B")
        self.place = Place.of(self.archive.target, "daily")
        self.there: dict[int, int] = {}
        self.stored: list[tuple[int, int]] | None = None
        self.maybe: list[tuple[int, int]] | None = None
        """What a run that crashed was about to store: readers may see it, or the state before."""
        self.crashed = False
        self._add(0, 3)

    def teardown(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- the archive ---------------------------------------------------------------------------------------------------

    def _add(self, first: int, count: int) -> None:
        for day in range(first, first + count):
            self.there[day] = self.there.get(day, 0)
            self.archive.write([day], self.there[day])

    @rule(gap=st.integers(0, 1), count=st.integers(1, 4))
    def new_days(self, gap: int, count: int) -> None:
        self._add(max(self.there, default=-1) + 1 + gap, count)

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def late_day(self, data: st.DataObject) -> None:
        absent = [d for d in range(max(self.there)) if d not in self.there]
        if absent:
            self._add(data.draw(st.sampled_from(absent)), 1)

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def change(self, data: st.DataObject) -> None:
        day = data.draw(st.sampled_from(sorted(self.there)))
        self.there[day] += 1
        self.archive.write([day], self.there[day])

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def duplicate(self, data: st.DataObject) -> None:
        """The same file put there again, with another date."""
        day = data.draw(st.sampled_from(sorted(self.there)))
        self.archive.write([day], self.there[day])

    @precondition(lambda self: len(self.there) > 1)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        day = data.draw(st.sampled_from(sorted(self.there)))
        del self.there[day]
        self.archive.path(day).unlink()

    # -- runs ----------------------------------------------------------------------------------------------------------

    @rule(policy=st.sampled_from(["fail", "rewrite", "ignore"]))
    def run(self, policy: str) -> None:
        self._settle()
        wanted = self._wanted(policy)
        try:
            self._run(policy)
        except PangeoForgeError as error:
            if wanted is not None:
                raise AssertionError(f"{error} although {wanted} was due") from error
            return
        assert wanted is not None
        self.stored, self.maybe, self.crashed = wanted, None, False
        assert unfinished(self.place) == []
        store = self.place.current()
        assert store is not None
        result = check_checksums(store)
        assert result.passed, result.detail

    @rule()
    def rebuild(self) -> None:
        self._run("fail", rebuild=True)
        self.stored, self.maybe, self.crashed = sorted(self.there.items()), None, False

    @rule(policy=st.sampled_from(["fail", "rewrite", "ignore"]), puts=st.integers(1, 40), rebuild=st.booleans())
    def crash(self, policy: str, puts: int, rebuild: bool) -> None:
        self._settle()
        wanted = sorted(self.there.items()) if rebuild else self._wanted(policy)
        real, count = LocalObjects.put, 0

        def put(objects: LocalObjects, key: str, data: Any) -> None:
            nonlocal count
            count += 1
            if count >= puts:
                raise Crash
            real(objects, key, data)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(LocalObjects, "put", put)
            try:
                self._run(policy, rebuild=rebuild)
            except Crash:
                self.maybe, self.crashed = wanted, True
            except PangeoForgeError as error:
                if wanted is not None:
                    raise AssertionError(f"{error} although {wanted} was due") from error
            else:
                self.stored, self.maybe, self.crashed = wanted, None, False

    def _run(self, policy: str, **given: Any) -> None:
        recipe = self.archive.recipe(target={"on_changed": policy})
        # Crashes are simulated in this very process, so the lease of the dead seems to be alive.
        self.archive.run(recipe, steal_lease=True, **given)

    def _wanted(self, policy: str) -> list[tuple[int, int]] | None:
        """What the store should hold after a run; None: the run should fail."""
        now = sorted(self.there.items())
        if self.stored is None:
            return now
        held = dict(self.stored)
        known = [d for d in held if d in self.there]
        last = max(known, default=-1)
        late = [d for d in self.there if d not in held and d <= last]
        if late or len(known) < len(held) or any(held[d] != self.there[d] for d in known):
            if policy == "rewrite":
                return now
            if policy == "fail" or late:
                return None
        new = [(d, e) for d, e in now if d > last]
        return [*self.stored, *new] if not new or new[0][0] > max(held) else None

    def _settle(self) -> None:
        """After a crash readers tell whether the run had come to its end."""
        if self.crashed and self._seen() == self._values(self.maybe):
            self.stored = self.maybe
        self.maybe, self.crashed = None, False

    # -- what readers see ----------------------------------------------------------------------------------------------

    @invariant()
    def readers_see_the_old_or_the_new(self) -> None:
        seen = self._seen()
        assert seen == self._values(self.stored) or (self.crashed and seen == self._values(self.maybe))

    def _seen(self) -> bytes | None:
        store = self.place.current()
        return None if store is None else np.asarray(read(store)["sst"]).tobytes()

    def _values(self, days: list[tuple[int, int]] | None) -> bytes | None:
        return None if days is None else expected([d for d, _ in days], dict(days)).tobytes()


class PathMachine(Machine):
    """The same for a store at a path of its own."""

    form = "x.zarr"


def _play(machine: type[Machine], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


@pytest.mark.parametrize("machine", [Machine, PathMachine])
def test_a_few_steps(machine: type[Machine]) -> None:
    _play(machine, examples=1, steps=10)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("machine", [Machine, PathMachine])
def test_many_steps(machine: type[Machine]) -> None:
    """``PANGEO_FORGE_STEPS`` steps (default 1,000)."""
    _play(machine, examples=max(1, STEPS // 50), steps=50)
