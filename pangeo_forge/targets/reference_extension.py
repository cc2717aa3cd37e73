"""Add references to new inputs to those that are there. Inputs that are referred to already are not opened again.

JSON is replaced by one conditional put. Parquet on this machine is replaced as a whole folder. On an object store tables
are put first, longer than the metadata say, and the metadata last: readers see the old extent or the new one.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pangeo_forge.errors import TargetError
from pangeo_forge.plan.plan import ArrayPlan, Plan
from pangeo_forge.targets.byte_ranges import ChunkForm
from pangeo_forge.targets.chunks import ChunkStore
from pangeo_forge.targets.conditional import Conflict, Tag, put_if, read_tagged
from pangeo_forge.targets.icechunk_extension import IcechunkExtension
from pangeo_forge.targets.icechunk_storage import containers_of, readable_store
from pangeo_forge.targets.objects import ObjectStore, is_local, local_path, open_objects
from pangeo_forge.targets.reference import ReferenceTarget
from pangeo_forge.targets.reference_reading import KnownReferences, of_document, of_tables
from pangeo_forge.targets.references import MemoryObjects, References
from pangeo_forge.targets.virtual_icechunk import VirtualIcechunkTarget
from pangeo_forge.targets.zarr import root_attrs, stored_values


@dataclass(eq=False)
class ReferenceExtension(ReferenceTarget):
    """Kerchunk references that exist, to be added to by one run."""

    expected: Tag = None
    """Of the document that makes them open, as this run has read it."""
    keeps_chunks = False
    _text: bytes = field(default=b"", repr=False)
    _known: KnownReferences = field(default_factory=KnownReferences, repr=False)
    _is_first: bool = field(default=True, repr=False)
    """The dimension that grows is the first of all that are referenced: the number of a chunk stays."""

    def root(self) -> tuple[dict[str, Any], ReferenceExtension]:
        """The root's attributes, and the extension that commits only if the references are still as they are now.

        Raises
        ------
        TargetError: T050 when there are none.
        """
        objects, key = self._document()
        data, tag = read_tagged(objects, key)
        if data is None:
            raise TargetError("there are no references to add to", code="T050", where=self.url, hint="build them first")
        attrs = json.loads(json.loads(data)["refs"].get(".zattrs", "{}")) if self.is_json else root_attrs(data)
        return attrs, replace(self, expected=tag, _text=data)

    def load(self, arrays: tuple[ArrayPlan, ...], forms: Mapping[str, ChunkForm], dim: str) -> None:
        """Read what is there.

        Parameters
        ----------
        arrays: of the dataset as it is.
        forms: of those that are referenced.
        dim: the dimension that grows.
        """
        if self.is_json:
            self._known = of_document(json.loads(self._text)["refs"], arrays, forms)
        else:
            self._known = of_tables(open_objects(self.address, self.storage_options), arrays, forms)
        self.forms = forms
        self._references = References(self._known.pieces)
        self._is_first = all(a.dims.index(dim) == 0 for a in arrays if a.name in forms and dim in a.dims)

    @property
    def whole(self) -> ChunkStore:
        """The chunks that are kept inside the references."""
        store = ChunkStore("memory", {}, 2, self.threads)
        store.__dict__["objects"] = MemoryObjects(dict(self._known.inline))
        return store

    def mend(self, plan: Plan) -> ReferenceExtension:
        """Nothing: tables that reach beyond the metadata are written again by the next run."""
        return self

    def begin(self, plan: Plan, origins: Mapping[str, tuple[int, ...]]) -> ReferenceExtension:
        """Nothing is written yet."""
        return self

    def restore(
        self, arrays: Iterable[ArrayPlan], dim: str, put: Iterable[str], recorded: Container[str] | None
    ) -> None:
        """Nothing: nobody sees what lies beyond the metadata."""

    def _document(self) -> tuple[ObjectStore, str]:
        """The object by which readers open, and its key."""
        if not self.is_json:
            return open_objects(self.address, self.storage_options), ".zmetadata"
        address = str(local_path(self.address)) if is_local(self.address) else self.address
        folder, _, name = address.rpartition("/")
        return open_objects(folder, self.storage_options), name

    def _publish(self, made: Path) -> None:
        objects, key = self._document()
        if not self.is_json and (is_local(self.address) or not self._is_first):
            if read_tagged(objects, key)[1] != self.expected:
                raise self._changed()
            super()._publish(made)
            return
        if not self.is_json:
            for path in sorted(p for p in made.rglob("*.parq")):
                objects.put(path.relative_to(made).as_posix(), path.read_bytes())
        try:
            put_if(objects, key, (made if self.is_json else made / key).read_bytes(), self.expected)
        except Conflict as error:
            raise self._changed() from error

    def _changed(self) -> TargetError:
        return TargetError(
            "another run has changed the references since this one began, so nothing was made visible",
            code="T034",
            where=self.url,
            hint="run again",
        )


@dataclass(eq=False)
class VirtualIcechunkExtension(IcechunkExtension, VirtualIcechunkTarget):
    """References in an Icechunk repository, to be added to by one run, in one commit."""

    def load(self, arrays: tuple[ArrayPlan, ...], forms: Mapping[str, ChunkForm], dim: str) -> None:
        """Nothing is read: what is there stays."""
        lengths = {a.shape[a.dims.index(dim)] for a in arrays if dim in a.dims}
        self.forms, self.known = forms, (dim, max(lengths, default=0))

    def begin(self, plan: Plan, origins: Mapping[str, tuple[int, ...]]) -> VirtualIcechunkExtension:
        """The session gets the new shapes, and the arrays that are kept as values."""
        begun = super().begin(plan, origins)
        for array in plan.arrays:
            if array.values is not None:
                begun.write_block(array, tuple(slice(0, n) for n in array.shape), stored_values(array))
        return begun  # type: ignore[return-value]  # of this class, as dataclasses.replace makes it

    def _readable(self, address: str) -> Any:
        allowed = containers_of(self.address, self.storage_options)
        return readable_store(address, self.storage_options, authorize_virtual_chunk_access=allowed)
