"""The recipe as text: YAML with a comment for each choice, and ``# TODO`` where nothing could be known."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

from pangeo_forge.inference.draft import Draft
from pangeo_forge.inference.evidence import Sample, SampleVariable
from pangeo_forge.inference.guess import KeyGuess

CHUNK_BYTES = 50_000_000
_PLAIN = re.compile(r"[A-Za-z_/.][A-Za-z0-9_./-]*( [A-Za-z0-9(][A-Za-z0-9_./()-]*)*\Z|[0-9]+(D|h|min|s|W|MS|YS)\Z")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?)?\Z")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "none", "nan", "inf"}
_LICENSES = (
    (r"creativecommons\.org/licenses/by/4\.0|CC[ -]BY[ -]4\.0|Creative Commons Attribution 4\.0 ", "CC-BY-4.0"),
    (r"creativecommons\.org/publicdomain/zero/1\.0|CC0", "CC0-1.0"),
    (r"creativecommons\.org/licenses/by-sa/4\.0|CC[ -]BY[ -]SA[ -]4\.0|Attribution[- ]ShareAlike 4\.0", "CC-BY-SA-4.0"),
)


def scalar(value: Any) -> str:
    """A value in YAML, quoted where YAML would read it otherwise."""
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    text = str(value)
    if _DATE.match(text) or (_PLAIN.match(text) and text.lower() not in _WORDS):
        return text
    return '"' + "".join(_escaped(c) for c in text) + '"'


def _escaped(c: str) -> str:
    if c in '"\\':
        return "\\" + c
    return c if c.isprintable() else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"


def flow(value: Any) -> str:
    """A value in YAML's flow style, on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(v) for v in value) + "]"
    return scalar(value)


def quoted_url(text: str) -> str:
    """A URL or path: plain when YAML allows it, as recipes are read by people."""
    plain = (
        not text.startswith(("{", "[", "*", "&", "!", "%", "@", "`", "'", '"', "#", "|", ">", "-", "?", " "))
        and ": " not in text
    )
    return text if plain and " #" not in text and not text.endswith((" ", ":")) and text.isprintable() else scalar(text)


def write_document(draft: Draft, *, folder: Path, today: str) -> str:
    """The text of ``recipe.yaml``.

    Parameters
    ----------
    folder: where it will lie; local paths below the current folder are written relative to it.
    today: date of writing, for the head.
    """
    lines = _head(draft, folder, today)
    lines += ["", *_inputs(draft, folder)]
    for section in (_open(draft), _transforms(draft), _combine(draft), _target(draft), _checks(draft)):
        if section:
            lines += ["", *section]
    return "\n".join(lines) + "\n"


def _head(draft: Draft, folder: Path, today: str) -> list[str]:
    sample = draft.sample
    attrs = sample.attrs if sample else {}
    title = _text(attrs.get("title")) or draft.id.replace("-", " ").capitalize()
    license_ = next(
        (found for text in (_text(attrs.get("license")),) for p, found in _LICENSES if re.search(p, text)), None
    )
    institution = _text(attrs.get("institution"))
    summary = _text(attrs.get("summary")) or _text(attrs.get("description"))
    source = "from names and the metadata of samples" if sample else "from names alone: no sample was opened"
    lines = [
        f"# Written by `pangeo-forge init` on {today}, {source}. Read it, fill in each TODO, then:",
        f"#   pangeo-forge lint {draft.id}   pangeo-forge plan {draft.id} --probe   pangeo-forge dry-run {draft.id}",
        "format_version: 1",
        f"id: {scalar(draft.id)}",
        f"title: {scalar(title)}"
        + (
            "  # the title attribute of the first sample"
            if attrs.get("title")
            else "  # TODO: name the dataset in one line"
        ),
    ]
    what = f"  # {'from the first sample; ' if summary else ''}TODO: say what the dataset is"
    lines.append(f"description: {scalar(summary[:300] or 'To be written.')}{what}")
    told = _text(attrs.get("license")) if not license_ else ""
    lines.append(
        f"license: {license_}  # as the files say; TODO: confirm"
        if license_
        else f"# TODO license: an SPDX id such as CC-BY-4.0, or `other` with license_url.{f' The files say: {told[:100]}' if told else ''}"
    )
    if institution:
        lines += ["providers:", f"  - {{name: {scalar(institution[:120])}}}  # as the files say; TODO: roles and url"]
    else:
        lines.append("# TODO providers: [{name: WHO MADE THE DATA, roles: [producer, licensor], url: https://...}]")
    lines += ["# TODO maintainers: [{name: YOU, github: HANDLE}]", "# TODO keywords: [...]"]
    return lines


def _text(value: Any) -> str:
    return (
        " ".join(str(value).split()).encode("utf-8", "replace").decode()
        if isinstance(value, (str, bytes)) and value
        else ""
    )


def _inputs(draft: Draft, folder: Path) -> list[str]:
    guess = draft.guess
    lines = ["inputs:"]
    for note in guess.notes:
        lines += _comment(note, 2)
    lines += _source(draft, folder)
    for role, meaning in (("concat", "joined end to end"), ("merge", "each brings other variables of the same grid")):
        keys = [k for k in guess.keys if k.role == role]
        if keys:
            lines.append(f"  {role}:  # {meaning}")
            lines += [line for key in keys for line in _key(draft, key)]
    if guess.missing:
        lines.append(
            f"  # {len(guess.missing)} files that the samples, being all there is, lack. `on_missing: fill` keeps their slots."
        )
        lines += ["  missing:", *(f"    - {flow(m)}" for m in guess.missing)]
    if draft.items_per_file is not None:
        lines.append(
            f"  items_per_file: {draft.items_per_file}  # length of the concat dimension in the samples; checked, never trusted"
        )
    return lines


def _source(draft: Draft, folder: Path) -> list[str]:
    kind, value = next(iter(draft.guess.source.items()))
    if kind == "files":
        return ["  files:", *(f"    - {quoted_url(placed(f, folder))}" for f in value), "  sort: none"]
    if kind == "listing":
        return [
            "  listing:",
            f"    url: {quoted_url(value['url'])}",
            "    match: '" + value["match"].replace("'", "''") + "'",
        ]
    return [f"  {kind}: {quoted_url(placed(value, folder))}"]


def placed(path: str, folder: Path) -> str:
    """A local path relative to the recipe's folder when both lie below the current folder; else as it is."""
    if "://" in path or not os.path.isabs(path):
        return path
    here = os.getcwd()
    if path.startswith(here.rstrip("/") + "/") and str(folder.absolute()).startswith(here.rstrip("/")):
        return os.path.relpath(path, folder.absolute())
    return path


def _key(draft: Draft, key: KeyGuess) -> list[str]:
    lines = _comment(f"{key.shown}: {key.evidence}", 4) if key.kind != "words" else []
    for note in key.notes:
        lines += _comment(note, 4)
    along = next((a for a in draft.along if a.key is key), None)
    if along is not None:
        lines += _comment(f"along {along.dim!r}: {along.why}", 4)
    if key.kind == "dates" and isinstance(key.values, dict) and "end" in key.values:
        lines += _comment("`end: latest` follows an archive that grows", 4)
    values: Any = {"dim": key.dim, "values": key.values} if key.dim else key.values
    table = key.values if key.kind == "table" else None
    if table is None:
        return [*lines, f"    {key.name}: {flow(values)}"]
    inner = "      " if key.dim is None else "        "
    head = (
        [f"    {key.name}:"]
        if key.dim is None
        else [f"    {key.name}:", f"      dim: {scalar(key.dim)}", "      values:"]
    )
    return [*lines, *head, *(f"{inner}{scalar(k)}: {flow(v)}" for k, v in table.items())]


def _comment(text: str, indent: int, width: int = 116) -> list[str]:
    import textwrap

    lead = " " * indent + "# "
    return textwrap.wrap(
        text, width, initial_indent=lead, subsequent_indent=lead, break_long_words=False, break_on_hyphens=False
    )


def _open(draft: Draft) -> list[str]:
    sample = draft.sample
    if sample is None:
        name = str(next(iter(draft.guess.source.values())))
        if "/dodsC/" in name:
            return ["open: {format: opendap}  # TODO: the URL looks like an OPeNDAP service; no sample was opened"]
        return [
            "open: {format: auto}  # told from the first bytes; no sample was opened. HDF5 with groups needs `group: /NAME`"
        ]
    section: dict[str, Any] = {"format": sample.format if sample.format in ("opendap", "zarr") else "auto"}
    if sample.group:
        section["group"] = sample.group
    group = "" if not sample.group else ", with data in groups"
    return [f"open: {flow(section)}  # the samples are {_FORMATS.get(sample.format, sample.format)}{group}"]


_FORMATS = {
    "hdf5": "NetCDF-4 or HDF5",
    "netcdf3": "NetCDF-3",
    "grib1": "GRIB 1",
    "grib2": "GRIB 2",
    "geotiff": "GeoTIFF",
}


def _transforms(draft: Draft) -> list[str]:
    if not draft.transforms:
        return []
    return ["transforms:", *(f"  - {_one_key(t)}  # {why}" for t, why in draft.transforms)]


def _one_key(mapping: dict[str, Any]) -> str:
    return ", ".join(f"{scalar(k)}: {flow(v)}" for k, v in mapping.items())


def _combine(draft: Draft) -> list[str]:
    if not draft.combine:
        return []
    return ["combine:", *(f"  {_one_key(c)}  # {why}" for c, why in draft.combine)]


def _target(draft: Draft) -> list[str]:
    lines = ["target:"]
    sample = draft.sample
    for text in _sizes(draft, sample) if sample else ["no sample was opened: sizes are not known"]:
        lines += _comment(text, 2)
    return [*lines, "  chunks: auto  # or by dimension, e.g. {time: 20, lat: -1}", "  chunk_bytes: 50MB"]


def _sizes(draft: Draft, sample: Sample) -> list[str]:
    largest = max(sample.data, key=lambda v: v.nbytes, default=None)
    if largest is None:
        return []
    texts = []
    shape = ", ".join(f"{d}: {n}" for d, n in zip(largest.dims, largest.shape, strict=True))
    count = draft.count
    one = sum(v.nbytes for v in sample.data)
    texts.append(
        f"{largest.name} ({shape}; {largest.dtype.lstrip('<>|=')}) is {size(largest.nbytes)} a file; all variables of a file {size(one)}, "
        f"about {size(one * count)} in {count:,} file{'s' if count != 1 else ''}, uncompressed"
    )
    along = draft.along[0] if draft.along else None
    if along is not None:
        step = largest.nbytes // max(1, along.length or sample.sizes.get(along.dim, 1))
        files_steps = (along.length or sample.sizes.get(along.dim, 1)) * count
        fit = max(1, min(files_steps, CHUNK_BYTES // max(1, step)))
        texts.append(
            f"one step along {along.dim!r} of it is {size(step)}: chunks of 50 MB hold about {fit:,} whole steps"
        )
    packed = [v.name for v in sample.data if v.packed]
    if packed:
        texts.append(
            f"packed ({', '.join(packed[:4])}{' ...' if len(packed) > 4 else ''}): stored integers go through bit-exact where all files agree"
        )
    return texts


def size(count: float) -> str:
    """Bytes for people."""
    if count < 1000:
        return f"{count:.0f} B"
    power = min(5, int(math.log10(count) // 3))
    return f"{count / 1000**power:.3g} {' kMGTP'[power]}B"


def _checks(draft: Draft) -> list[str]:
    rows = [f"  - {flow(c)}  # {why}" for c, why in draft.checks]
    sample = draft.sample
    names = [v.name for v in _named(sample)] if sample and not draft.guess.merge and len(sample.data) <= 12 else []
    hint = names[0] if names else "NAME"
    rows.append(f"  # TODO - {{variable: {hint}, min: ..., max: ..., max_missing: ...}}")
    if not draft.checks:
        return ["checks:", "  - {sample: 8}  # compare 8 random regions with the inputs", *rows]
    return ["checks:", *rows]


def _named(sample: Sample) -> list[SampleVariable]:
    return [v for v in sample.data if v.dims]
