"""A recipe in a notebook: what was written, with plan, dry_run and run as methods."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pangeo_forge.recipe import load as loading
from pangeo_forge.recipe.model import Recipe

if TYPE_CHECKING:
    from pangeo_forge.pattern.pattern import FilePattern
    from pangeo_forge.runs.planning import PlanReport
    from pangeo_forge.runs.result import RunResult


@dataclass(frozen=True, repr=False)
class LoadedRecipe:
    """A recipe that is ready to be planned and run; ``model`` holds all its sections."""

    model: Recipe

    @property
    def id(self) -> str:
        """The recipe's id."""
        return self.model.id

    def pattern(self) -> FilePattern:
        """The inputs, in order; listings and catalogues are read now."""
        from pangeo_forge.pattern.pattern import FilePattern
        from pangeo_forge.runs.sources import source_context

        return FilePattern.from_inputs(
            self.model.inputs,
            folder=self.model.folder,
            parameters=self.model.parameter_values,
            now=dt.datetime.now(dt.UTC).date(),
            context=source_context(self.model),
        )

    def plan(self, *, probe: bool = False, **settings: Any) -> PlanReport:
        """What a run would do; ``probe`` opens the first and last inputs. ``settings``: see :class:`RunSettings`."""
        from pangeo_forge.runs.planning import plan_recipe
        from pangeo_forge.runs.settings import settings_of

        return plan_recipe(self.model, settings_of(**settings), probe=probe)

    def dry_run(self, **settings: Any) -> RunResult:
        """The whole path on the first and last inputs, into a temporary store that is verified and removed."""
        from pangeo_forge.runs.execution import dry_run_recipe
        from pangeo_forge.runs.settings import settings_of

        return dry_run_recipe(self.model, settings_of(**settings))

    def run(self, target: str | None = None, **settings: Any) -> RunResult:
        """Turn the inputs into a verified store at ``target``. ``settings``: see :class:`RunSettings`."""
        from pangeo_forge.runs.execution import run_recipe
        from pangeo_forge.runs.settings import settings_of

        return run_recipe(self.model, settings_of(target=target, **settings))

    def __repr__(self) -> str:
        return repr(self.model)

    def _repr_html_(self) -> str:
        return self.model._repr_html_()


def load_recipe(
    recipe: str, *, params: Mapping[str, str] | None = None, set_: Sequence[str] = (), recipes_dir: str = "recipes"
) -> LoadedRecipe:
    """Load a recipe by file, folder or id under ``recipes_dir``.

    Raises
    ------
    RecipeErrors: all that is wrong with it, each with file, line and column.
    """
    return LoadedRecipe(loading.load_recipe(recipe, params=params, set_=set_, recipes_dir=recipes_dir))
