"""The ``open`` section: the format of the inputs and what is read of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from pangeo_forge.recipe.scalars import Duration, Size
from pangeo_forge.recipe.section import Section, form, problem, shown


def _groups(value: Any) -> Any:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, list) and value and all(isinstance(v, str) and v for v in value):
        return value
    raise problem(
        "R013", f"should be the path of a group, not {shown(value)}", "write /Grid, or a list of paths that are merged"
    )


def _select(value: Any) -> Any:
    passes = value if isinstance(value, list) else [value]
    if not passes or not all(isinstance(p, dict) and p and all(isinstance(k, str) for k in p) for p in passes):
        raise problem(
            "R013",
            f"should be a mapping of GRIB keys, not {shown(value)}",
            "write {typeOfLevel: surface, shortName: t}",
        )
    return value


_KEYS = {"type": "object", "minProperties": 1}


class Open(Section):
    """How each input is opened."""

    format: Literal["auto", "netcdf3", "netcdf4", "hdf5", "grib1", "grib2", "geotiff", "zarr", "opendap"] = Field(
        "auto", description="auto: told from the first bytes, not from the name."
    )
    group: Annotated[Any, *form(_groups, {"type": ["string", "array"], "items": {"type": "string"}})] = Field(
        None, description="Group of an HDF5 file or Zarr store; a list of groups is merged.", examples=["/Grid"]
    )
    decode_times: bool = Field(True, description="Read times by their units and calendar.")
    decode_coords: bool | Literal["all", "coordinates"] = Field(
        True, description="Which variables become coordinates, as in xarray."
    )
    select: Annotated[Any, *form(_select, {"anyOf": [_KEYS, {"type": "array", "items": _KEYS, "minItems": 1}]})] = Field(
        None, description="GRIB keys of the messages to read; a list of mappings is read in several passes and merged.",
        examples=[{"typeOfLevel": "surface", "shortName": "t"}],
    )  # fmt: skip
    drop: list[str] = Field(
        default_factory=list,
        description="Names or globs of variables that are not opened at all.",
        examples=[["unknown*"]],
    )
    dims: dict[str, Any] = Field(
        default_factory=dict, description="Names for dimensions that have none: {phony_dim_0: lat}."
    )
    max_request: Size | None = Field(
        None,
        description="OPeNDAP: bytes that one request may ask for; servers refuse more than 500 MB. Default 100 MB.",
        examples=["100MB"],
    )
    timeout: Duration = Field(
        "60s", description="Longest time of one open, and of one read (which gets a second more for each MB).",
    )  # fmt: skip
    isolate: bool = Field(
        True, description="Open and read in processes of their own, which a damaged file may crash or hang."
    )
    max_unpacked: Size | None = Field(
        None, description="Bytes that a compressed input may unpack to. Default 200 GB.", examples=["1TB"]
    )
    engine: str | None = Field(None, min_length=1, description="xarray engine to use instead of our own readers.")
    engine_options: dict[str, Any] = Field(default_factory=dict, description="Keywords of that engine.")
