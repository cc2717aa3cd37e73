"""Opens NetCDF-4 and plain HDF5 files: groups, dimension scales or dimensions that the recipe names.

One reader for both, over h5py's low level: ``xarray.open_dataset`` costs tens of milliseconds a file, which is hours of CPU
for 10^6 inputs. It runs in an isolated process, since damaged files make libhdf5 loop for ever (seen in the fuzz tests, in the
heap of strings); that adds a third of a millisecond. Names, dimensions, attributes and dtypes equal ``xarray.open_dataset(engine="h5netcdf", decode_cf=False)``.

Dimensions without a scale are called ``phony_dim_0``, ``phony_dim_1``... Name them in the recipe:
``open: {dims: {phony_dim_0: lat, phony_dim_1: lon}}`` or, safer, by variable: ``open: {dims: {/Grid/rain: [lon, lat]}}``.

Tables (compound types): each field becomes a variable, called as the field when the group holds one table, else
``table.field``; rows get the dimension that ``dims`` names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pangeo_forge.errors import InputError
from pangeo_forge.inputs import sniff
from pangeo_forge.inputs.damage import GET_AGAIN
from pangeo_forge.inputs.isolation import IN_PROCESS, Limits
from pangeo_forge.inputs.openers.assembly import StoredDataset, merge_groups, to_xarray
from pangeo_forge.inputs.openers.hdf5_group import GroupReader, group_names
from pangeo_forge.inputs.openers.hdf5_headers import Headers
from pangeo_forge.inputs.source import InputSource, OpenOptions

if TYPE_CHECKING:
    import xarray as xr


def open(source: InputSource, options: OpenOptions) -> xr.Dataset:
    """The dataset in ``options.group`` (several groups are merged) of a NetCDF-4 or HDF5 file."""
    stored = read_stored(source, options)
    return to_xarray(stored, decode_coords=options.decode_coords, drop=options.drop, source=str(source.path))


def read_stored(source: InputSource, options: OpenOptions) -> StoredDataset:
    """What is in the file.

    Raises
    ------
    InputError: I105 truncated, I106 damaged, I111 no such group, I112 groups do not fit together, I113 ``dims`` does not fit.
    """
    if source.path is None:
        raise InputError(
            "HDF5 is read from a local file", code="I101", where=source.where, hint="set fetch.cache: true"
        )
    path = os.fspath(source.path)
    sniff.check_hdf5(path)
    arguments = (path, options.groups, dict(options.dims), options.drop, options.limits)
    found: StoredDataset = options.limits.call(read_groups, *arguments, where=source.where)
    return found


def read_groups(
    path: str, groups: tuple[str, ...], dims: Mapping[str, Any], drop: tuple[str, ...], limits: Limits = IN_PROCESS
) -> StoredDataset:
    """What the groups hold; the file is closed again. Values are read later, within ``limits``."""
    from pangeo_forge.inputs.hdf5_layout import opened

    try:
        with opened(path) as file, _headers(file, path) as headers:
            parts = [(g, GroupReader(file, path, g, dims, drop, limits, headers).read()) for g in groups]
            merged = merge_groups(parts, path)
            if not merged.variables and not drop:
                _refuse_empty(file, path, groups)
            return merged
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError, UnicodeError) as error:
        raise _damaged(path, error) from error


@contextmanager
def _headers(file: Any, path: str) -> Iterator[Headers | None]:
    """What reads headers without the library; None for a file whose addresses are of another kind."""
    settings = file.get_create_plist()
    if settings.get_userblock() or tuple(settings.get_sizes()) != (8, 8):
        yield None
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        yield Headers(fd)
    finally:
        os.close(fd)


def _refuse_empty(file: Any, path: str, groups: tuple[str, ...]) -> None:
    # A root that holds only groups would else pass as an input without variables.
    below = [g for g in group_names(file) if any(g.startswith(f"{p.rstrip('/')}/") for p in groups)]
    raise InputError(
        f"the group {', '.join(groups)} holds no variables",
        code="I111",
        where=path,
        hint=f"set open.group to one of: {', '.join(below[:20])}" if below else "the file is empty of data",
    )


def _damaged(path: str, error: Exception) -> InputError:
    return InputError(f"the HDF5 file cannot be read: {error}", code="I106", where=path, hint=GET_AGAIN)
