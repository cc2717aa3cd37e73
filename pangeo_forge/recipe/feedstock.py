"""``feedstocks/<id>.yaml``: where and when recipes run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from pangeo_forge.errors import RecipeErrors
from pangeo_forge.recipe.problems import from_validation, to_errors
from pangeo_forge.recipe.rules import check_written
from pangeo_forge.recipe.scalars import Duration, Name, Names, Scalar
from pangeo_forge.recipe.schedule import SCHEDULE_SCHEMA, check_schedule
from pangeo_forge.recipe.section import Section, form, problem, shown
from pangeo_forge.recipe.source import Source, read_source


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

    recipe: str = Field(
        min_length=1,
        description="The recipe's folder or id; of a matrix, one of its ids, or the folder for all of them.",
        examples=["recipes/noaa-oisst"],
    )
    datasets: Names | None = Field(
        None, description="Of a recipe with a matrix: ids or patterns of those that run. Without: all."
    )
    schedule: Annotated[str, *form(check_schedule, SCHEDULE_SCHEMA)] | None = Field(
        None,
        description="Cron, five fields, UTC; or `@once`: built once for each change of the recipe. "
        "Without: only by hand.",
        examples=["0 6 * * *"],
    )
    mode: Literal["append", "rebuild"] = Field("append", description="Add new inputs to the store, or write it anew.")
    bakery: Name = Field("local", description="A name in bakeries.yaml.")
    target: Location | None = Field(None, description="Root of the stores; overrides the bakery's.")
    parameters: dict[str, Scalar] = Field(default_factory=dict, description="Values for the recipe's parameters.")
    timeout: Duration = Field("6h", description="Longest time of a run; then it is stopped.")
    catch_up: Literal["latest", "all", "none"] = Field(
        "latest",
        description="Of slots that were missed: run the latest only, all in order, or none.",
    )
    grace: Duration = Field("2h", description="With catch_up none: how late a slot may begin and is not missed yet.")
    retries: int = Field(2, ge=0, le=100, description="How often a slot is tried again after a failure that may pass.")
    retry_delay: Duration = Field("1h", description="Wait before the first of them; doubled each time, up to a day.")
    recipe_changed: Literal["fail", "rebuild"] = Field(
        "fail", description="When an append finds that the recipe no longer fits the store: fail, or build anew."
    )
    keep: int | None = Field(None, ge=1, description="Versions to keep after a build; without: all.")
    recheck: int | None = Field(
        None, ge=0, description="Of the latest so many remote inputs it is asked whether they changed; without: all."
    )
    allow_python: bool = Field(False, description="The recipe's own Python hook may run.")


def load_feedstock(path: str | Path) -> Feedstock:
    """Read ``feedstocks/<id>.yaml``.

    Raises
    ------
    RecipeErrors: all that is wrong, each with its place.
    """
    return read_feedstock(path)[0]


def read_feedstock(path: str | Path) -> tuple[Feedstock, Source]:
    """As :func:`load_feedstock`, with the place of everything in the file."""
    source = read_source(Path(path))
    data = source.data()
    problems = list(check_written(data))
    try:
        made = Feedstock.model_validate(data)
    except ValidationError as error:
        raise RecipeErrors(to_errors(problems + from_validation(error), source)) from None
    if problems:
        raise RecipeErrors(to_errors(problems, source))
    return made, source
