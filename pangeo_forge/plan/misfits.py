"""What a recipe's target asks for and the dataset does not have: all of it at once, each with its place in the recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pangeo_forge.errors import PlanError


@dataclass(frozen=True)
class Misfit:
    """One thing that does not fit."""

    code: str
    path: tuple[str, ...]
    """Where it is written: ``("target", "chunks", "lat")``."""
    text: str
    hint: str


class MisfitError(PlanError):
    """All misfits; their places in the file are told once it is known (:meth:`locate`)."""

    def __init__(self, misfits: Sequence[Misfit], about: str) -> None:
        self.misfits, self.about = tuple(misfits), about
        super().__init__("", code=misfits[0].code)
        self._tell([None] * len(misfits))

    def locate(self, place: Callable[..., str]) -> None:
        """Tell ``file:line:column`` of each; ``place`` finds it for the parts of a path."""
        self._tell([place(*m.path) for m in self.misfits])

    def _tell(self, places: Sequence[str | None]) -> None:
        lines = [f"{'.'.join(m.path)}: {m.text}" for m in self.misfits]
        if len(lines) == 1:
            self.where, self.hint = places[0], f"{self.misfits[0].hint}; {self.about}"
            self.message = lines[0]
            return
        rows = [
            f"  {f'{place}: ' if place else ''}{line}; {m.hint}"
            for place, line, m in zip(places, lines, self.misfits, strict=True)
        ]
        self.message, self.hint = "the target does not fit the dataset:\n" + "\n".join(rows) + "\n", self.about


def raise_misfits(misfits: Sequence[Misfit], about: str) -> None:
    """Raise one error for all, if there are any.

    Parameters
    ----------
    about: what the dataset has, for the hint.

    Raises
    ------
    MisfitError: with the code of the first.
    """
    if misfits:
        raise MisfitError(misfits, about)
