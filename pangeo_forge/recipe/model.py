"""The whole recipe as resolved: parameters are filled in, forms are dispatched, everything is checked and frozen.

A recipe as written is :class:`~pangeo_forge.recipe.source.Source`; the section names are the same in both.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr

from pangeo_forge.recipe.checks import CheckEntry
from pangeo_forge.recipe.combine import Combine
from pangeo_forge.recipe.fetch import Fetch
from pangeo_forge.recipe.hooks import hook_texts
from pangeo_forge.recipe.inputs import Inputs
from pangeo_forge.recipe.metadata import Maintainer, Provider, Url
from pangeo_forge.recipe.opening import Open
from pangeo_forge.recipe.parameters import MAX_COMBINATIONS, Parameter
from pangeo_forge.recipe.section import Section, at, form, problem, shown
from pangeo_forge.recipe.source import Source
from pangeo_forge.recipe.target import Target
from pangeo_forge.recipe.transforms import Transform

SECTIONS_THAT_AFFECT_DATA = ("inputs", "open", "transforms", "combine", "target")
"""What the fingerprint covers. Metadata, fetch (how politely, with whose secret) and checks may change without a
rebuild."""


def _id(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value):
        raise problem(
            "R021", f"{shown(value)} is not an id", "use lower-case letters, digits and single dashes: noaa-oisst"
        )
    return value


def _matrix(value: Any) -> dict[str, list[Any]]:
    if not isinstance(value, dict):
        raise problem("R072", f"should be a mapping of names to lists, not {shown(value)}", "write model: [a, b]")
    for name, entries in value.items():
        if not isinstance(entries, list) or not entries:
            raise at(problem("R072", f"should be a list of values, not {shown(entries)}", "write [a, b]"), name)
    count = math.prod(len(entries) for entries in value.values())
    if count > MAX_COMBINATIONS:
        raise problem(
            "R072", f"makes {count:,} recipes, more than {MAX_COMBINATIONS:,}", "split it into several recipe files"
        )
    return value


_ID_SCHEMA = {"type": "string", "pattern": r"^([a-z0-9]+(-[a-z0-9]+)*|[a-z0-9-]*(\{[^}]+\}[a-z0-9-]*)+)$"}


class Recipe(Section):
    """A dataset described: where its files are, how they combine, what is written."""

    format_version: Literal[1] = Field(description="Version of the recipe format.", examples=[1])
    id: Annotated[str, *form(_id, _ID_SCHEMA)] = Field(
        description="Lower-case letters, digits and dashes; equals the folder's name. With a matrix "
        "it holds its names: cmip6-{model}.",
        examples=["noaa-oisst"],
    )
    title: str = Field(
        min_length=1, description="One line that names the dataset.", examples=["NOAA 1/4 degree daily OISST v2.1"]
    )
    description: str = Field("", description="What the dataset is; Markdown.")
    license: str | None = Field(
        None, min_length=1, description="SPDX identifier, or `other` with license_url.", examples=["CC0-1.0"]
    )
    license_url: Url | None = Field(None, description="Text of the license.")
    providers: list[Provider] = Field(
        default_factory=list, description="Who made, licenses, processes or hosts the data."
    )
    maintainers: list[Maintainer] = Field(default_factory=list, description="Who keeps the recipe.")
    keywords: list[str] = Field(
        default_factory=list, description="Words to find the dataset by.", examples=[["ocean", "sst"]]
    )
    parameters: dict[str, Parameter] = Field(
        default_factory=dict, description="Values used as {NAME} and set by --param NAME=VALUE."
    )
    matrix: Annotated[
        dict[str, list[Any]],
        *form(_matrix, {"type": "object", "additionalProperties": {"type": "array", "minItems": 1}}),
    ] = Field(
        default_factory=dict,
        description="Makes one recipe of each combination of values, used as {NAME}; the id must use each name.",
    )
    inputs: Inputs = Field(description="Where the files are, and the keys that order them.", examples=["{url: ...}"])
    fetch: Fetch = Field(
        default_factory=lambda: Fetch.model_validate({}), description="How inputs are copied, politely."
    )
    open: Open = Field(default_factory=lambda: Open.model_validate({}), description="How each input is opened.")
    transforms: list[Transform] = Field(
        default_factory=list, description="Steps that are applied to each input, in order."
    )
    combine: Combine = Field(
        default_factory=lambda: Combine.model_validate({}), description="What must agree between inputs."
    )
    target: Target = Field(default_factory=lambda: Target.model_validate({}), description="What is written.")
    checks: list[CheckEntry] = Field(default_factory=list, description="What must hold of what was written.")

    _source: Source | None = PrivateAttr(None)
    _folder: Path = PrivateAttr(Path())
    _values: dict[str, Any] = PrivateAttr(default_factory=dict)
    _hooks: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def source(self) -> Source:
        """The file as written, with the place of everything in it."""
        if self._source is None:
            raise AttributeError("this recipe was not read from a file")
        return self._source

    @property
    def folder(self) -> Path:
        """Folder to which relative paths of the recipe refer."""
        return self._folder

    @property
    def parameter_values(self) -> dict[str, Any]:
        """Values of parameters and matrix names that were filled in."""
        return dict(self._values)

    @property
    def hooks(self) -> dict[str, str]:
        """Text of the files that hold the recipe's own Python, by name, as they were when they were read."""
        return self._hooks

    def read_hooks(self) -> None:
        """Read these files (again): what is in them now is what is run, and what the fingerprint covers."""
        self._hooks = hook_texts(self.transforms, self._folder)

    def hook_digests(self) -> dict[str, str]:
        """SHA-256 (hex) of each of these files."""
        import hashlib

        return {file: hashlib.sha256(text.encode()).hexdigest() for file, text in self._hooks.items()}

    def locate(self, *path: str | int) -> str:
        """``file:line:column`` of a YAML path, for messages of later stages; the recipe's id when it has no file."""
        return self._source.locate(path) if self._source is not None else self.id

    def fingerprint(self) -> str:
        """SHA-256 (hex) of what affects the data: SECTIONS_THAT_AFFECT_DATA, defaults filled in, in canonical JSON, and the
        files of hooks.

        The store's name is left out, so is the list of known-missing URLs' order in YAML: only meaning counts.
        """
        import hashlib

        data = {name: self.model_dump(mode="json", include={name})[name] for name in SECTIONS_THAT_AFFECT_DATA}
        data["target"].pop("name")
        data["target"].pop("on_changed")
        data["storage_options"] = self.fetch.storage_options
        if self._hooks:
            data["hooks"] = self.hook_digests()
        text = json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def summary(self) -> dict[str, str]:
        """What the reprs show, line by line."""
        keys = [*self.inputs.concat, *self.inputs.merge]
        source = getattr(self.inputs, self.inputs.kind)
        lines = {
            "title": self.title,
            "license": self.license or "not given",
            "inputs": f"{self.inputs.kind}: {source if isinstance(source, str) else _brief(source)}",
            "concat": ", ".join(self.inputs.concat) or "none",
            "merge": ", ".join(self.inputs.merge) or "none",
            "transforms": ", ".join(t.name for t in self.transforms) or "none",
            "target": f"{self.target.format}, chunks {_brief(self.target.chunks)}",
            "fingerprint": self.fingerprint()[:12],
        }
        return lines if keys else {k: v for k, v in lines.items() if k not in ("concat", "merge")}

    def __repr__(self) -> str:
        return "\n".join([f"<Recipe {self.id}>", *(f"  {k:<12}{v}" for k, v in self.summary().items())])

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """What notebooks show."""
        import html

        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(k)}</th><td style='text-align:left'>{html.escape(v)}</td></tr>"
            for k, v in self.summary().items()
        )
        return f"<table><caption>Recipe <b>{html.escape(self.id)}</b></caption>{rows}</table>"


def _brief(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} files, first {value[0]}"
    if isinstance(value, dict):
        return ", ".join(f"{k}: {v}" for k, v in value.items())
    return str(value)
