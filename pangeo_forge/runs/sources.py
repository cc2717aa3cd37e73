"""How listings, tables and catalogs of a recipe are read: politely and signed in as its ``fetch`` section says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pangeo_forge.inputs.fetch.address import host_of, scheme_of
from pangeo_forge.inputs.fetch.credentials import Provider, Secrets
from pangeo_forge.inputs.fetch.guard import Guard
from pangeo_forge.inputs.fetch.guarded_client import guarded_client
from pangeo_forge.inputs.fetch.options import FetchOptions
from pangeo_forge.inputs.fetch.signing import Signer
from pangeo_forge.pattern.locations import resolve
from pangeo_forge.pattern.sources import SourceContext
from pangeo_forge.recipe.inputs import Inputs
from pangeo_forge.recipe.model import Recipe
from pangeo_forge.runs.own_files import own_file


def source_context(recipe: Recipe, *, guard: Guard | None = None, secrets: Provider | None = None) -> SourceContext:
    """What :meth:`FilePattern.from_inputs` needs to read the recipe's sources.

    Parameters
    ----------
    guard: rules for an untrusted recipe: each URL passes it, redirects included, and the number of inputs is bounded.
    secrets: the bakery's secrets; else those of the environment.
    """
    options = FetchOptions.from_recipe(recipe.fetch)
    if guard is not None:
        _refuse_unchecked(recipe, options, guard)
    return SourceContext(
        client=None
        if guard is None or recipe.inputs.kind in ("url", "files")
        else guarded_client(guard, options.timeout),
        check_url=None if guard is None else _checking(recipe, guard),
        storage_options=options.storage_options if guard is None else _anonymous(str(recipe.inputs.glob or "")),
        attempts=options.retries + 1,
        sign=_sign(recipe.inputs, options, guard, secrets),
        headers=options.headers,
        timeout=options.timeout,
        limit=SourceContext.limit if guard is None or guard.max_count is None else guard.max_count,
    )


def _refuse_unchecked(recipe: Recipe, options: FetchOptions, guard: Guard) -> None:
    """Refuse sources whose requests fsspec makes, past the guard: all but object stores with their usual endpoints."""
    where, inputs = recipe.locate("inputs"), recipe.inputs
    if options.storage_options:
        raise guard.refusal(where, "storage_options are not allowed in an untrusted recipe")
    if inputs.glob is not None and scheme_of(inputs.glob) not in ("s3", "gs"):
        raise guard.refusal(where, "a glob of an untrusted recipe is on s3:// or gs://")
    if inputs.csv is not None and scheme_of(inputs.csv.path) not in ("http", "https"):
        why = own_file(recipe.folder, inputs.csv.path)
        if why is not None:
            said = "a table of an untrusted recipe is read over https, or is a file in the recipe's own folder"
            raise guard.refusal(where, f"{said}: {inputs.csv.path[:200]!r} {why}")


def _checking(recipe: Recipe, guard: Guard) -> Callable[[str], None]:
    """The guard's check, which lets the table through that lies in the recipe's own folder and was looked at."""
    table = recipe.inputs.csv
    if table is None or scheme_of(table.path) in ("http", "https"):
        return guard.check_source
    own = resolve(table.path, recipe.folder)

    def check(location: str) -> None:
        if location != own:
            guard.check_source(location)

    return check


def _anonymous(glob: str) -> dict[str, Any]:
    """The operator's own credentials for object stores are not lent to an untrusted recipe."""
    known: dict[str, dict[str, Any]] = {"s3": {"anon": True}, "gs": {"token": "anon"}}
    return known.get(scheme_of(glob), {})


class _Sign:
    """Signs requests for pages; the secret is resolved when the first page is asked for, never for a template."""

    def __init__(self, signer: Signer, named: bool) -> None:
        self._signer, self._named = signer, named

    def __call__(self, url: str, first: str) -> tuple[str, Mapping[str, str]]:
        auth = self._signer.auth
        if not self._named and auth is not None and auth.kind not in ("netrc", "earthdata"):
            # The catalog is not one that the recipe names, so its credential is not meant for it.
            return url, {}
        return self._signer.sign(url, first)


def _sign(inputs: Inputs, options: FetchOptions, guard: Guard | None, secrets: Provider | None) -> _Sign | None:
    if options.auth is None or inputs.kind in ("url", "files"):
        return None
    catalog = inputs.catalog
    named = catalog is None or catalog.cmr is None or bool(catalog.cmr.url and host_of(catalog.cmr.url))
    return _Sign(Signer(options.auth, Secrets(secrets), guard), named)
