"""``feedstocks/bakeries.yaml``: the places where recipes run, and how one is found by name or file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from pangeo_forge.errors import BakeryError, RecipeErrors
from pangeo_forge.recipe.bakery_options import OPTIONS, Environment, LocalOptions, Options
from pangeo_forge.recipe.feedstock import Location
from pangeo_forge.recipe.fetch import SecretName, secret_name
from pangeo_forge.recipe.problems import Problem, from_validation, to_errors
from pangeo_forge.recipe.rules import check_written, credential_keys
from pangeo_forge.recipe.scalars import Duration, Size
from pangeo_forge.recipe.section import Section, form, nested, problem, shown, suggestion
from pangeo_forge.recipe.source import read_source

FILE = Path("feedstocks") / "bakeries.yaml"
VARIABLE = "PANGEO_FORGE_BAKERIES"
"""Environment variable that names another file of bakeries."""
LOCAL = "local"
"""The bakery that needs no file: threads of this machine."""
LOCATIONS = ("target", "cache", "temp", "catalog")
_SIGN_IN = "name it: {url: ..., secret: NAME}"


def _secrets(value: Any) -> dict[str, str]:
    hint = "write {NAME: ENVIRONMENT_VARIABLE}, or a list of names"
    if isinstance(value, list):
        return {secret_name(name): "" for name in value}
    if not isinstance(value, dict) or not all(isinstance(v, str) and v.isidentifier() for v in value.values()):
        raise problem("R092", "is neither names of secrets nor of the environment variables that hold them", hint)
    return {secret_name(name): variable for name, variable in value.items()}


_SECRETS_SCHEMA = {"anyOf": [
    {"type": "array", "items": {"type": "string"}},
    {"type": "object", "additionalProperties": {"type": "string"}},
]}  # fmt: skip


class Bakery(Section):
    """A place where recipes run: the engine, what it may use, and where its data lie."""

    runner: Literal["local", "portable", "flink", "spark", "dataflow", "dask"] = Field(
        description="Engine.", examples=["local"]
    )
    options: Options = Field(
        default_factory=lambda: LocalOptions.model_validate({}),
        description="Options of the engine; each runner has its own.",
    )
    target: Location | None = Field(None, description="Root of the stores.")
    cache: Location | None = Field(None, description="Where inputs are copied to.")
    temp: Location | None = Field(None, description="Scratch space that all workers reach.")
    catalog: Location | None = Field(None, description="Where the catalog is written.")
    secrets: Annotated[dict[str, str], *form(_secrets, _SECRETS_SCHEMA)] = Field(
        default_factory=dict, description="Secrets that must be there, and the environment variables that hold them."
    )
    max_memory: Size | None = Field(None, description="Most memory of the tasks of one worker.", examples=["2GB"])
    workers: int | None = Field(None, ge=1, description="Tasks at once, over all workers.")
    machines: int | None = Field(
        None,
        ge=1,
        description="Machines among which the limits of a source are divided; default: one a worker process.",
    )
    environment: Environment | None = Field(None, description="Where the Python of the workers runs.")
    stall_timeout: Duration | Literal["never"] | None = Field(
        None, description="Nothing has moved for so long: say what is under way.", examples=["30min"]
    )
    stall_limit: Duration | Literal["never"] | None = Field(
        None, description="Nothing has moved for so long: end the run.", examples=["2h"]
    )
    shared_filesystem: bool = Field(False, description="All workers see this machine's paths, as on a cluster's disk.")

    @classmethod
    def prepare(cls, data: Any) -> Any:
        """The engine's own options; the rules between the parts."""
        runner = data.get("runner") if isinstance(data, dict) else None
        if runner not in OPTIONS:
            return data
        options = data.get("options", {})
        if not isinstance(options, BaseOptions):
            try:
                options = OPTIONS[runner].model_validate(options)
            except ValidationError as error:
                raise nested(error, "options") from None
        environment = data.get("environment")
        if environment is not None and runner in ("local", "dask"):
            raise problem(
                "R093", f"runner {runner} has no environment", "its workers run in the Python that started them"
            )
        return {**data, "options": options}


BaseOptions = tuple(OPTIONS.values())


@dataclass(frozen=True)
class NamedBakery:
    """A bakery and where it was written."""

    name: str
    made: Bakery
    where: str
    """Its file; empty for the built-in one."""


def builtin() -> NamedBakery:
    """The bakery that needs no file."""
    return NamedBakery(LOCAL, Bakery.model_validate({"runner": "local"}), "")


def load_bakeries(path: str | Path) -> dict[str, Bakery]:
    """Read ``feedstocks/bakeries.yaml``: a mapping of names to bakeries.

    Raises
    ------
    RecipeErrors: all that is wrong, each with its place.
    """
    source = read_source(Path(path))
    data = source.data()
    problems = list(check_written(data))
    made = {}
    for name, entry in data.items():
        problems += _credentials(str(name), entry)
        try:
            made[str(name)] = Bakery.model_validate(entry)
        except ValidationError as error:
            problems += from_validation(error, (name,))
    if problems:
        raise RecipeErrors(to_errors(problems, source))
    return made


def _credentials(name: str, entry: Any) -> list[Problem]:
    """Credentials that are written into the options of a location."""
    found = []
    for place in LOCATIONS if isinstance(entry, Mapping) else ():
        location = entry.get(place)
        options = location.get("storage_options") if isinstance(location, Mapping) else None
        for path in credential_keys(options, (name, place, "storage_options")):
            found.append(Problem(path, "R040", "writes a credential into the bakery", _SIGN_IN))
    return found


def file_of_bakeries() -> Path | None:
    """The file that names are looked up in: ``PANGEO_FORGE_BAKERIES``, else the nearest ``feedstocks/bakeries.yaml``
    here or above."""
    if given := os.environ.get(VARIABLE):
        return Path(given)
    here = Path.cwd()
    return next((f for f in (folder / FILE for folder in (here, *here.parents)) if f.is_file()), None)


def known_bakeries() -> dict[str, NamedBakery]:
    """All bakeries by name, the built-in one among them."""
    path = file_of_bakeries()
    found = {LOCAL: builtin()}
    if path is not None:
        found |= {name: NamedBakery(name, made, str(path)) for name, made in load_bakeries(path).items()}
    return found


def find_bakery(name: str) -> NamedBakery:
    """The bakery of that name, or that of a file: ``FILE``, or ``FILE:NAME`` where it holds several.

    Raises
    ------
    BakeryError: B001 there is no such bakery, B002 the file is not there.
    """
    file, _, wanted = name.partition(".yaml:") if ".yaml:" in name else (name.removesuffix(".yaml"), "", "")
    if not name.endswith(".yaml") and not wanted:
        known = known_bakeries()
        if name in known:
            return known[name]
        where = file_of_bakeries()
        raise BakeryError(
            f"there is no bakery {shown(name)}",
            code="B001",
            where=str(where or FILE),
            hint=suggestion(name, known) or "see `pangeo-forge bakery list`",
        )
    path = Path(f"{file}.yaml")
    if not path.is_file():
        raise BakeryError("there is no such file of bakeries", code="B002", where=str(path), hint="check the path")
    held = load_bakeries(path)
    if not wanted and len(held) == 1:
        wanted = next(iter(held))
    if wanted not in held:
        what = f"there is no bakery {shown(wanted)}" if wanted else "the file holds several bakeries"
        raise BakeryError(what, code="B001", where=str(path), hint=f"write {path}:NAME; names are {', '.join(held)}")
    return NamedBakery(wanted, held[wanted], str(path))


__all__ = ["Bakery", "NamedBakery", "SecretName", "builtin", "find_bakery", "known_bakeries", "load_bakeries"]
