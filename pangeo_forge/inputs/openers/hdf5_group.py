"""One group of an HDF5 file as stored variables: what they are, on which dimensions, without reading more than small ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from h5py import h5, h5d, h5ds, h5g, h5l, h5o, h5p, h5r, h5s

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.isolation import Limits
from pangeo_forge.inputs.lazy import ArraySource
from pangeo_forge.inputs.openers.assembly import StoredDataset, StoredVariable, matches
from pangeo_forge.inputs.openers.hdf5_arrays import hdf5_array
from pangeo_forge.inputs.openers.hdf5_attributes import Stored, hidden_value, read_attributes
from pangeo_forge.inputs.openers.hdf5_headers import UNKNOWN, Headers
from pangeo_forge.inputs.openers.leaves import FieldArray

_SCALE = b"DIMENSION_SCALE"
_DIMENSION_ONLY = b"This is a netCDF dimension but not a netCDF variable"


@dataclass
class _Node:
    """A dataset of the group before its dimensions are named."""

    dataset: Any
    stored: Stored | None
    """Its attributes as its header has them."""
    address: int
    attrs: dict[str, Any]
    hidden: set[str]
    shape: tuple[int, ...]
    most: tuple[int, ...]
    """Lengths to which it may grow."""
    path: str
    is_scale: bool = False
    is_dimension_only: bool = False
    """A dimension of netCDF that is no variable."""
    dims: tuple[str, ...] = field(default_factory=tuple)


class GroupReader:
    """Reads the description of ``group`` of an open file (``h5py.h5f.FileID``)."""

    def __init__(
        self,
        file: Any,
        path: str,
        group: str,
        dims: Mapping[str, Any],
        drop: tuple[str, ...],
        limits: Limits,
        headers: Headers | None = None,
    ) -> None:
        self.headers = headers
        self.file, self.path, self.group, self.drop, self.limits = file, path, group, drop, limits
        self.given = dict(dims)
        self.messages: list[str] = []
        self.scales: dict[int, str] = {}
        """Names of this group's variables by their addresses."""
        self.phony: list[int] = []
        self.unused = {k for k in dims if k.startswith("/") and k.rpartition("/")[0] == group.rstrip("/")}
        self.unused |= {k for k in dims if not k.startswith("/")}

    def read(self) -> StoredDataset:
        """The group's variables and attributes."""
        group = self._open_group()
        attrs, _ = self._attributes(group, h5o.get_info(group).addr, self.group)[:2]
        nodes = self._nodes(group)
        at = [n.address for n in nodes.values()]
        # What has two names has none here.
        self.scales = {n.address: name for name, n in nodes.items() if at.count(n.address) == 1}
        ids = {self._dimension_id(n): name for name, n in nodes.items() if n.is_scale and "_Netcdf4Dimid" in n.hidden}
        for name, node in nodes.items():
            node.dims = self._dims(name, node, ids)
        if self.unused:
            known = sorted({d for n in nodes.values() for d in n.dims})
            raise InputError(
                f"open.dims names {sorted(self.unused)[0]!r}, which the file has not",
                code="I113",
                where=f"{self.path}:{self.group}",
                hint=f"variables: {_some(nodes)}; dimensions: {_some(known)}",
            )
        sizes = _sizes(nodes)
        variables: dict[str, StoredVariable] = {}
        for name, node in nodes.items():
            if not node.is_dimension_only:
                variables.update(self._variables(name.removeprefix("_nc4_non_coord_"), node, sizes))
        return StoredDataset(variables, attrs, warnings=self.messages)

    def _open_group(self) -> Any:
        try:
            found = h5o.open(self.file, self.group.encode())
        except (KeyError, OSError):
            found = None
        if isinstance(found, h5g.GroupID):
            return found
        groups = ", ".join(group_names(self.file)[:20]) or "the root only"
        raise InputError(f"no group {self.group!r}", code="I111", where=self.path, hint=f"groups: {groups}")

    def _nodes(self, group: Any) -> dict[str, _Node]:
        nodes = {}
        for raw in _names(group):
            name = raw.decode("utf-8", "replace")
            if matches(name, self.drop):
                continue
            path = f"{self.group.rstrip('/')}/{name}"
            link = group.links.get_info(raw)
            if link.type == h5l.TYPE_EXTERNAL:
                self._refuse_elsewhere(path)
            try:
                found = h5o.open(group, raw)
            except (KeyError, OSError) as error:
                self.messages.append(f"{path} was left out: the link leads nowhere ({error})")
                continue
            if not isinstance(found, h5d.DatasetID):
                continue
            address = link.u if link.type == h5l.TYPE_HARD else h5o.get_info(found).addr
            attrs, hidden, stored = self._attributes(found, address, path)
            space = found.get_space()
            if space.get_simple_extent_type() == h5s.NULL:
                self.messages.append(f"{path} was left out: it has no values")
                continue
            shape, most = space.get_simple_extent_dims(), space.get_simple_extent_dims(True)
            node = _Node(found, stored, address, attrs, hidden, tuple(shape), tuple(most), path)
            node.is_scale = "CLASS" in hidden and self._hidden(node, "CLASS", h5ds.is_scale) in (True, _SCALE)
            name_of_scale = self._hidden(node, "NAME") if node.is_scale and "NAME" in hidden else None
            node.is_dimension_only = isinstance(name_of_scale, bytes) and name_of_scale.startswith(_DIMENSION_ONLY)
            nodes[name] = node
        return nodes

    def _attributes(self, node: Any, address: int, path: str) -> tuple[dict[str, Any], set[str], Stored | None]:
        stored = None if self.headers is None else self.headers.attributes(address)
        return *read_attributes(node, path, self.messages, self.headers, stored), stored

    def _hidden(self, node: _Node, name: str, otherwise: Callable[[Any], Any] | None = None) -> Any:
        """Value of a bookkeeping attribute."""
        known = None if node.stored is None else node.stored.get(name.encode())
        value = UNKNOWN if self.headers is None else self.headers.value(known)
        if value is not UNKNOWN:
            return value
        return hidden_value(node.dataset, name) if otherwise is None else otherwise(node.dataset)

    def _refuse_elsewhere(self, path: str) -> None:
        raise InputError(
            f"{path} is stored in another file",
            code="I114",
            where=self.path,
            hint="open the file that holds it, or add its name to open.drop",
        )

    # -- dimensions --------------------------------------------------------------------------------------------------

    def _dimension_id(self, node: _Node) -> int:
        return int(self._hidden(node, "_Netcdf4Dimid"))

    def _dims(self, name: str, node: _Node, ids: Mapping[int, str]) -> tuple[str, ...]:
        given = self.given.get(node.path)
        if given is not None:
            self.unused.discard(node.path)
            names = [given] if isinstance(given, str) else list(given)
            if len(names) != len(node.shape):
                raise InputError(
                    f"open.dims gives {len(names)} names for {node.path}, which has shape {node.shape}",
                    code="I113",
                    where=self.path,
                )
            return tuple(names)
        dims = self._labels(name, node, ids)
        return tuple(self._given_name(d) for d in self._fill_phony(dims, node.shape))

    def _given_name(self, dim: str) -> str:
        self.unused.discard(dim)
        return str(self.given.get(dim, dim))

    def _labels(self, name: str, node: _Node, ids: Mapping[int, str]) -> list[str | None]:
        rank = len(node.shape)
        if node.is_scale and "_Netcdf4Coordinates" in node.hidden:
            numbers = np.atleast_1d(self._hidden(node, "_Netcdf4Coordinates")).tolist()
            if len(numbers) == rank and all(n in ids for n in numbers):
                return [ids[n] for n in numbers]
        if not node.is_scale and "DIMENSION_LIST" in node.hidden:
            named = self._by_address(node)
            if named is not None:
                return named
            lists = hidden_value(node.dataset, "DIMENSION_LIST")
            if len(lists) == rank:
                # The last scale of a dimension wins, as in netCDF-C.
                return [self._target(refs[-1]) if len(refs) else None for refs in lists]
        # A scale of rank 1 is its own dimension.
        return [name] if node.is_scale and rank == 1 else [None] * rank

    def _by_address(self, node: _Node) -> list[str | None] | None:
        """Names of a variable's dimensions by the addresses of their scales; None: the library must find them."""
        stored = None if node.stored is None else node.stored.get(b"DIMENSION_LIST")
        found = None if self.headers is None else self.headers.last_references(stored)
        if found is None or len(found) != len(node.shape) or any(a is not None and a not in self.scales for a in found):
            return None
        return [None if a is None else self.scales[a] for a in found]

    def _target(self, reference: Any) -> str | None:
        found = h5r.get_name(reference, self.file) if reference else None
        return found.rpartition(b"/")[2].decode("utf-8", "replace") if found else None

    def _fill_phony(self, dims: list[str | None], shape: tuple[int, ...]) -> list[str]:
        used: set[int] = set()
        names = []
        for dim, size in zip(dims, shape, strict=True):
            if dim is not None:
                names.append(dim)
                continue
            number = next((i for i, n in enumerate(self.phony) if n == size and i not in used), len(self.phony))
            if number == len(self.phony):
                self.phony.append(size)
            used.add(number)
            names.append(f"phony_dim_{number}")
        return names

    # -- variables ---------------------------------------------------------------------------------------------------

    def _variables(self, name: str, node: _Node, sizes: Mapping[str, int]) -> dict[str, StoredVariable]:
        settings = node.dataset.get_create_plist()
        if settings.get_external_count() or settings.get_layout() == 3:
            self._refuse_elsewhere(node.path)
        shape = tuple(sizes[d] if _grows(node, i) else node.shape[i] for i, d in enumerate(node.dims))
        source = hdf5_array(node.dataset, settings, self.path, node.path, shape, self.messages, self.limits)
        if source is None:
            return {}
        if source.dtype.names is None:
            return {name: StoredVariable(node.dims, source, node.attrs)}
        return self._fields(name, node, source)

    def _fields(self, name: str, node: _Node, source: ArraySource) -> dict[str, StoredVariable]:
        made = {}
        for column in source.dtype.names or ():
            part = source.dtype[column]
            if part.names is not None or part.subdtype is not None or part.kind in "OV":
                self.messages.append(f"field {column!r} of {node.path} was left out: it is of type {part}")
                continue
            label = f"{name}.{column}"
            if matches(label, self.drop) or matches(column, self.drop):
                continue
            # A table's attributes are about the table; one that is called as a field describes that field.
            attrs = {k: v for k, v in node.attrs.items() if k not in (source.dtype.names or ())}
            if column in node.attrs:
                attrs["long_name"] = node.attrs[column]
            made[label] = StoredVariable(node.dims, FieldArray(source, column), attrs)
        return made


def group_paths(path: str) -> list[str]:
    """Paths of the groups of a file below its root."""
    from pangeo_forge.inputs.hdf5_layout import opened

    with opened(path) as file:
        return group_names(file)


def group_names(file: Any) -> list[str]:
    """Paths of the groups below the root."""
    found: list[bytes] = []
    h5o.visit(file, lambda n: found.append(n))
    return ["/" + n.decode("utf-8", "replace") for n in found if isinstance(h5o.open(file, n), h5g.GroupID)]


def _names(group: Any) -> list[bytes]:
    """Names in the order of creation where the file keeps it (netCDF-4 does), else sorted."""
    names: list[bytes] = []
    by_creation = group.get_create_plist().get_link_creation_order() & h5p.CRT_ORDER_TRACKED
    group.links.iterate(lambda n: names.append(n), idx_type=h5.INDEX_CRT_ORDER if by_creation else h5.INDEX_NAME)
    return names


def _grows(node: _Node, axis: int) -> bool:
    return node.most[axis] > node.shape[axis]


def _sizes(nodes: Mapping[str, _Node]) -> dict[str, int]:
    """Length of each dimension: of an unlimited one, that of the longest variable on it."""
    sizes: dict[str, int] = {}
    for node in nodes.values():
        if not node.is_dimension_only:
            for dim, size in zip(node.dims, node.shape, strict=True):
                sizes[dim] = max(size, sizes.get(dim, 0))
    return sizes


def _some(names: Any) -> str:
    listed = list(names)
    return ", ".join(listed[:12]) + (", ..." if len(listed) > 12 else "") or "none"
