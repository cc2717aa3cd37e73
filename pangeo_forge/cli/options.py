"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def recipe_argument(function: F) -> F:
    """``RECIPE``: a file, a folder, or an id under recipes/."""
    return click.argument("recipe", metavar="RECIPE")(function)


def recipe_options(function: F) -> F:
    """``--param`` and ``--set``: change a recipe from outside."""
    for option in (
        click.option(
            "--set",
            "set_",
            multiple=True,
            metavar="PATH=VALUE",
            help="Override a value, e.g. inputs.concat.time.end=1981-10-01.",
        ),
        click.option(
            "--param", "params", multiple=True, metavar="NAME=VALUE", help="Give a parameter of the recipe a value."
        ),
    ):
        function = option(function)
    return function


def json_option(function: F) -> F:
    """``--json``: for machines."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")(function)


def cache_storage_option(function: F) -> F:
    """``--cache-option``: how a cache on an object store is reached."""
    return click.option(
        "--cache-option",
        "cache_storage",
        multiple=True,
        metavar="NAME=VALUE",
        help="Option of the cache's file system, e.g. endpoint_url=https://..., secret=env:MY_SECRET.",
    )(function)


def run_options(function: F) -> F:
    """Options of commands that move data."""
    for option in (
        click.option(
            "--max-input-size",
            metavar="SIZE",
            default="20GB",
            show_default=True,
            help="With --untrusted: size of one input.",
        ),
        click.option(
            "--max-inputs",
            metavar="N",
            type=click.IntRange(min=1),
            default=100_000,
            show_default=True,
            help="With --untrusted: number of inputs.",
        ),
        click.option(
            "--allow-scheme",
            "allow_schemes",
            type=click.Choice(["http", "ftp", "s3", "gs"]),
            multiple=True,
            help="With --untrusted: kinds of URLs besides https.",
        ),
        click.option(
            "--allow-host",
            "allow_hosts",
            metavar="HOST",
            multiple=True,
            help="With --untrusted: only these hosts (*.example.org for all below) or buckets.",
        ),
        click.option(
            "--allow-address",
            "allow_addresses",
            metavar="IP:PORT",
            multiple=True,
            help="With --untrusted: an address that is not public, e.g. of a mirror of your own.",
        ),
        click.option(
            "--untrusted",
            is_flag=True,
            help="The recipe is a stranger's: https and public addresses only, no local files, no Python hook.",
        ),
        click.option(
            "--stall-limit",
            metavar="DURATION",
            default=None,
            help="End the run when nothing has moved for so long (or never); what is done is kept. [default: 2h]",
        ),
        click.option(
            "--stall-timeout",
            metavar="DURATION",
            default=None,
            help="When nothing has moved for so long, say what is under way. [default: 30min]",
        ),
        click.option("--allow-python", is_flag=True, help="Let the recipe's own Python hook run."),
        click.option("--workers", type=click.IntRange(min=1), default=None, help="Tasks at once; default: one a core."),
        click.option(
            "--mode",
            type=click.Choice(["threads", "processes", "single"]),
            default=None,
            help="How workers run on this machine. [default: threads]",
        ),
        click.option(
            "--bakery",
            metavar="NAME|FILE",
            default=None,
            help="Where it runs: a name in feedstocks/bakeries.yaml, or a file. [default: local]",
        ),
        click.option(
            "--max-memory",
            metavar="SIZE",
            default=None,
            help="Memory that the tasks of a worker may take, e.g. 2GB. [default: 2GB]",
        ),
        click.option(
            "--revalidate",
            is_flag=True,
            help="Ask servers whether inputs in the cache have changed; else copies are used without asking.",
        ),
        cache_storage_option,
        click.option(
            "--cache",
            metavar="URL",
            default=None,
            help="Where copies of remote inputs are kept. [default: the user's cache folder]",
        ),
    ):
        function = option(function)
    return function


def storage_option(function: F) -> F:
    """``--storage-option``: how the target's store is reached."""
    return click.option(
        "--storage-option",
        "storage",
        multiple=True,
        metavar="NAME=VALUE",
        help="Option of the target's file system, e.g. endpoint_url=https://..., anon=true, secret=env:MY_SECRET.",
    )(function)


def storage_options(values: tuple[str, ...], option: str = "--storage-option") -> dict[str, Any]:
    """``("anon=true", "client_kwargs.region_name=x", "secret=env:NAME")`` as fsspec takes them.

    A value is JSON where it reads as such, else text; ``env:NAME`` is that environment variable, so that no secret
    stands on a command line; dots in a name go into a nested mapping.
    """
    import json
    import os

    made: dict[str, Any] = {}
    for name, text in pairs(values, option).items():
        value: Any = text
        if text.startswith("env:"):
            value = os.environ.get(text[4:])
            if value is None:
                raise click.UsageError(f"{option} {name}: the environment has no variable {text[4:]}")
        else:
            try:
                value = json.loads(text)
            except ValueError:
                value = text
        *path, last = name.split(".")
        at = made
        for part in path:
            at = at.setdefault(part, {})
        at[last] = value
    return made


def pairs(values: tuple[str, ...], option: str) -> dict[str, str]:
    """``("a=1",)`` -> ``{"a": "1"}``."""
    made = {}
    for value in values:
        name, sign, text = value.partition("=")
        if not sign or not name:
            raise click.UsageError(f"{option} takes NAME=VALUE, not {value!r}")
        made[name] = text
    return made
