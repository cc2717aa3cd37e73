"""New inputs that continue a dataset: scanned, compared with what is there, in its own encoding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pangeo_forge.dataset.model import Template
from pangeo_forge.dataset.settings import CombineSettings
from pangeo_forge.pipeline.prepare_inputs import Prepared
from pangeo_forge.plan.plan import ArrayPlan
from pangeo_forge.runs.agreement import adapted, check_continuation
from pangeo_forge.runs.extension import coordinate
from pangeo_forge.runs.ledger import Ledger, Row, is_listed, make_rows, with_filled
from pangeo_forge.runs.session import Session
from pangeo_forge.runs.steps import Run, constants_of
from pangeo_forge.targets.chunks import ChunkStore


@dataclass(frozen=True)
class Addition:
    """What one run adds to a dataset."""

    run: Run
    session: Session
    """Of the new inputs alone."""
    prepared: Prepared
    template: Template
    """Of the new inputs alone, in the dataset's encoding."""
    settings: CombineSettings
    before: Ledger
    rows: tuple[Row, ...]
    """Of the new inputs."""
    digests: Mapping[str, str]
    """Of arrays that no input divides."""

    @classmethod
    def of(cls, run: Run, session: Session, prepared: Prepared, ledger: Ledger, there: ChunkStore) -> Addition:
        """The addition of inputs that were scanned, or an error that says why they do not continue the dataset.

        Parameters
        ----------
        there: chunks of the dataset as it is.

        Raises
        ------
        TargetError: T056, T057.
        CombineError: when a value has no exact form in the dataset's encoding.
        """
        settings, dim = CombineSettings.from_recipe(session.recipe), str(ledger.dim)
        template = adapted(prepared.combination.template(), ledger)
        session.warnings.extend(template.warnings)
        axis = template.concat_dims.index(dim)
        labels = {p[axis]: session.archive.label(p) for p in template.positions}
        check_continuation(template, dim, coordinate(ledger, there), labels, settings)
        absent = prepared.combination.absent
        rows = make_rows(
            with_filled(prepared.ledger, absent.labels if absent else {}, session.pattern),
            session.pattern,
            template,
            dim,
            listed=is_listed(session.recipe),
            run=run.id,
            offset=ledger.length,
        )
        digests = constants_of(prepared.combination, template)
        return cls(run, session, prepared, template, settings, ledger, rows, digests)

    def after(self, attrs: Mapping[str, Any], arrays: tuple[ArrayPlan, ...]) -> Ledger:
        """The ledger of the dataset with what is added."""
        length = self.before.length + int(self.template.sizes[str(self.before.dim)])
        return replace(self.before, length=length, attrs=attrs, arrays=arrays, rows=(*self.before.rows, *self.rows))
