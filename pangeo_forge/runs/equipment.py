"""What a bakery gives to a run: engine, places, limits, secrets; and what it lacks, found before anything starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pangeo_forge.errors import BakeryError, UsageError
from pangeo_forge.inputs.codec_threads import available_cpus
from pangeo_forge.inputs.fetch.storage_options import BoundSecrets, StorageOptions
from pangeo_forge.pipeline.engines import Engine, engine_of
from pangeo_forge.recipe.bakery import Bakery, NamedBakery, builtin, find_bakery
from pangeo_forge.runs.settings import RunSettings
from pangeo_forge.targets.objects import is_local, local_path

if TYPE_CHECKING:
    from pangeo_forge.recipe.model import Recipe

PACKAGES = {
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "s3": "s3fs",
    "s3a": "s3fs",
    "az": "adlfs",
    "abfs": "adlfs",
    "sftp": "paramiko",
}
"""Packages that speak a protocol of fsspec."""


@dataclass(frozen=True)
class Equipment:
    """A bakery made ready for one run."""

    bakery: NamedBakery
    engine: Engine
    settings: RunSettings
    """With everything that the bakery says and the command line does not."""

    @property
    def secrets(self) -> BoundSecrets:
        """Where secrets are looked up."""
        return BoundSecrets(self.bakery.made.secrets)

    def problems(self, recipe: Recipe | None = None) -> Iterator[BakeryError]:
        """All that is missing, each with what mends it."""
        yield from self.engine.problems()
        yield from self._secret_problems(recipe)
        for name, url in self._places().items():
            yield from _place_problems(self.bakery.name, name, url)
        if not self.engine.workforce.shares_files:
            yield from self._local_places(recipe)

    def _places(self) -> dict[str, str]:
        given = {"target": self.settings.target, "cache": self.settings.cache, "temp": self.settings.temp}
        return {name: url for name, url in given.items() if url}

    def _secret_problems(self, recipe: Recipe | None) -> Iterator[BakeryError]:
        names = dict.fromkeys(self.bakery.made.secrets)
        for options in (self.settings.target_options, self.settings.cache_options, self.settings.temp_options):
            names |= dict.fromkeys(options.names() if isinstance(options, StorageOptions) else ())
        if recipe is not None and recipe.fetch.auth is not None and recipe.fetch.auth.secret:
            names[recipe.fetch.auth.secret] = None
        for name in names:
            variable = self.secrets.variable(name)
            if not _is_set(variable):
                yield BakeryError(
                    f"there is no value for secret {name!r}",
                    code="B013",
                    where=self.bakery.name,
                    hint=f"export {variable}=..., here and where the workers run",
                )

    def _local_places(self, recipe: Recipe | None) -> Iterator[BakeryError]:
        """Paths of this machine, which workers elsewhere do not see."""
        places: dict[str, str | None] = {"target": self.settings.target or "arco", "temp": self.settings.temp}
        if recipe is None or recipe.fetch.cache:
            places["cache"] = self.settings.cache
        if recipe is not None and recipe.inputs.url is not None:
            places["inputs"] = recipe.inputs.url
        for name, url in places.items():
            if url is None or is_local(url):
                what = (
                    "is not set, so it would be a path of this machine"
                    if url is None
                    else f"is a path of this machine ({url})"
                )
                yield BakeryError(
                    f"{name} {what}, but the workers run elsewhere",
                    code="B015",
                    where=self.bakery.name,
                    hint="give it a URL (gs://, s3://, ...); or shared_filesystem: true, if all machines see the path",
                )


def equipped(settings: RunSettings) -> Equipment:
    """The bakery that the settings name, and the settings as it completes them.

    Raises
    ------
    BakeryError: B001 and B002, there is no such bakery.
    """
    bakery = settings.bakery if isinstance(settings.bakery, NamedBakery) else _found(settings)
    made = bakery.made
    if settings.mode is not None and made.runner != "local":
        raise UsageError(
            f"--mode says how workers run on this machine, and bakery {bakery.name} runs on {made.runner}",
            code="U033",
            hint="leave --mode out",
        )
    if settings.mode is not None:
        options = made.options.model_copy(update={"mode": settings.mode})
        bakery = replace(bakery, made=made.model_copy(update={"options": options}))
    workers = settings.workers or made.workers or available_cpus()
    engine = engine_of(bakery, workers)
    settings = replace(
        settings,
        bakery=bakery,
        workers=workers,
        max_memory=settings.max_memory or made.max_memory,
        stall_timeout=settings.stall_timeout or made.stall_timeout,
        stall_limit=settings.stall_limit or made.stall_limit,
        **_location(settings, made, "target"),
        **_location(settings, made, "cache"),
        **_location(settings, made, "temp"),
    )
    return Equipment(bakery, engine, settings if engine.workforce.here else _absolute(settings))


def check(equipment: Equipment, recipe: Recipe | None = None) -> None:
    """Refuse to start what cannot end well.

    Raises
    ------
    BakeryError: what is missing; B000, a list, when it is several things.
    """
    found = list(equipment.problems(recipe))
    if len(found) == 1:
        raise found[0]
    if found:
        rows = "\n".join(f"  {error}" for error in found)
        raise BakeryError(
            f"{len(found)} things are missing:\n{rows}\n",
            code="B000",
            where=equipment.bakery.name,
            hint="mend them from the top",
        )


def _found(settings: RunSettings) -> NamedBakery:
    return builtin() if settings.bakery is None else find_bakery(str(settings.bakery))


def _location(settings: RunSettings, made: Bakery, name: str) -> dict[str, Any]:
    """The command line's own location, else the bakery's; its options never hold the value of a secret."""
    given, options = getattr(settings, name), getattr(settings, f"{name}_options")
    location = getattr(made, name)
    if given is not None or location is None:
        return {name: given, f"{name}_options": options}
    found = StorageOptions(
        {**location.storage_options, **options},
        url=location.url,
        secret=location.secret,
        secrets=BoundSecrets(made.secrets),
    )
    return {name: location.url, f"{name}_options": found}


def _absolute(settings: RunSettings) -> RunSettings:
    """Workers in other processes may have another working folder."""
    places = {name: getattr(settings, name) for name in ("target", "cache", "temp")}
    places["target"] = places["target"] or "arco"
    made: Mapping[str, Any] = {k: str(local_path(v)) for k, v in places.items() if v and is_local(v)}
    return replace(settings, **made)


def _is_set(variable: str) -> bool:
    import os

    return bool(os.environ.get(variable))


def _place_problems(bakery: str, name: str, url: str) -> Iterator[BakeryError]:
    scheme = url.partition("://")[0] if "://" in url else ""
    package = PACKAGES.get(scheme)
    if package is not None and find_spec(package) is None:
        extra = {"s3fs": "s3", "paramiko": "sftp"}.get(package)
        wanted = f"'pangeo-forge[{extra}]'" if extra else package
        yield BakeryError(
            f"{name} is at {scheme}://, and the package that speaks this protocol is not installed",
            code="B010",
            where=bakery,
            hint=f"pip install {wanted}, here and where the workers run",
        )
