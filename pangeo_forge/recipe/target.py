"""The ``target`` section: format, chunks, encodings of what is written."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any, Literal

from pydantic import Field

from pangeo_forge.recipe.scalars import Name, Scalar, Size
from pangeo_forge.recipe.section import Section, at, form, problem, several, shown

COMPRESSORS = ("zstd", "blosc", "lz4", "gzip", "zlib", "none")
_DTYPE = re.compile(r"(u?int(8|16|32|64)|float(16|32|64)|[<>|=]?[iuf][1248]|bool|str)\Z")


def _lengths(data: Any) -> dict[str, int]:
    if not isinstance(data, dict) or not data:
        raise problem(
            "R061", f"should be a mapping of dimensions to lengths, not {shown(data)}", "write {time: 20, lat: -1}"
        )
    wrong = []
    for dim, length in data.items():
        if not isinstance(dim, str):
            wrong.append(((dim,), problem("R061", f"{shown(dim)} is not the name of a dimension", "write {time: 20}")))
        elif not isinstance(length, int) or isinstance(length, bool) or not (length == -1 or length > 0):
            hint = "write a positive whole number, or -1 for the whole dimension"
            wrong.append(((dim,), problem("R061", f"{shown(length)} is not a length", hint)))
    if wrong:
        raise several(wrong)
    return data


def _chunks(data: Any) -> Any:
    if isinstance(data, str):
        if data != "auto":
            hint = (
                "write auto, or {time: 20, lat: -1}"
                if not re.match(r"\d+ ?[kKMG]i?B?", data)
                else f"write chunks: auto and chunk_bytes: {data}"
            )
            raise problem("R061", f"{data!r} is neither auto nor a mapping", hint)
        return data
    return _lengths(data)


def _dtype(value: Any) -> str:
    if not isinstance(value, str) or not _DTYPE.match(value):
        names = [f"{k}{b}" for k in ("int", "uint") for b in (8, 16, 32, 64)] + [
            "float16",
            "float32",
            "float64",
            "bool",
            "str",
        ]
        close = difflib.get_close_matches(str(value), names, n=1)
        raise problem(
            "R015",
            f"{shown(value)} is not a dtype",
            f"did you mean {close[0]}?" if close else "write int16, float32, ...",
        )
    return value


def _ratio(data: Any) -> dict[str, float]:
    if not isinstance(data, dict) or not data:
        raise problem(
            "R061",
            f"should be a mapping of dimensions to numbers, not {shown(data)}",
            "write {time: 10, lat: 1, lon: 1}",
        )
    wrong = [
        ((dim,), problem("R061", f"{shown(n)} is not a ratio", "write a positive number, or -1: never divided"))
        for dim, n in data.items()
        if not isinstance(n, (int, float)) or isinstance(n, bool) or not (n > 0 or n == -1)
    ]
    if wrong:
        raise several(wrong)
    return data


def _factor(value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise problem("R013", f"should be a number, not {shown(value)}", "write it without quotes")
    if value == 0:
        raise problem("R016", "a factor of 0 loses every value", "write the step of the stored numbers")
    return value


def _compressor(data: Any) -> Any:
    if isinstance(data, str) and data in COMPRESSORS:
        return {"name": data}
    if isinstance(data, str):
        close = difflib.get_close_matches(data, COMPRESSORS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"write one of {', '.join(COMPRESSORS)}"
        raise problem("R014", f"{data!r} is not a compressor", hint)
    if not isinstance(data, dict) or "name" not in data:
        raise problem("R013", f"should name a compressor, not {shown(data)}", "write {name: zstd, level: 3}")
    if data["name"] not in COMPRESSORS:
        close = difflib.get_close_matches(str(data["name"]), COMPRESSORS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"write one of {', '.join(COMPRESSORS)}"
        raise at(problem("R014", f"{shown(data['name'])} is not a compressor", hint), "name")
    level = data.get("level", 1)
    if not isinstance(level, int) or isinstance(level, bool) or not 0 <= level <= 22:
        raise at(problem("R016", f"{shown(level)} is not a level", "write a whole number from 0 to 22"), "level")
    return data


_LENGTHS_SCHEMA = {
    "type": "object", "minProperties": 1,
    "additionalProperties": {"type": "integer", "anyOf": [{"const": -1}, {"minimum": 1}]},
}  # fmt: skip
_COMPRESSOR_SCHEMA = {"anyOf": [
    {"enum": list(COMPRESSORS)},
    {"type": "object", "required": ["name"], "properties": {
        "name": {"enum": list(COMPRESSORS)}, "level": {"type": "integer", "minimum": 0, "maximum": 22}}},
]}  # fmt: skip

Lengths = Annotated[dict[str, int], *form(_lengths, _LENGTHS_SCHEMA)]
Chunks = Annotated[Any, *form(_chunks, {"anyOf": [{"const": "auto"}, _LENGTHS_SCHEMA]})]
Ratio = Annotated[
    dict[str, float], *form(_ratio, {"type": "object", "minProperties": 1, "additionalProperties": {"type": "number"}})
]
Dtype = Annotated[
    str, *form(_dtype, {"type": "string", "pattern": _DTYPE.pattern.replace(r"\Z", "$"), "examples": ["float32"]})
]
Factor = Annotated[float, *form(_factor, {"type": "number", "not": {"const": 0}})]
Compressor = Annotated[Any, *form(_compressor, _COMPRESSOR_SCHEMA)]


class AttributeEdit(Section):
    """Attributes to set and to delete."""

    set: dict[str, Any] = Field(default_factory=dict, description="Attributes to set.")
    delete: list[str] = Field(default_factory=list, description="Names or globs of attributes to delete.")


class VariableTarget(Section):
    """What one variable wants different from the rest."""

    chunks: Lengths | None = Field(None, description="Chunk lengths by dimension.")
    shards: Lengths | None = Field(None, description="Shard lengths by dimension.")
    dtype: Dtype | None = Field(None, description="dtype as stored.")
    scale_factor: Factor | None = Field(None, description="CF packing: value = stored * scale_factor + add_offset.")
    add_offset: float | None = Field(None, description="CF packing.")
    fill_value: Scalar = Field(None, description="Stored value that means missing.")
    compressor: Compressor | None = Field(None, description="Instead of the target's compressor.")


class Reference(Section):
    """The form of a reference target."""

    format: Literal["parquet", "json", "icechunk"] = Field("parquet", description="Where references are kept.")


class Target(Section):
    """What is written."""

    format: Literal["zarr", "icechunk", "reference"] = Field(
        "zarr", description="reference: kerchunk references to the inputs, no array data."
    )
    zarr_format: Literal[2, 3] = Field(3, description="Version of the Zarr format.")
    chunks: Chunks = Field(
        "auto", description="Chunk length by dimension; -1 or absent: the whole dimension. auto: "
            "chosen by chunk_bytes and chunk_ratio.",
        examples=[{"time": 20, "lat": -1}],
    )  # fmt: skip
    chunk_bytes: Size | None = Field(None, description="With auto: uncompressed bytes of a chunk.", examples=["50MB"])
    chunk_ratio: Ratio | None = Field(
        None,
        description="With auto: into how many chunks each dimension is divided, relative to the others; -1 or absent: never divided.",
    )
    shards: Lengths | None = Field(
        None, description="Shard length by dimension, a multiple of the chunk's; Zarr 3 only."
    )
    shard_bytes: Size | None = Field(None, description="Instead of shards: uncompressed bytes of a shard.")
    variables: dict[str, VariableTarget] = Field(
        default_factory=dict, description="What single variables want different."
    )
    compressor: Compressor | None = Field(
        None, description="Compressor of all variables.", examples=[{"name": "zstd", "level": 3}]
    )
    attrs: AttributeEdit | None = Field(None, description="Global attributes to set and to delete.")
    consolidated: bool = Field(
        True, description="Write consolidated metadata, last. false: readers open each array by itself."
    )
    append: Name | None = Field(None, description="Dimension along which later runs append.", examples=["time"])
    on_changed: Literal["fail", "rewrite", "ignore"] = Field(
        "fail",
        description="With append: what to do when an input that is in the store already has changed, is gone, or came "
        "late. rewrite builds the dataset anew; ignore keeps what is stored (an input that came late still fails).",
    )
    name: Name | None = Field(None, description="Name of the store; default: the recipe's id.")
    reference: Reference | None = Field(None, description="For format reference: how references are kept.")
