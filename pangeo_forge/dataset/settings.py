"""How inputs are combined: the ``combine`` section of a recipe, and what else of it decides about the template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pangeo_forge.recipe.globs import settings_of


@dataclass(frozen=True)
class CombineSettings:
    """Policies; the defaults are the strict ones."""

    concat_dims: tuple[str, ...]
    """Dimension of each concat key, in the order of an Index."""
    coords: str = "match"
    """Variables without a concat dim: ``match``, equal in all inputs; ``first``, those of the first input."""
    tolerance: float | None = None
    """Largest absolute difference between numbers that counts as a match."""
    variables: str = "exact"
    """``exact``: all inputs hold the same; ``intersection``; ``union``: absent ones are filled with the fill value."""
    attrs: str = "drop_conflicts"
    """``drop_conflicts``: those that differ are left out; ``first``; ``match``: a difference is an error."""
    time_units: str | None = None
    time_calendar: str | None = None
    duplicates: str = "fail"
    gaps: str = "allow"
    regular: str | None = None
    """Step of the first concat dim's coordinate, "1D", "6h", "1MS": checked when ``gaps`` is ``fail``."""
    order: str = "check"
    items_per_file: Mapping[str, int] = field(default_factory=dict)
    """Length that each input must have along a concat dim."""
    encodings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Per variable, what ``target.variables`` declares: dtype, scale_factor, add_offset, fill_value."""

    @classmethod
    def from_recipe(cls, recipe: Any) -> CombineSettings:
        """Settings from a :class:`pangeo_forge.recipe` Recipe."""
        combine, inputs, target = recipe.combine, recipe.inputs, recipe.target
        dims = tuple(getattr(entry, "dim", None) or name for name, entry in (inputs.concat or {}).items())
        items = getattr(inputs, "items_per_file", None)
        moment = getattr(combine, "time", None)
        names = ("coords", "tolerance", "variables", "attrs", "duplicates", "gaps", "regular", "order")
        given: dict[str, Any] = {n: getattr(combine, n) for n in names if getattr(combine, n, None) is not None}
        return cls(
            concat_dims=dims,
            time_units=getattr(moment, "units", None),
            time_calendar=getattr(moment, "calendar", None),
            items_per_file=dict(items) if isinstance(items, Mapping) else {dims[0]: items} if items and dims else {},
            encodings=_encodings(getattr(target, "variables", None) or {}),
            **given,
        )

    def encoding_of(self, name: str) -> dict[str, Any]:
        """What is declared for a variable, by its name or by globs."""
        declared: dict[str, Any] = {}
        for entry in settings_of(name, self.encodings):
            declared.update(entry)
        return declared


def _encodings(variables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    wanted = ("dtype", "scale_factor", "add_offset", "fill_value")
    found = {}
    for name, entry in variables.items():
        read = entry.get if isinstance(entry, Mapping) else lambda k, e=entry: getattr(e, k, None)
        declared = {k: read(k) for k in wanted if read(k) is not None}
        if declared:
            found[name] = declared
    return found
