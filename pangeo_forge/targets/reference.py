"""References to the inputs as target: a kerchunk JSON document or a folder of Parquet files, and no array data.

The references are made of what our own scan and plan know (order, lengths, views, byte ranges), and written in the
forms that fsspec's reference file system, and so xarray, zarr and kerchunk, read. They are complete and were opened and
inspected before they get their name.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pangeo_forge.errors import InternalError, TargetError
from pangeo_forge.plan.overlaps import Region
from pangeo_forge.plan.plan import ArrayPlan, Plan
from pangeo_forge.targets.metadata import PROVENANCE
from pangeo_forge.targets.objects import is_local, local_path, open_objects
from pangeo_forge.targets.protocol import Changes, Written
from pangeo_forge.targets.reference_documents import reference_documents
from pangeo_forge.targets.reference_parquet import write_parquet
from pangeo_forge.targets.reference_placement import Forms
from pangeo_forge.targets.reference_store import open_references
from pangeo_forge.targets.references import References, inline_chunks, kerchunk_mapping, references_of
from pangeo_forge.targets.zarr import check_store


@dataclass(eq=False)
class ReferenceTarget:
    """A set of references to be written by one run.

    Parameters
    ----------
    address: local path or fsspec URL that ends in ``.json`` or ``.parquet``.
    run_id: names the run.
    storage_options: for the target; never shown.
    input_options: fsspec options by which the inputs are read when the references are checked; never shown.
    """

    address: str
    run_id: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    input_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    threads: int = 2
    forms: Forms = field(default_factory=dict)
    """Of the arrays that are referenced; set before ``create``."""
    stand_ins: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Local copies by URL, by which inputs behind a sign-in are read when the references are checked."""
    _references: References = field(default_factory=References, repr=False)

    @property
    def url(self) -> str:
        """Where the references are after commit; holds no secret."""
        return str(local_path(self.address)) if is_local(self.address) else open_objects(self.address).url

    @property
    def is_json(self) -> bool:
        """One document, not a folder."""
        return self.address.endswith(".json")

    # -- life --------------------------------------------------------------------------------------------------------

    def refuse(self, *, overwrite: bool = False) -> str | None:
        """Raise when what is at the address may not be replaced; changes nothing.

        Raises
        ------
        TargetError: T001 it exists, T002 it exists and is not ours.
        """
        there = self._there()
        if there is None:
            return None
        if f"{PROVENANCE}version" not in there:
            raise TargetError(
                "there is something that this program did not make, so it is not overwritten",
                code="T002",
                where=self.url,
                hint="choose another --target, or remove it yourself",
            )
        if not overwrite:
            raise TargetError(
                "the references exist already",
                code="T001",
                where=self.url,
                hint="add --overwrite, or choose another --target",
            )
        return "ours"

    def create(self, plan: Plan, *, overwrite: bool = False) -> None:
        """Begin: nothing is written yet, but what killed runs have left is removed. Raises as :meth:`refuse`."""
        self.refuse(overwrite=overwrite)
        if is_local(self.address):
            place = local_path(self.address)
            for pattern in (f".{place.name}.partial-*", f".{place.name}.replaced-*"):
                for left in place.parent.glob(pattern):
                    shutil.rmtree(left) if left.is_dir() else left.unlink()
        self._references = References()

    def write_block(self, array: ArrayPlan, region: Region, values: np.ndarray) -> Written:
        """References hold no array data."""
        raise InternalError("array data is written to references", code="X024", where=array.name)

    def receive(self, changes: Changes) -> None:
        """Take the references that workers have made."""
        self._references = self._references.merge(references_of(changes))

    def commit(
        self,
        plan: Plan,
        inspect: Callable[[Any], None] | None = None,
        guard: Callable[[], None] | None = None,
    ) -> None:
        """Write the references beside, open and inspect them, then give them their name.

        Raises
        ------
        TargetError: T030 they do not open as planned.
        """
        self._references.check(plan, self.forms)
        documents = reference_documents(plan, self.forms)
        inline = inline_chunks(plan, self.threads)
        mapping = kerchunk_mapping(documents, inline, self._references, plan, self.forms)
        with tempfile.TemporaryDirectory(prefix="pangeo-forge-references-") as folder:
            made = Path(folder) / f"made{Path(self.address).suffix}"
            if self.is_json:
                made.write_text(json.dumps({"version": 1, "refs": mapping}))
            else:
                write_parquet(made, documents, inline, self._references, plan, self.forms)
            seen: Any = {k: self._stand_in(v) for k, v in mapping.items()} if self.stand_ins else str(made)
            complete = open_references(seen, input_options=self.input_options)
            check_store(complete, plan)
            if inspect is not None:
                inspect(complete)
            if guard is not None:
                guard()
            self._publish(made)

    def abort(self) -> None:
        """Nothing was made."""
        self._references = References()

    def discard_remains(self) -> None:
        """Remove tables that a run of ours has put without the document by which they open, which comes last."""
        if self.is_json or self._there() != "":
            return
        objects = open_objects(self.address, self.storage_options)
        if all(key.endswith(".parq") for key in objects.list()):
            objects.clear()

    # -- parts -------------------------------------------------------------------------------------------------------

    def _there(self) -> str | None:
        """Text of what describes the references at the address; empty for something else; None when nothing is there."""
        if self.is_json:
            folder, _, name = (self.url if is_local(self.address) else self.address).rpartition("/")
            data = open_objects(folder, self.storage_options).get(name)
            return None if data is None else _root_of(data, ("refs", ".zattrs"))
        objects = open_objects(self.address, self.storage_options)
        data = objects.get(".zmetadata")
        if data is None:
            nothing = not local_path(self.address).exists() if is_local(self.address) else objects.is_empty()
            return None if nothing or objects.is_empty() else ""
        return _root_of(data, ("metadata", ".zattrs"))

    def _stand_in(self, reference: Any) -> Any:
        if not isinstance(reference, list):
            return reference
        return [self.stand_ins.get(reference[0], reference[0]), *reference[1:]]

    def _publish(self, made: Path) -> None:
        if self.is_json and is_local(self.address):
            place = local_path(self.address)
            place.parent.mkdir(parents=True, exist_ok=True)
            beside = place.with_name(f".{place.name}.partial-{self.run_id}")
            shutil.copyfile(made, beside)
            beside.replace(place)
        elif self.is_json:
            folder, _, name = self.address.rpartition("/")
            open_objects(folder, self.storage_options).put(name, made.read_bytes())
        elif is_local(self.address):
            _swap(made, local_path(self.address), self.run_id)
        else:
            target = open_objects(self.address, self.storage_options)
            # Nothing opens without this document: it goes first and comes last.
            target.delete(".zmetadata")
            target.clear()
            files = sorted((p for p in made.rglob("*") if p.is_file()), key=lambda p: p.name == ".zmetadata")
            for path in files:
                target.put(path.relative_to(made).as_posix(), path.read_bytes())


def _root_of(data: bytes, keys: tuple[str, ...]) -> str:
    try:
        found = json.loads(data)
        for key in keys:
            found = found[key]
    except (ValueError, KeyError, TypeError):
        return ""
    return found if isinstance(found, str) else json.dumps(found)


def _swap(made: Path, place: Path, run_id: str) -> None:
    """Put a finished folder at its place by one rename; what was there is removed after."""
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_name(f".{place.name}.partial-{run_id}")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(made, beside)
    from pangeo_forge.targets.zarr import exchange

    if not place.exists():
        beside.rename(place)
    elif exchange(beside, place):
        shutil.rmtree(beside, ignore_errors=True)
    else:
        aside = place.with_name(f".{place.name}.replaced-{run_id}")
        place.rename(aside)
        beside.rename(place)
        shutil.rmtree(aside, ignore_errors=True)
