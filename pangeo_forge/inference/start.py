"""``init`` as a function: samples in, a recipe file out."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pangeo_forge.errors import InternalError, UsageError
from pangeo_forge.inference.document import placed, write_document
from pangeo_forge.inference.draft import Draft, make_draft, to_open
from pangeo_forge.inference.evidence import Evidence, examine
from pangeo_forge.inference.inference import infer
from pangeo_forge.inference.samples import Samples, gather
from pangeo_forge.pattern.redaction import redact_url


@dataclass(frozen=True)
class Start:
    """A recipe that was written, and what it rests on."""

    path: Path
    draft: Draft
    samples: Samples
    warnings: tuple[str, ...]
    argument: str
    """What to call the recipe in other commands."""

    @property
    def notes(self) -> list[str]:
        """What the samples could not tell, with the choices made."""
        return [*self.samples.notes, *self.draft.guess.all_notes(), *self.draft.evidence.notes, *self.draft.notes]

    def lines(self) -> list[tuple[str, str]]:
        """Name and value of what was inferred, without the keys."""
        draft = self.draft
        kind, value = next(iter(draft.guess.source.items()))
        shown = (
            f"{len(value)} files, listed one by one"
            if kind == "files"
            else value["url"]
            if kind == "listing"
            else value
        )
        rows = [
            ("samples", f"{len(self.samples.names)}, {len(draft.evidence.samples)} opened"),
            (kind, redact_url(placed(str(shown), Path()))),
        ]
        if draft.guess.source.get("url"):
            rows.append(("inputs", f"{draft.count:,}"))
        sample = draft.sample
        if sample is not None:
            group = f", group {sample.group}" if sample.group else ""
            dims = ", ".join(f"{d}: {n}" for d, n in sample.sizes.items())
            names = [v.name for v in sample.data]
            rows.append(("format", f"{sample.format}{group}; {dims}"))
            rows.append(("data", ", ".join(names[:8]) + (f" ... ({len(names)})" if len(names) > 8 else "")))
        return rows

    def rows(self) -> list[tuple[str, str, str, str]]:
        """The table of keys: name, kind, values, evidence."""
        made = []
        for key in self.draft.guess.keys:
            along = next((a for a in self.draft.along if a.key is key), None)
            dim = (
                f" along {along.dim}"
                if along is not None and along.dim != key.name
                else f" along {key.dim}"
                if key.dim
                else ""
            )
            shown = key.shown if len(key.shown) <= 60 else key.shown[:57] + "..."
            made.append((key.name, f"{key.role}{dim}, {key.kind}", shown, key.evidence))
        return made

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        keys = [
            {"name": k.name, "role": k.role, "kind": k.kind, "dim": k.dim, "values": k.values, "evidence": k.evidence}
            for k in self.draft.guess.keys
        ]
        sample = self.draft.sample
        return {
            "path": str(self.path), "id": self.draft.id, "inputs": self.draft.guess.section(), "keys": keys,
            "format": sample.format if sample else None, "group": sample.group if sample else None,
            "opened": len(self.draft.evidence.samples), "notes": self.notes, "warnings": list(self.warnings),
        }  # fmt: skip


def start_recipe(
    recipe_id: str,
    given: Sequence[str],
    listed_in: Sequence[str] = (),
    *,
    output: str | None = None,
    open_samples: bool = True,
    force: bool = False,
    cache: str | None = None,
    say: Callable[[str], None] | None = None,
) -> Start:
    """Infer a recipe from samples and write it.

    Parameters
    ----------
    given: URLs, files, a folder or an index page. listed_in: files that name some.
    output: the file or folder to write; default ``recipes/<id>/recipe.yaml``.
    open_samples: read the metadata of up to three samples; else only names are used.
    cache: where copies of remote samples are kept; default as for runs.
    say: called with a line when something slow begins.

    Raises
    ------
    UsageError: U201 to U204 (samples), U205 (the id), U206 (the file exists).
    """
    path = _target(recipe_id, output, force)
    samples = gather(given, listed_in)
    guess = infer(samples.names, complete=samples.complete, listed=samples.listed)
    evidence = Evidence()
    if open_samples:
        positions = to_open(guess, samples.names)
        if say is not None and any("://" in samples.names[p] for p in positions):
            say(f"fetching {len(positions)} sample{'s' if len(positions) > 1 else ''} to read their metadata ...")
        evidence = _examined(samples.names, positions, cache)
    warnings = list(evidence.warnings)
    if open_samples and not evidence.samples:
        warnings.append("no sample could be opened: the recipe rests on names alone")
    draft = make_draft(recipe_id, guess, evidence)
    text = write_document(draft, folder=path.parent, today=dt.datetime.now(dt.UTC).date().isoformat())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    _refuse_wrong(path)
    default = Path("recipes") / recipe_id / "recipe.yaml"
    return Start(path, draft, samples, tuple(warnings), recipe_id if path == default else str(path))


def _target(recipe_id: str, output: str | None, force: bool) -> Path:
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", recipe_id):
        near = re.sub(r"[^a-z0-9]+", "-", recipe_id.lower()).strip("-")
        hint = f"write {near}" if near else "write lower-case letters, digits and dashes: noaa-oisst"
        if "/" in recipe_id or recipe_id.endswith(".nc"):
            hint = "the id comes first: pangeo-forge init ID --from URL URL"
        raise UsageError(f"{recipe_id!r} is not an id for a recipe", code="U205", hint=hint)
    path = Path("recipes") / recipe_id / "recipe.yaml" if output is None else Path(output)
    if path.is_dir() or path.suffix not in (".yaml", ".yml"):
        path = path / "recipe.yaml"
    if path.exists() and not force:
        raise UsageError(
            f"{path} exists", code="U206", hint="choose another id or --output, or replace it with --force"
        )
    return path


def _examined(names: Sequence[str], positions: Sequence[int], cache: str | None) -> Evidence:
    import os

    from pangeo_forge.inputs.fetch import Cache, Fetcher, FetchOptions

    # Where runs look as well, so that what is fetched now need not be fetched again.
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    root = cache or os.environ.get("PANGEO_FORGE_CACHE") or str(Path(home) / "pangeo-forge")
    remote = any("://" in names[p] for p in positions)
    stored = Cache(root if "://" in root else str(Path(root).expanduser().absolute())) if remote else None
    with Fetcher(FetchOptions(retries=1, timeout=30.0), stored) as fetcher:
        return examine(names, positions, fetcher)


def _refuse_wrong(path: Path) -> None:
    """What init writes must lint: anything else is our fault, and the text is kept for the report."""
    from pangeo_forge.pattern.checking import with_patterns
    from pangeo_forge.recipe.lint import lint

    report = with_patterns(lint(path))
    if not report.ok:
        raise InternalError(
            f"the recipe that init wrote does not lint: {report.errors[0]}", code="X230", where=str(path),
            hint="mend the file by hand, and report the samples",
        )  # fmt: skip
