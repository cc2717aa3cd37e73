"""``feedstocks/<id>.yaml``: where and when recipes run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from pangeo_forge.errors import RecipeErrors
from pangeo_forge.recipe.problems import from_validation, to_errors
from pangeo_forge.recipe.rules import check_written
from pangeo_forge.recipe.scalars import Duration, Name, Scalar
from pangeo_forge.recipe.section import Section, form, problem, shown
from pangeo_forge.recipe.source import read_source

_CRON_FIELD = re.compile(r"(\*|[0-9]{1,2}|[A-Za-z]{3})(-([0-9]{1,2}|[A-Za-z]{3}))?(/[0-9]{1,2})?(,[0-9A-Za-z*/-]+)*\Z")
_LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_FIELDS = ("minute", "hour", "day of month", "month", "day of week")


def _cron(value: Any) -> Any:
    hint = 'write five fields, minute hour day month weekday (UTC): "0 6 * * *"'
    fields = value.split() if isinstance(value, str) else []
    if len(fields) != 5:
        raise problem("R090", f"{shown(value)} is not a cron schedule", hint)
    for name, text, (low, high) in zip(_FIELDS, fields, _LIMITS, strict=True):
        numbers = [int(n) for n in re.findall(r"(?<!/)\b[0-9]+", text)]
        if not _CRON_FIELD.match(text) or any(not low <= n <= high for n in numbers):
            raise problem("R090", f"{text!r} is not a {name} ({low}-{high})", hint)
    return value


class StorageLocation(Section):
    """An fsspec URL with options; secrets are named, never written."""

    url: str = Field(min_length=1, description="fsspec URL or path.", examples=["gs://bucket/arco"])
    storage_options: dict[str, Any] = Field(
        default_factory=dict, description="Options of the file system; no credentials."
    )
    secret: str | None = Field(None, description="Name of the secret that signs in.")


def _location(value: Any) -> StorageLocation:
    if isinstance(value, str) and value:
        return StorageLocation.model_validate({"url": value})
    if isinstance(value, (dict, StorageLocation)):
        return StorageLocation.model_validate(value)
    raise problem("R091", f"{shown(value)} is not a location", "write a URL, or {url: ..., storage_options: {...}}")


_LOCATION_SCHEMA = {"anyOf": [
    {"type": "string", "minLength": 1},
    {"type": "object", "required": ["url"], "additionalProperties": False, "properties": {
        "url": {"type": "string"}, "storage_options": {"type": "object"}, "secret": {"type": "string"}}},
]}  # fmt: skip
Location = Annotated[StorageLocation, *form(_location, _LOCATION_SCHEMA)]


class Feedstock(Section):
    """Where and when one recipe runs."""

    recipe: str = Field(min_length=1, description="The recipe's folder, or its id.", examples=["recipes/noaa-oisst"])
    schedule: Annotated[str, *form(_cron, {"type": "string"})] | None = Field(
        None, description="Cron, UTC. Without: only by hand.", examples=["0 6 * * *"]
    )
    mode: Literal["append", "rebuild"] = Field("append", description="Add new inputs to the store, or write it anew.")
    bakery: Name = Field("local", description="A name in bakeries.yaml.")
    target: Location | None = Field(None, description="Root of the stores; overrides the bakery's.")
    parameters: dict[str, Scalar] = Field(default_factory=dict, description="Values for the recipe's parameters.")
    timeout: Duration = Field("6h", description="Longest time of a run.")


def load_feedstock(path: str | Path) -> Feedstock:
    """Read ``feedstocks/<id>.yaml``.

    Raises
    ------
    RecipeErrors: all that is wrong, each with its place.
    """
    source = read_source(Path(path))
    data = source.data()
    problems = list(check_written(data))
    try:
        made = Feedstock.model_validate(data)
    except ValidationError as error:
        raise RecipeErrors(to_errors(problems + from_validation(error), source)) from None
    if problems:
        raise RecipeErrors(to_errors(problems, source))
    return made
