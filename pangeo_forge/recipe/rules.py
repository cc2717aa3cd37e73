"""What must hold between the parts of a recipe: rules that need no input. Each yields problems; none raises."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pangeo_forge.recipe.combine import Combine
from pangeo_forge.recipe.input_rules import check_inputs
from pangeo_forge.recipe.inputs import Inputs
from pangeo_forge.recipe.problems import Problem
from pangeo_forge.recipe.section import suggestion
from pangeo_forge.recipe.source import YamlPath
from pangeo_forge.recipe.spdx import LICENSES
from pangeo_forge.recipe.target import Target
from pangeo_forge.recipe.transforms import VALUE_CHANGING, Transform
from pangeo_forge.recipe.values import DateValues

_URL_USER = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s@]+@", re.I)
_URL_TOKEN = re.compile(
    r"[?&](token|access_token|api_?key|key|sig|signature|password|X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token|X-Goog-Signature)=[^&{\s]+",
    re.I,
)
_CREDENTIAL_KEY = re.compile(
    r"(^|_|-)(key|secret|token|password|passwd|credential|credentials|account_key|sas_token|username|user)$", re.I
)
_CREDENTIAL_HEADER = re.compile(r"authorization|cookie|x-api-key|token|secret", re.I)
_SECRET_HINT = "name it: fetch.auth: {kind: ..., secret: NAME}"  # noqa: S105 - a message


def check_written(data: Mapping[str, Any]) -> list[Problem]:
    """Credentials, wherever they are written; messages never repeat them."""
    found = list(_credentials_in_urls(data, ()))
    fetch = data.get("fetch")
    if isinstance(fetch, dict):
        options = fetch.get("storage_options")
        for path in credential_keys(options, ("fetch", "storage_options")):
            found.append(Problem(path, "R040", "writes a credential into the recipe", _SECRET_HINT))
        headers = fetch.get("headers")
        for name in headers if isinstance(headers, dict) else ():
            if _CREDENTIAL_HEADER.search(str(name)):
                found.append(
                    Problem(("fetch", "headers", name), "R042", "this header carries a credential", _SECRET_HINT)
                )
    return found


def _credentials_in_urls(value: Any, path: YamlPath) -> Iterator[Problem]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _credentials_in_urls(child, (*path, key))
    elif isinstance(value, list):
        for i, child in enumerate(value):
            yield from _credentials_in_urls(child, (*path, i))
    elif isinstance(value, str) and "://" in value and (_URL_USER.search(value) or _URL_TOKEN.search(value)):
        yield Problem(path, "R041", "the URL holds a credential", f"remove it from the URL and {_SECRET_HINT}")


def credential_keys(value: Any, path: YamlPath) -> Iterator[YamlPath]:
    """Keys of options under which a credential is written."""
    for key, child in value.items() if isinstance(value, dict) else ():
        if isinstance(child, dict):
            yield from credential_keys(child, (*path, key))
        elif _CREDENTIAL_KEY.search(str(key)) and isinstance(child, str):
            yield (*path, key)


def check_sections(sections: Mapping[str, Any], path: Path, names: set[str]) -> list[Problem]:
    """All rules, over those sections that are valid. ``names`` are parameters and matrix keys."""
    found = [*_identity(sections, path), *_license(sections), *_people(sections)]
    inputs, target, combine = sections.get("inputs"), sections.get("target"), sections.get("combine")
    transforms = sections.get("transforms")
    if isinstance(inputs, Inputs):
        found += check_inputs(inputs, names)
    if isinstance(target, Target):
        found += _target(target, inputs)
        if isinstance(transforms, list):
            found += _reference(target, transforms)
    if isinstance(combine, Combine):
        found += _combine(combine, inputs)
    return found


def _identity(sections: Mapping[str, Any], path: Path) -> Iterator[Problem]:
    """The id equals the folder's name; with a matrix the folder's name begins it."""
    identity = sections.get("id")
    folder = path.resolve().parent.name
    if path.name != "recipe.yaml" or not isinstance(identity, str):
        return
    if sections.get("matrix"):
        if not identity.startswith(folder):
            yield Problem(
                ("id",),
                "R020",
                f"{identity!r} does not begin with the folder's name {folder!r}",
                f"write {folder}-{{NAME}}",
            )
    elif identity != folder:
        yield Problem(("id",), "R020", f"{identity!r} is not the folder's name {folder!r}", "make them equal")


def _license(sections: Mapping[str, Any]) -> Iterator[Problem]:
    name, url = sections.get("license"), sections.get("license_url")
    if "title" not in sections:
        return
    if name is None:
        yield Problem(
            (), "R024", "no license is given", "add `license:` with an SPDX id, or other and license_url", warning=True
        )
    elif name == "other":
        if not url:
            yield Problem(("license",), "R023", "'other' does not say which license", "add `license_url:`")
    elif name not in LICENSES:
        near = suggestion(name, LICENSES) or "write an SPDX id such as CC-BY-4.0 or CC0-1.0, or other with license_url"
        yield Problem(("license",), "R022", f"{name!r} is not a known SPDX id", near)


def _people(sections: Mapping[str, Any]) -> Iterator[Problem]:
    if "title" not in sections:
        return
    for name, what in (("maintainers", "nobody keeps the recipe"), ("providers", "no provider of the data is named")):
        if sections.get(name) == []:
            yield Problem((), "R024", what, f"add `{name}:`", warning=True)


def _target(target: Target, inputs: Any) -> Iterator[Problem]:
    """Options that contradict each other."""
    at = ("target",)
    if isinstance(target.chunks, dict):
        for name in ("chunk_bytes", "chunk_ratio"):
            if getattr(target, name) is not None:
                yield Problem(
                    (*at, name), "R060", f"{name} is for chunks: auto, and chunks are given", "remove one of them"
                )
    if target.shards and target.shard_bytes is not None:
        yield Problem((*at, "shard_bytes"), "R060", "shards and shard_bytes are given", "remove one of them")
    sharded = target.shards or target.shard_bytes is not None or any(v.shards for v in target.variables.values())
    if sharded and target.zarr_format == 2:
        yield Problem(
            (*at, "zarr_format"), "R060", "Zarr format 2 has no shards", "write zarr_format: 3 or remove the shards"
        )
    if target.format == "icechunk" and target.zarr_format == 2:
        yield Problem((*at, "zarr_format"), "R060", "icechunk stores are Zarr format 3", "remove zarr_format")
    if target.reference is not None and target.format != "reference":
        yield Problem(
            (*at, "reference"),
            "R060",
            f"reference is for format: reference, not {target.format}",
            "remove it or change format",
        )
    chunks = target.chunks if isinstance(target.chunks, dict) else {}
    yield from _shards(target.shards or {}, chunks, (*at, "shards"))
    for name, variable in target.variables.items():
        own = variable.chunks or chunks
        yield from _shards(variable.shards or {}, own, (*at, "variables", name, "shards"))
    if target.append and not target.consolidated:
        yield Problem(
            (*at, "consolidated"),
            "R060",
            "append makes a store longer by one put of its consolidated metadata, and the target has none",
            "remove consolidated: false, or append",
        )
    if target.append and isinstance(inputs, Inputs):
        dims = [key.dim for key in inputs.concat.values()]
        if target.append not in dims:
            hint = f"append along {' or '.join(dims)}" if dims else "the inputs have no concat key: remove append"
            yield Problem((*at, "append"), "R064", f"{target.append!r} is not a concat dimension", hint)


def _shards(shards: Mapping[str, int], chunks: Mapping[str, int], at: YamlPath) -> Iterator[Problem]:
    for dim, length in shards.items():
        chunk = chunks.get(dim)
        if chunk is None or length == -1:
            continue
        if chunk == -1 or length % chunk:
            whole = "the whole dimension" if chunk == -1 else str(chunk)
            hint = "write -1 for both" if chunk == -1 else f"write {max(1, round(length / chunk)) * chunk}"
            yield Problem((*at, dim), "R062", f"{length} is not a multiple of the chunk length, {whole}", hint)


def _reference(target: Target, transforms: list[Transform]) -> Iterator[Problem]:
    """References point at stored bytes: nothing may change them."""
    if target.format != "reference":
        return
    for i, transform in enumerate(transforms):
        if transform.name in VALUE_CHANGING:
            hint = "remove it, or write format: zarr"
            yield Problem(
                ("transforms", i, transform.name),
                "R063",
                f"{transform.name} changes values, which references cannot",
                hint,
            )
    for name in ("chunk_bytes", "chunk_ratio", "shards", "shard_bytes", "compressor"):
        if getattr(target, name) is not None:
            yield Problem(
                ("target", name),
                "R060",
                f"a reference target keeps the inputs' own storage, {name} has no effect",
                "remove it",
            )
    if isinstance(target.chunks, dict):
        yield Problem(("target", "chunks"), "R060", "a reference target keeps the inputs' own chunks", "remove chunks")
    for name, variable in target.variables.items():
        for key in ("chunks", "shards", "dtype", "scale_factor", "add_offset", "compressor"):
            if getattr(variable, key) is not None:
                path = ("target", "variables", name, key)
                yield Problem(
                    path, "R060", f"a reference target keeps the inputs' own storage, {key} has no effect", "remove it"
                )


def _combine(combine: Combine, inputs: Any) -> Iterator[Problem]:
    if combine.gaps == "fail" and combine.regular is None:
        steps = (
            [k.values.step for k in inputs.concat.values() if isinstance(k.values, DateValues)]
            if isinstance(inputs, Inputs)
            else []
        )
        hint = f"add `regular: {steps[0] if steps else '1D'}`"
        yield Problem(("combine", "gaps"), "R060", "gaps: fail needs the regular step", hint)
    if isinstance(inputs, Inputs) and combine.order == "sort" and not inputs.concat:
        yield Problem(
            ("combine", "order"),
            "R060",
            "there is no concat key, so nothing is sorted",
            "use the transform `sort: DIM`",
        )
