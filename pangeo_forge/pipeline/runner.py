"""How a pipeline is run, whatever the engine, and how results come back from its workers."""

from __future__ import annotations

import logging
import pickle
import re
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import uuid4

from pangeo_forge.errors import BakeryError, TargetError
from pangeo_forge.inputs.fetch.credentials import REDACTOR
from pangeo_forge.pipeline.scratch import Scratch

# Beam warns at import of cloud libraries that it can do without; the only import of Beam is here, so that it is quiet once.
logging.disable(logging.WARNING)
import apache_beam as beam  # noqa: E402
from apache_beam.options.pipeline_options import PipelineOptions  # noqa: E402

logging.disable(logging.NOTSET)

__all__ = ["Mailbox", "beam", "run_pipeline"]

T = TypeVar("T")
TRIAL = 65_536
"""Bytes by which it is found out whether the place of temporary files is full."""


class _Options(PipelineOptions):  # type: ignore[misc]  # Beam is untyped
    """Beam's options, with views that are made once.

    Beam asks for a view at each transform and makes each by declaring all options of its class to argparse: an eighth of the
    CPU time of a small recipe. Views share their values, so one of each kind is as good as many.
    """

    def view_as(self, cls: type[T]) -> T:
        views = self.__dict__.setdefault("_views", {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        view: T = views[cls]
        return view

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_views"}


@dataclass(frozen=True)
class Mailbox(Generic[T]):
    """An object by which the last step of a pipeline hands its one result to the driver.

    Works on every engine, where ``PipelineResult`` does not, and on every file system or object store that both reach.
    """

    scratch: Scratch
    name: str

    @classmethod
    def within(cls, scratch: Scratch, name: str) -> Mailbox[T]:
        """A fresh mailbox in a scratch folder."""
        return cls(scratch, f"{name}-{uuid4().hex}.pickle")

    def put(self, value: T) -> None:
        """Store the result, whole or not at all.

        When that fails, so says a small object in its place, or nothing: raised here, in a worker, the error would lose its type and
        its hint in most engines. The driver raises it.
        """
        try:
            self.scratch.put(self.name, pickle.dumps(value))
        except TargetError as error:
            with suppress(TargetError):
                self.scratch.put(f"{self.name}.error", pickle.dumps(error))

    def take(self) -> T:
        """The result; the object is removed.

        Raises
        ------
        BakeryError: B022, the pipeline ended well, but there is no result.
        TargetError: why a worker could not store it.
        """
        objects = self.scratch.objects
        data = objects.get(self.name)
        if data is None:
            said = objects.get(f"{self.name}.error")
            if said is not None:
                raise pickle.loads(said)  # noqa: S301 - written by this run's own last step
            # Not even that found room: neither does this, then.
            self.scratch.put(self.name, bytes(TRIAL))
            objects.delete(self.name)
            raise BakeryError(
                "the engine says that all is done, but its workers handed no result over",
                code="B022",
                where=objects.url,
                hint="do driver and workers see the same `temp`? see docs/bakeries.md",
            )
        value: T = pickle.loads(data)  # noqa: S301 - written by this run's own last step
        objects.delete(self.name)
        return value


def run_pipeline(build: Callable[[Any], None], runner: Any, flags: list[str], *, where: str = "") -> Any:
    """Build a pipeline and run it to its end; Ctrl-C cancels it on the engine, too.

    Parameters
    ----------
    where: the bakery, for messages. Without it errors of the runner pass through as they are.

    Raises
    ------
    BakeryError: B020 the engine failed, or a worker in a way that nobody foresaw; B021 somebody cancelled the job.
    """
    _quiet_beam()
    pipeline = beam.Pipeline(runner=runner, options=_Options(flags, save_main_session=False))
    build(pipeline)
    result = None
    try:
        result = pipeline.run()
        state = result.wait_until_finish()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) or _was_stopped(error):
            if result is not None and not isinstance(error, Exception):
                _quiet_threads()
                with suppress(Exception):
                    result.cancel()
            raise KeyboardInterrupt from error
        if not where or not isinstance(error, Exception):
            raise
        raise failure_of(error, where) from error
    if str(state).upper() in ("CANCELLED", "FAILED", "UPDATED"):
        raise BakeryError(
            f"the job ended as {state}", code="B021", where=where, hint="see the engine's own page of jobs"
        )
    return result


_LAST_LINE = re.compile(r"^(?:[A-Za-z_][\w.]*\.)?([A-Z]\w*(?:Error|Exception|Interrupt|Exit))(?:: (.*))?$", re.M)


def failure_of(error: BaseException, where: str) -> BakeryError:
    """What an engine says when it has given up, in one line: the error of a worker, where its text holds one."""
    text = str(error)
    found = [m for m in _LAST_LINE.finditer(text) if m[1] != "RuntimeError"] or list(_LAST_LINE.finditer(text))
    if found:
        what = f"a worker failed: {found[-1][1]}" + (f": {found[-1][2]}" if found[-1][2] else "")
    else:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        what = f"the engine failed: {(lines or [type(error).__name__])[-1]}"
    return BakeryError(
        REDACTOR(what[:500]),
        code="B020",
        where=where,
        hint="what is done is kept: run again; `--debug` shows all that the engine said",
    )


def _quiet_threads() -> None:
    """Threads of Beam that are torn away from their work by a cancelled job print what they think of it; others may."""
    former = threading.excepthook

    def hook(args: threading.ExceptHookArgs) -> None:
        if not any("apache_beam" in frame.filename for frame in traceback.extract_tb(args.exc_traceback)):
            former(args)

    threading.excepthook = hook


def _was_stopped(error: BaseException) -> bool:
    """Whether Ctrl-C is behind an error: Beam wraps what a step raises, and keeps its name in the text."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, KeyboardInterrupt) or str(cause).startswith("KeyboardInterrupt"):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _quiet_beam() -> None:
    # Beam logs hundreds of lines of its own set-up; what a user must know comes from our own log and errors. Its workers
    # also print tracebacks, past the log; the same text is in the error that the runner raises.
    from apache_beam.runners.worker import sdk_worker

    sdk_worker.print = lambda *_, **__: None
    for name in ("apache_beam", "root"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
