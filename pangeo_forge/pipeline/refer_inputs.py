"""What a worker does for references: find the byte ranges of an input's chunks. No Beam here, and no array data."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from pangeo_forge import progress
from pangeo_forge.dataset.archive import Archive
from pangeo_forge.dataset.model import Index, Template
from pangeo_forge.errors import TargetError
from pangeo_forge.inputs.lazy import Access
from pangeo_forge.inputs.sniff import WRAPPERS, sniff
from pangeo_forge.pattern.pattern import PatternItem
from pangeo_forge.pipeline.effort import Effort, Slow
from pangeo_forge.pipeline.write_task import TaskReport
from pangeo_forge.plan.overlaps import InputGrid, Overlap, Region
from pangeo_forge.targets.byte_ranges import StoredArray, stored_arrays
from pangeo_forge.targets.codec import fill_of
from pangeo_forge.targets.reference_placement import REMEDY, Forms, Piece, check_fill, cut, form_of, place, steps_along
from pangeo_forge.targets.references import References, modified_at, public_url


@dataclass(frozen=True)
class InputReferrer:
    """Makes references to the inputs of an archive; picklable.

    Parameters
    ----------
    forms: what chunks of each referenced array must be like.
    steps: by array: what the lengths of chunks cut out of values in one piece must divide; None: what all inputs allow.
    """

    template: Template
    grid: InputGrid
    archive: Archive
    forms: Forms
    zarr_format: int
    steps: Mapping[str, tuple[int, ...]] | None = None

    def run(self, ordinal: int, stage: int = 0) -> TaskReport:
        """References to the input of that number.

        Raises
        ------
        TargetError: T070 to T075, with the input's key and URL.
        """
        index = self.grid.index(ordinal)
        wanted = self._wanted(index, ordinal)
        if not wanted:
            return TaskReport(tasks=1)
        item = self.archive.item(index)
        began = time.perf_counter()
        try:
            with progress.at(self.archive.channel).doing("refer", item.label):
                pieces = self._pieces(item, ordinal, wanted)
        except TargetError as error:
            error.where = error.where or item.label
            raise
        seconds = time.perf_counter() - began
        effort = Effort(slowest=(Slow(seconds, "refer", item.label),))
        return TaskReport(1, 1, 0, seconds=seconds, changes=References(tuple(pieces)), effort=effort)

    @cached_property
    def _steps(self) -> Mapping[str, tuple[int, ...]]:
        if self.steps is not None:
            return self.steps
        arrays = [self.template.array(name) for name in self.forms]
        return {a.name: steps_along(self.grid, a.dims, a.shape) for a in arrays}

    def _pieces(self, item: PatternItem, ordinal: int, wanted: Mapping[str, tuple[Overlap, Region]]) -> list[Piece]:
        url = public_url(item.url, item.label, _secret_parameters(self.archive))
        found = stored_of(self.archive, item, self.template, ordinal, list(wanted))
        fetched = self.archive.fetch(item)
        modified = None if fetched is None else modified_at(fetched.last_modified)
        pieces = []
        for name, (overlap, region) in wanted.items():
            array = self.template.array(name)
            access, stored = found[name]
            stored = cut(stored, access, self._steps[name])
            form = form_of(stored, access)
            if form != self.forms[name]:
                raise TargetError(
                    f"{name} is stored in another way than in the first input: {self.forms[name].difference(form)}",
                    code="T072",
                    hint=REMEDY,
                )
            check_fill(name, stored, fill_of(array.dtype, array.fill_value, self.zarr_format))
            piece = place(name, url, stored, access, overlap.source, region, array.shape)
            pieces.append(replace(piece, modified=modified))
        return pieces

    def _wanted(self, index: Index, ordinal: int) -> dict[str, tuple[Overlap, Region]]:
        """By array: the piece that this input gives, and where it lies in the whole."""
        found = {}
        for name in self.forms:
            array = self.template.array(name)
            region = self._region(index, array.dims, array.shape)
            for overlap in self.grid.overlaps(array, region):
                if overlap.ordinal == ordinal:
                    at = (
                        slice(r.start + b.start, r.start + b.stop) for r, b in zip(region, overlap.block, strict=True)
                    )
                    found[name] = (overlap, tuple(at))
        return found

    def _region(self, index: Index, dims: tuple[str, ...], shape: tuple[int, ...]) -> Region:
        region = []
        for dim, size in zip(dims, shape, strict=True):
            if dim not in self.template.concat_dims:
                region.append(slice(0, size))
                continue
            position = index[self.template.concat_dims.index(dim)]
            start, length = int(self.template.starts[dim][position]), int(self.template.lengths[dim][position])
            trim = self.template.trims.get(dim, {}).get(position)
            region.append(slice(start, start + (length if trim is None else trim[1] - trim[0])))
        return tuple(region)


def stored_of(
    archive: Archive, item: PatternItem, template: Template, ordinal: int, names: list[str]
) -> dict[str, tuple[Access, StoredArray]]:
    """How arrays lie in one input.

    Raises
    ------
    TargetError: T070 a transform touches the values; T071 the input is compressed as a whole, or read over a service.
    """
    accesses = {name: _access(template, name, ordinal) for name in names}
    fetched = archive.fetch(item)
    if fetched is None or item.member or "::" in item.url or sniff(fetched.path) in WRAPPERS:
        why = "is read through a service" if fetched is None else "lies inside an archive or a compressed file"
        raise TargetError(
            f"the input {why}, so its chunks have no byte ranges", code="T071", where=item.label, hint=REMEDY
        )
    by_kind: dict[str, dict[str, str]] = {}
    for name, access in accesses.items():
        by_kind.setdefault(access.locator.kind, {})[name] = access.locator.array
    found = {}
    for kind, arrays in by_kind.items():
        stored = stored_arrays(kind, fetched.path, list(arrays.values()), archive.options.limits)
        found.update({name: (accesses[name], stored[path]) for name, path in arrays.items()})
    return found


def _access(template: Template, name: str, ordinal: int) -> Access:
    array = template.array(name)
    which = -1 if not array.accesses else 0 if array.access_of is None else int(array.access_of[ordinal])
    if array.recode or which < 0:
        raise not_a_view(name, array.recode)
    return array.accesses[which]


def not_a_view(name: str, recode: bool) -> TargetError:
    """The error of an array whose stored bytes are not what the dataset should hold."""
    why = (
        "inputs are packed in different ways (or asked to be recoded)"
        if recode
        else "a transform, or the format of the inputs, changes its values"
    )
    return TargetError(f"{name} cannot be referenced: {why}", code="T070", hint=REMEDY)


def _secret_parameters(archive: Archive) -> frozenset[str]:
    auth = archive.recipe.fetch.auth
    parameter = getattr(auth, "parameter", None)
    return frozenset({parameter} if parameter else ())
