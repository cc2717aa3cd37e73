"""Opens OPeNDAP (DAP 2) datasets in place: a request for each region that is read, sliced to what servers allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.lazy import Locator
from pangeo_forge.inputs.openers import dap2
from pangeo_forge.inputs.openers.assembly import StoredDataset, StoredVariable, to_xarray
from pangeo_forge.inputs.openers.leaves import Region
from pangeo_forge.inputs.source import InputSource, OpenOptions, safe_url

if TYPE_CHECKING:
    import xarray as xr

_GLOBAL = ("NC_GLOBAL", "HDF_GLOBAL", "DODS_EXTRA")
_REFUSED = ("I302", "I303", "I304")
"""Codes of the fetcher that become I122."""


def open(source: InputSource, options: OpenOptions) -> xr.Dataset:
    """The dataset at an OPeNDAP URL. Two small requests (DDS, DAS); arrays are requested as they are read.

    Raises
    ------
    InputError: I122 the server cannot be reached or refuses; I123 its answer is not DAP 2.
    """
    service = Service(source.url, source.request or _by_itself(options), options.max_request)
    try:
        found = dap2.parse_dds(service.get(".dds").decode("utf-8", "replace"))
        attributes = dap2.parse_das(service.get(".das").decode("utf-8", "replace"))
    except (dap2.Dap2Error, RecursionError) as error:
        hint = "check that the URL is an OPeNDAP (DAP 2) dataset: its .dds must open in a browser"
        raise InputError(f"the answer is not DAP 2: {error}", code="I123", where=source.where, hint=hint) from error
    variables = {}
    for name, array in found.arrays.items():
        attrs = {k: v for k, v in attributes.get(name, {}).items() if k != "_ChunkSizes"}
        chunks = attributes.get(name, {}).get("_ChunkSizes")
        sizes = tuple(int(n) for n in np.atleast_1d(chunks)) if chunks is not None else None
        dims = tuple(str(options.dims.get(d, d)) for d in array.dims)
        leaf = DapArray(
            service, array, array.shape, dap2.NATIVE[array.kind], sizes if sizes and len(sizes) == len(dims) else None
        )
        variables[name] = StoredVariable(dims, leaf, attrs)
    messages = [f"{what} was left out: only arrays and grids are read" for what in found.left_out]
    top: dict[str, Any] = {}
    for name in _GLOBAL:
        top.update(attributes.get(name, {}))
    stored = StoredDataset(variables, top, warnings=messages)
    return to_xarray(stored, decode_coords=options.decode_coords, drop=options.drop, source=safe_url(source.url))


@dataclass(frozen=True)
class Service:
    """One dataset on a server."""

    url: str
    request: Callable[[str], bytes] = field(repr=False)
    """Asks a URL: :meth:`Fetcher.read` of a run, which knows the recipe's ``fetch`` section."""
    max_request: int

    def get(self, suffix: str, query: str = "") -> bytes:
        """The body of ``URL + suffix ? query``.

        Raises
        ------
        InputError: I301 there is no such dataset; I122 the server refuses, or fails as often as it is asked.
        """
        base, _, projection = self.url.partition("?")
        address = f"{base}{suffix}" + (f"?{query or projection}" if query or projection else "")
        try:
            return self.request(address)
        except InputError as error:
            if error.code not in _REFUSED:
                raise
            hint = "check the URL and fetch.auth; lower open.max_request when the server says the request is too large"
            raise InputError(error.message, code="I122", where=safe_url(address), hint=hint) from error


def _by_itself(options: OpenOptions) -> Callable[[str], bytes]:
    """Requests without a recipe: a few attempts, no credentials."""
    from pangeo_forge.inputs.fetch import Fetcher, FetchOptions

    def request(url: str) -> bytes:
        with Fetcher(FetchOptions(retries=3, timeout=options.timeout)) as fetcher:
            return fetcher.read(url)

    return request


@dataclass(eq=False)
class DapArray:
    """One array of a dataset on a server."""

    service: Service
    array: dap2.Dap2Array
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None

    @property
    def locator(self) -> Locator | None:
        """None: there is no file."""
        return None

    def read(self, region: Region) -> np.ndarray:
        """Values in ``region``, in as many requests as ``max_request`` makes needed."""
        shape = tuple(len(range(s.start, s.stop, s.step or 1)) for s in region)
        out = np.empty(shape, self.dtype)
        if 0 in shape:
            return out
        # On the wire 16-bit integers take four bytes.
        wire = dap2.TYPES.get(self.array.kind, np.dtype("S64")).itemsize
        for place, part in blocks(region, max(1, self.service.max_request // wire)):
            wanted = tuple(len(range(s.start, s.stop, s.step)) for s in part)
            answer = self.service.get(".dods", dap2.constraint(self.array, part))
            try:
                out[place] = dap2.parse_dods(answer, self.array, wanted)
            except dap2.Dap2Error as error:
                where = f"{safe_url(self.service.url)}: {self.array.name}"
                raise InputError(
                    str(error), code="I123", where=where, hint="the server's answer is damaged: run again"
                ) from error
        return out


def blocks(region: Region, limit: int) -> Iterator[tuple[Region, Region]]:
    """Parts of ``region`` of at most ``limit`` values: (where in the output, what to ask for), in order.

    Splits the first axes first, so that a part is contiguous where the server stores rows.
    """
    counts = [len(range(s.start, s.stop, s.step or 1)) for s in region]
    sizes, left = [1] * len(counts), max(1, limit)
    for axis in reversed(range(len(counts))):
        sizes[axis] = min(counts[axis], left)
        left //= max(1, sizes[axis])
        if sizes[axis] < counts[axis]:
            break
    for corner in np.ndindex(*(-(-n // size) for n, size in zip(counts, sizes, strict=True))):
        starts = [i * size for i, size in zip(corner, sizes, strict=True)]
        stops = [min(a + size, n) for a, size, n in zip(starts, sizes, counts, strict=True)]
        place = tuple(slice(a, b) for a, b in zip(starts, stops, strict=True))
        asked = []
        for s, a, b in zip(region, starts, stops, strict=True):
            step = s.step or 1
            asked.append(slice(s.start + a * step, s.start + (b - 1) * step + 1, step))
        yield place, tuple(asked)
