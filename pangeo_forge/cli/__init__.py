"""The command line: one module a command, imported only when that command is called (``--help`` must stay under 0.3 s)."""

from __future__ import annotations

import errno
import gc
import json
import os
import sys
from typing import Any

import click

from pangeo_forge.cli.lazy_group import LazyGroup
from pangeo_forge.errors import InternalError, PangeoForgeError, TargetError, UsageError
from pangeo_forge.version import __version__

COMMANDS = {
    "init": "Write a first recipe from sample URLs or files.",
    "lint": "Check recipes without touching any input.",
    "plan": "Show what a run would do.",
    "dry-run": "Run a pruned recipe into a temporary store and verify it.",
    "run": "Turn a recipe's inputs into a verified store.",
    "verify": "Check a store that was written.",
    "status": "Show what runs did, what readers see, and who works on it.",
    "versions": "List, prune or roll back the versions of a dataset.",
    "catalog": "Show or make the catalog entry of a dataset.",
    "cache": "List, verify or prune the cache of inputs.",
    "ci": "Check contributed recipes and run accepted ones on a schedule.",
    "bakery": "List and check the places where recipes can run.",
    "environment": "Show the versions that workers must share with this driver.",
    "schema": "Print the JSON Schema of recipes, feedstocks or bakeries.",
}
"""Name and one-line help of each command, in the order of a recipe's life. Module and function bear the name with ``_``."""

STALLED = "B120"
"""Code of the error after which work may still hang."""


@click.group(
    cls=LazyGroup,
    package=__name__,
    summaries=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="pangeo-forge")
@click.option("--debug", is_flag=True, help="Show tracebacks and the engine's own log.")
@click.pass_context
def app(ctx: click.Context, debug: bool) -> None:
    """From a YAML recipe to a verified, consolidated Zarr store.

    \b
    Example:
      pangeo-forge lint recipes/noaa-oisst
      pangeo-forge plan noaa-oisst --probe
      pangeo-forge run noaa-oisst --target ./oisst.zarr
    """
    ctx.ensure_object(dict)["debug"] = debug


def main(argv: list[str] | None = None) -> None:
    """Entry point of ``pangeo-forge``: runs the command, turns errors into messages and exit codes 0, 1, 2."""
    # The default thresholds walk through every object again and again while a million are imported: a quarter of the
    # start-up time (benchmarks/README.md).
    gc.set_threshold(50_000, 20, 50)
    # Nothing here does linear algebra; a library for it starts threads that spin, in this process and in every child.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    arguments = sys.argv[1:] if argv is None else argv
    # --debug, like --json, may stand anywhere on the line.
    debug = "--debug" in arguments or bool(os.environ.get("PANGEO_FORGE_DEBUG"))
    if debug:
        os.environ["PANGEO_FORGE_DEBUG"] = "1"
    arguments = [a for a in arguments if a != "--debug"]
    as_json = "--json" in arguments
    try:
        # The command is all that this process does, unless somebody has called it with arguments of his own.
        about = {"lean": argv is None}
        code = app.main(args=["--debug", *arguments] if debug else arguments, standalone_mode=False, obj=about)
    except click.exceptions.Abort:
        _fail("stopped", as_json, {"code": "U130"})
        # Threads of the engine that are torn away from their work print what they think of it.
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        code = 130
    except click.ClickException as error:
        if as_json:
            _fail(error.format_message(), True, {"code": "U001"})
        else:
            error.show()
        code = 2
    except PangeoForgeError as error:
        if debug:
            raise
        _fail(str(error), as_json, error.to_json())
        code = error.exit_code
        if error.code == STALLED:
            _leave_behind(code)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - the reader of our output went away; nothing is left to say
        code = 0
    except Exception as error:
        if debug:
            raise
        ours = _in_our_words(error)
        _fail(str(ours), as_json, ours.to_json())
        code = ours.exit_code
    sys.exit(code if isinstance(code, int) else 0)


def _in_our_words(error: Exception) -> PangeoForgeError:
    """An error that nobody foresaw; but that a disk is full is nobody's fault, whatever library ran into it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return TargetError(
                f"a disk is full: {cause.strerror}",
                code="T010",
                where=None if cause.filename is None else str(cause.filename),
                hint="make room there, or name another place: --target, --cache, TMPDIR; then run again, what is done is kept",
            )
        cause = cause.__cause__ or cause.__context__
    hint = "this is our fault: run again with --debug and report it"
    return InternalError(f"{type(error).__name__}: {error}", code="X000", hint=hint)


def _fail(text: str, as_json: bool, detail: dict[str, Any]) -> None:
    text, detail = _masked(text), _masked(detail)
    if as_json:
        click.echo(json.dumps({"ok": False, "error": {"message": text, **detail}}))
    else:
        click.echo(click.style("error: ", fg="red", bold=True) + text, err=True)


def _leave_behind(code: int) -> None:
    """End at once: a thread that hangs in a library would keep an orderly end waiting for ever, and a child, too."""
    from pangeo_forge.pipeline.offspring import end_offspring

    end_offspring()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _masked(value: Any) -> Any:
    """``value`` without the secrets that this process has learned; it can have learned none before it fetched."""
    credentials = sys.modules.get("pangeo_forge.inputs.fetch.credentials")
    return value if credentials is None else credentials.REDACTOR.masked(value)


__all__ = ["COMMANDS", "UsageError", "app", "main"]
