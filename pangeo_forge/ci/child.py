"""The process of one scheduled run: ``python -m pangeo_forge.ci.child``, its job as one line of JSON on standard input.

The line is not on the command line, where others would see it. Standard input stays open while the supervisor lives: its end
stops the run, so that no run outlives the one who would stop it in time.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pangeo_forge.errors import InternalError, PangeoForgeError, TargetError

if TYPE_CHECKING:
    from pangeo_forge.ci.job import Job

RECIPE_CHANGED = "T051"
OUTCOMES = {"T040": "busy", "A032": "taken"}
"""Errors that say that somebody else does the work."""


def main() -> None:
    """Do the job that stands on standard input, and leave the answer in the file that it names."""
    # Being stopped while modules are imported ends the process without a word, not with a traceback of theirs.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from pangeo_forge.ci.job import Job

    signal.signal(signal.SIGINT, signal.default_int_handler)
    said = json.loads(sys.stdin.readline())
    threading.Thread(target=_stop_with_supervisor, daemon=True).start()
    answer = _answer(Job.from_json(said["job"]), said["deadline"])
    temporary = Path(f"{said['answer']}.new")
    temporary.write_text(json.dumps(_masked(answer), default=str), encoding="utf-8")
    temporary.replace(said["answer"])
    sys.exit(0 if answer["outcome"] == "done" else 1)


def _answer(job: Job, deadline: float) -> dict[str, Any]:
    try:
        return {"outcome": "done", "result": run(job, deadline)}
    except KeyboardInterrupt:
        return {"outcome": "stopped"}
    except PangeoForgeError as error:
        return {"outcome": OUTCOMES.get(error.code, "failed"), "error": error.to_json(), "text": str(error)}
    except Exception as error:
        if os.environ.get("PANGEO_FORGE_DEBUG"):
            raise
        ours = InternalError(f"{type(error).__name__}: {error}", code="X000", hint="this is our fault: report it")
        return {"outcome": "failed", "error": ours.to_json(), "text": str(ours)}


def run(job: Job, deadline: float) -> dict[str, Any]:
    """Run a dataset once; what ``run --json`` prints of it.

    Raises
    ------
    PangeoForgeError: as :func:`~pangeo_forge.runs.execution.run_recipe`; A032, the slot has been run meanwhile.
    """
    from pangeo_forge.recipe.load import dataset_recipe

    recipe = dataset_recipe(job.recipe, job.id, params=job.parameters, now=job.date)
    # Engines and array libraries take seconds to import: a recipe that is wrong is told before.
    from pangeo_forge.runs.execution import run_recipe
    from pangeo_forge.runs.progress_lines import Lines

    lines = Lines()
    lines.note(f"{recipe.id}: {recipe.title}")
    settings = job.run_settings()
    occasion = job.occasion(deadline)
    try:
        result = run_recipe(recipe, settings, lines, occasion=occasion)
    except TargetError as error:
        if error.code != RECIPE_CHANGED or not job.rebuild_when_changed:
            raise
        lines.note(f"the recipe has changed, so all is built anew: {error.message}")
        # The record of the append that was refused is this run's own: it is not asked again whose the slot is.
        mine = replace(occasion, confirm=None)
        result = run_recipe(recipe, replace(settings, rebuild=True), lines, occasion=mine)
    return result.to_json()


def _stop_with_supervisor() -> None:
    # Not through sys.stdin: a thread that waits inside of its lock breaks the interpreter's end.
    while os.read(0, 4096):
        continue
    os.kill(os.getpid(), signal.SIGINT)


def _masked(value: Mapping[str, Any]) -> Any:
    credentials = sys.modules.get("pangeo_forge.inputs.fetch.credentials")
    return value if credentials is None else credentials.REDACTOR.masked(value)


if __name__ == "__main__":
    main()
