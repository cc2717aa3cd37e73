"""What a run would do, without doing it: from the pattern alone, or with the first and last inputs opened."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pangeo_forge import progress
from pangeo_forge.dataset.model import ArrayTemplate, Template
from pangeo_forge.errors import InputError
from pangeo_forge.pattern.pattern import FilePattern
from pangeo_forge.recipe.model import Recipe
from pangeo_forge.runs.session import Session, opened_session, pruned
from pangeo_forge.runs.settings import RunSettings

SHOWN_URLS = 3
PROBED = 2
"""Values of each concat key whose inputs are opened: the first and the last."""


@dataclass(frozen=True)
class PlanReport:
    """What is known of a run before it."""

    recipe_id: str
    title: str
    fingerprint: str
    keys: tuple[Mapping[str, Any], ...]
    """One row a key: name, dim, kind (concat or merge), count, first, last."""
    inputs: int
    first: tuple[str, ...]
    last: tuple[str, ...]
    known: Mapping[str, Any] | None = None
    """Summary of the plan; None when no input was opened."""
    estimated: bool = False
    """Lengths of inputs that were not opened are taken from those that were."""
    absent: tuple[str, ...] = ()
    """Inputs that do not exist, as far as they were probed."""
    probed: int = 0
    """Inputs that were asked for, of those that the recipe does not declare missing."""
    sized: int = 0
    """Of these, inputs whose size the server tells."""
    sized_bytes: int = 0
    asked: Mapping[str, Any] = field(default_factory=dict)
    """What the recipe asks of the target."""

    @property
    def input_bytes(self) -> int | None:
        """Bytes of all inputs, as long as those whose size is known are on average; None: no size is known."""
        present = self.inputs * (1 - len(self.absent) / self.probed) if self.probed else 0
        return round(self.sized_bytes / self.sized * present) if self.sized else None

    def to_json(self) -> dict[str, Any]:
        """For ``--json``."""
        from dataclasses import asdict

        return asdict(self)

    def lines(self) -> list[tuple[str, str]]:
        """Name and value, without the table of variables."""
        rows = [("recipe", f"{self.recipe_id}: {self.title}")]
        for key in self.keys:
            along = f" along {key['dim']}" if key["dim"] not in (None, key["name"]) else ""
            rows.append((key["kind"], f"{key['name']}{along}: {key['count']:,} ({key['first']} ... {key['last']})"))
        rows.append(("inputs", f"{self.inputs:,}"))
        rows += [("first", url) for url in self.first[:SHOWN_URLS]]
        rows += [("last", url) for url in self.last[-1:] if self.inputs > len(self.first)]
        rows += [("target", ", ".join(f"{k}: {_plain(v)}" for k, v in self.asked.items()))]
        return rows

    def __repr__(self) -> str:
        text = [f"{k:<8} {v}" for k, v in self.lines()]
        if self.known:
            sizes = ", ".join(f"{k}: {v:,}" for k, v in self.known["sizes"].items())
            text += [f"{'dims':<8} {sizes}", f"{'work':<8} {self.known['text']}"]
        return "\n".join(text)

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{k}</th><td>{html.escape(v)}</td></tr>" for k, v in self.lines())
        return f"<table>{rows}</table>"


def plan_recipe(
    recipe: Recipe,
    settings: RunSettings | None = None,
    front_end: progress.Progress | None = None,
    *,
    probe: bool = False,
    ask: int | None = None,
) -> PlanReport:
    """What a run of ``recipe`` would do.

    Parameters
    ----------
    probe: open the first and last inputs of each concat key (all of each merge key), and ask for every input whether it
        exists. Without it nothing is read: what is not written in the recipe is not known.
    ask: ask for so many inputs only, spread evenly, the first and the last among them; None: for every one.
    """
    settings = settings or RunSettings()
    with opened_session(recipe, settings, front_end, starts=probe) as session:
        report = _from_pattern(recipe, session.pattern)
        if not probe:
            return report
        report = _asked(report, session, ask)
        try:
            known, estimated = _probed(recipe, settings, session, front_end)
        except InputError:
            # One of the inputs to open is among the absent ones: all of them are told, not this one only.
            if not report.absent:
                raise
            known, estimated = None, False
    return replace(report, known=known, estimated=estimated)


def _plain(value: Any) -> str:
    """As it is written in a recipe."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {_plain(v)}" for k, v in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _from_pattern(recipe: Recipe, pattern: FilePattern) -> PlanReport:
    keys = tuple(
        {
            "name": key.name,
            "dim": key.dim,
            "kind": "concat" if key.dim is not None else "merge",
            "count": len(key),
            "first": key.values[0].label,
            "last": key.values[len(key) - 1].label,
        }
        for key in pattern.keys
    )
    count = len(pattern)
    target = recipe.target.model_dump(exclude_defaults=True)
    return PlanReport(
        recipe_id=recipe.id,
        title=recipe.title,
        fingerprint=recipe.fingerprint(),
        keys=keys,
        inputs=count,
        first=tuple(pattern[i].label for i in range(min(count, SHOWN_URLS))),
        last=tuple(pattern[i].label for i in range(max(0, count - SHOWN_URLS), count)),
        asked={"format": recipe.target.format, **target},
    )


def _asked(report: PlanReport, session: Session, ask: int | None) -> PlanReport:
    """``report`` with what the sources say of the inputs, asked side by side."""
    pattern, count = session.pattern, len(session.pattern)
    positions: Iterable[int] = range(count)
    if ask is not None and ask < count:
        positions = sorted({round(i * (count - 1) / max(1, ask - 1)) for i in range(ask)})
    items = [item for item in (pattern[p] for p in positions) if not item.missing]
    session.progress.start("probe", len(items))
    absent, sizes = session.archive.ask(items)
    session.progress.advance("probe", len(items))
    session.progress.finish("probe")
    return replace(report, absent=tuple(absent), probed=len(items), sized=len(sizes), sized_bytes=sum(sizes))


def _probed(
    recipe: Recipe, settings: RunSettings, session: Session, front_end: progress.Progress | None
) -> tuple[dict[str, Any], bool]:
    with opened_session(recipe, pruned(settings, PROBED), front_end) as small:
        template = small.prepare().combination.template()
        whole = extrapolated(template, small.pattern, session.pattern)
        return small.plan(whole).summary(), len(small.pattern) < len(session.pattern)


def extrapolated(template: Template, small: FilePattern, whole: FilePattern) -> Template:
    """The template of all inputs, guessed from that of the first and last: inputs between are as long as the first."""
    lengths, starts, sizes = {}, {}, dict(template.sizes)
    for dim, part, full in zip(template.concat_dims, small.concat_keys, whole.concat_keys, strict=True):
        known = template.lengths[dim]
        guess = np.full(len(full), int(known[0]), np.int64)
        for position in range(len(known)):
            guess[part.origin(position)] = known[position]
        lengths[dim] = guess
        starts[dim] = np.concatenate([[0], np.cumsum(guess)[:-1]]).astype(np.int64)
        sizes[dim] = int(guess.sum())
    grid = tuple(len(k) for k in whole.keys)
    positions = tuple(tuple(int(i) for i in index) for index in np.ndindex(*grid)) if grid else template.positions
    arrays = tuple(_stretched(a, sizes) for a in template.arrays)
    return replace(template, sizes=sizes, lengths=lengths, starts=starts, arrays=arrays, positions=positions, trims={})


def _stretched(array: ArrayTemplate, sizes: Mapping[str, int]) -> ArrayTemplate:
    shape = tuple(sizes.get(d, n) for d, n in zip(array.dims, array.shape, strict=True))
    return array if shape == array.shape else replace(array, shape=shape, values=None)
