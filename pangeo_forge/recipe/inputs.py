"""The ``inputs`` section: where the files are, and which keys order them.

Exactly one of ``url``, ``files``, ``glob``, ``listing``, ``csv``, ``catalog`` names the inputs. A single file has
neither
concat nor merge. ``files``, ``glob``, ``listing``, ``csv`` and ``catalog`` take their order from the list itself, so
they have one concat
entry without values: ``concat: {time: {}}``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError
from pydantic_core import PydanticCustomError

from pangeo_forge.recipe import values as forms
from pangeo_forge.recipe.scalars import Name, check_date
from pangeo_forge.recipe.section import Section, at, form, gathered, nested, problem, shown
from pangeo_forge.recipe.values import EmptyValues, TableValues, Values, read_values

SOURCES = ("url", "files", "glob", "listing", "csv", "catalog")


class _Key(Section):
    values: Annotated[Values, *form(read_values, forms.SCHEMA)] = Field(description="The key's values, in order.")


class ConcatKey(_Key):
    """A key along which inputs are concatenated; ``dim`` is the dataset's dimension (default: the key's name)."""

    dim: Name = Field(
        "",
        description="Dimension of the dataset along which to concatenate; default: the key's name.",
        examples=["TIME"],
    )


class MergeKey(_Key):
    """A key whose values each bring other variables of the same grid."""


def _key_schema(extra: dict[str, Any]) -> dict[str, Any]:
    long = {
        "type": "object", "additionalProperties": False, "required": ["values"],
        "properties": {"values": forms.SCHEMA, "when": forms._SCHEMA_WHEN, **extra},
    }  # fmt: skip
    return {"anyOf": [long, *forms.SCHEMA["anyOf"]]}


def _read_key(name: str, data: Any, model: type[_Key]) -> _Key:
    """``KEY: VALUES`` or ``KEY: {dim: NAME, values: VALUES, when: [..]}``; errors stand where they were written."""
    if isinstance(data, model):
        return data
    own: dict[str, Any] = {"dim": name} if model is ConcatKey else {}
    written, prefix = data, ()
    if (
        isinstance(data, dict)
        and "values" in data
        and isinstance(data["values"], (dict, list))
        and not _is_row(data["values"])
    ):
        extra = set(data) - {"values", "when", *own}
        if extra:
            key = sorted(map(str, extra))[0]
            raise at(problem("R010", f"unknown key {key!r}", "known are dim, values, when"), key)
        written, prefix = data["values"], ("values",)  # type: ignore[assignment]
        if "when" in data:
            written = {"values": written} if isinstance(written, list) else dict(written)
            written["when"] = data["when"]
            prefix = () if isinstance(data["values"], list) else prefix
    elif isinstance(data, dict) and "dim" in data and own and not isinstance(data["dim"], dict):
        written = {k: v for k, v in data.items() if k != "dim"}
    if isinstance(data, dict) and own and "dim" in data and not isinstance(data["dim"], dict):
        if not isinstance(data["dim"], str) or not data["dim"]:
            raise at(
                problem("R013", f"should be the name of a dimension, not {shown(data['dim'])}", "write text"), "dim"
            )
        own["dim"] = data["dim"]
    try:
        values = read_values(written)
    except (ValidationError, PydanticCustomError) as error:
        raise _below(error, prefix) from None
    return model(values=values, **own)


def _is_row(value: Any) -> bool:
    """Whether ``values: {...}`` is a row of a look-up table named 'values' (a mapping of texts) and not VALUES."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(v, str) for v in value.values())
        and not ({"start", "end", "step"} & set(value))
    )


def _below(error: Exception, prefix: tuple[str, ...]) -> Exception:
    if isinstance(error, ValidationError):
        return nested(error, *prefix)
    return at(error, *prefix) if prefix else error  # type: ignore[arg-type]


def _keys(model: type[_Key]) -> Any:
    def read(data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise problem(
                "R013",
                f"should be a mapping of keys, not {shown(data)}",
                "write time: {start: ..., end: ..., step: ...}",
            )
        made, failed = {}, []
        for name, value in data.items():
            if not isinstance(name, str) or not name.isidentifier():
                failed.append(
                    at(problem("R015", f"{shown(name)} is not a name for a key", "use letters, digits and _"), name)
                )
                continue
            try:
                made[name] = _read_key(name, value, model)
            except ValidationError as error:
                failed.append(nested(error, name))
            except PydanticCustomError as error:
                failed.append(at(error, name))
        if failed:
            raise gathered(failed)
        return made

    extra = (
        {"dim": {"type": "string", "description": "Dimension of the dataset; default: the key's name."}}
        if model is ConcatKey
        else {}
    )
    return form(read, {"type": "object", "additionalProperties": _key_schema(extra)})


class Listing(Section):
    """Files named by an HTML or FTP index."""

    url: str = Field(
        min_length=1,
        description="The index page or folder; may hold template keys of `keys`.",
        examples=["https://host/data/{year}/"],
    )
    match: str = Field(
        min_length=1,
        description="Regular expression that a file's name must match.",
        examples=[r".*_d\d{8}_c\d{8}\.nc"],
    )
    keys: Annotated[dict[str, MergeKey], *_keys(MergeKey)] = Field(
        default_factory=dict,
        description="Keys of the template in `url`; each combination is one page, and the files of "
        "all pages are one list.",
        examples=[{"year": {"start": 1996, "end": 1999}}],
    )


class Csv(Section):
    """Files named by a column of a CSV table."""

    path: str = Field(min_length=1, description="The table, relative to the recipe's folder, or a URL.")
    url: str = Field(min_length=1, description="Name of the column that holds URLs.")


class CmrSearch(Section):
    """Granules found through NASA's Common Metadata Repository."""

    short_name: str | None = Field(None, description="Collection's short name.", examples=["GPM_3IMERGHHL"])
    version: str | None = Field(None, description="Collection's version.", examples=["06"])
    concept_id: str | None = Field(None, description="Collection's concept id, instead of short name and version.")
    provider: str | None = Field(None, description="Provider's id.", examples=["GES_DISC"])
    temporal: list[str] | None = Field(None, min_length=2, max_length=2, description="First and last date.")
    bounding_box: list[float] | None = Field(None, min_length=4, max_length=4, description="west, south, east, north")
    match: str | None = Field(None, description="Regular expression that a link must match.")
    url: str | None = Field(None, min_length=1, description="Another server with CMR's search API.")

    @classmethod
    def prepare(cls, data: Any) -> Any:
        """Either a short name or a concept id."""
        if isinstance(data, dict):
            if not {"short_name", "concept_id"} & set(data):
                raise problem(
                    "R011", "key 'short_name' is missing", "name the collection: short_name and version, or concept_id"
                )
            for i, date in enumerate(data["temporal"] if isinstance(data.get("temporal"), list) else []):
                try:
                    check_date(date)
                except PydanticCustomError as error:
                    raise at(error, "temporal", i) from None
        return data


class StacSearch(Section):
    """Assets found through a STAC API or a static catalog."""

    url: str = Field(min_length=1, description="STAC API or catalog.")
    collection: str | None = Field(None, description="Collection's id.")
    asset: str | None = Field(None, description="Key of the asset in each item.")
    datetime: str | None = Field(None, description="Time span, as in STAC: start/end.")
    bbox: list[float] | None = Field(None, min_length=4, max_length=4, description="west, south, east, north")
    query: dict[str, Any] = Field(default_factory=dict, description="Further filters of the API.")


class Catalog(Section):
    """Files found by a search; exactly one of ``stac`` and ``cmr``."""

    stac: StacSearch | None = None
    cmr: CmrSearch | None = None

    @classmethod
    def prepare(cls, data: Any) -> Any:
        """Exactly one kind of catalog."""
        if isinstance(data, dict) and {"stac", "cmr"} >= set(data) and len(data) != 1:
            raise problem("R030", "needs exactly one of stac and cmr", "write catalog: {cmr: {short_name: ...}}")
        return data


class SortMatch(Section):
    """Order by what a regular expression finds in the file's name."""

    match: str = Field(
        min_length=1,
        description="Regular expression; its groups, in order, are compared as numbers where they are digits.",
    )


def _sort(data: Any) -> Any:
    if isinstance(data, dict):
        return SortMatch.model_validate(data)
    if data not in ("name", "none"):
        raise problem("R014", f"{shown(data)} is not one of name, none, {{match: regex}}", "write one of them")
    return data


_SORT_SCHEMA = {"anyOf": [
    {"enum": ["name", "none"]},
    {
        "type": "object",
        "properties": {"match": {"type": "string"}},
        "required": ["match"],
        "additionalProperties": False,
    },
]}  # fmt: skip


class Inputs(Section):
    """Where the files are, and the keys that order them."""

    url: str | None = Field(
        None, min_length=1, description="URL or path with template keys: {time:%Y%m%d}, {key:02d}, "
            "{key.field}, {key + 29min:%H%M}.",
        examples=["https://host/{time:%Y}/sst_{time:%Y%m%d}.nc"],
    )  # fmt: skip
    files: list[str] | None = Field(None, min_length=1, description="URLs or paths, one by one.")
    glob: str | None = Field(
        None, min_length=1, description="A pattern of any fsspec URL or path.", examples=["data/*.nc"]
    )
    listing: Listing | None = Field(None, description="An HTML or FTP index whose links are the inputs.")
    csv: Csv | None = Field(None, description="A table with a column of URLs.")
    catalog: Catalog | None = Field(None, description="A STAC or CMR search.")
    concat: Annotated[dict[str, ConcatKey], *_keys(ConcatKey)] = Field(
        default_factory=dict, description="Keys along which inputs are concatenated; several nest, the first slowest.",
        examples=[{"time": {"start": "1981-09-01", "end": "latest", "step": "1D"}}],
    )  # fmt: skip
    merge: Annotated[dict[str, MergeKey], *_keys(MergeKey)] = Field(
        default_factory=dict,
        description="Keys whose values bring other variables of the same grid.",
        examples=[{"variable": ["tmin", "tmax"]}],
    )
    items_per_file: int | None = Field(
        None, ge=1, description="Length of each input along the first concat dim; checked, never trusted."
    )
    on_missing: Literal["fail", "skip", "fill"] = Field(
        "fail",
        description="An input that does not exist: fail the run, skip its position, or fill it (needs items_per_file).",
    )
    missing: list[Any] = Field(
        default_factory=list,
        description="Values of the concat key known to be absent (with several keys: mappings {key: "
        "value}); treated as on_missing says, "
        "as skip where that says fail.",
    )
    member: str | None = Field(
        None, min_length=1, description="Path of the file inside each archive; may hold template keys."
    )
    sort: Annotated[
        Literal["name", "none"] | SortMatch | None, *form(lambda v: None if v is None else _sort(v), _SORT_SCHEMA)
    ] = Field(
        None,
        description="Order of listed files. Default: by name for glob and listing; as listed for "
        "files, csv and catalog.",
    )

    @property
    def kind(self) -> str:
        """Which of the sources it is."""
        return next(s for s in SOURCES if getattr(self, s) is not None)

    @classmethod
    def prepare(cls, data: Any) -> Any:
        """Exactly one source."""
        if not isinstance(data, dict):
            return data
        given = [s for s in SOURCES if data.get(s) is not None]
        if not given and not set(data) - set(cls.model_fields):
            raise problem("R030", "no source of files is given", f"add one of {', '.join(SOURCES)}")
        if len(given) > 1:
            raise at(
                problem("R030", f"{' and '.join(given)} are given, only one may be", f"keep one of {', '.join(given)}"),
                given[1],
            )
        return data


__all__ = [
    "SOURCES",
    "Catalog",
    "CmrSearch",
    "ConcatKey",
    "Csv",
    "EmptyValues",
    "Inputs",
    "Listing",
    "MergeKey",
    "SortMatch",
    "StacSearch",
    "TableValues",
]
