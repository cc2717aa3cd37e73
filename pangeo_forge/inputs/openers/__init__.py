"""One opener a format, all with ``open(source, options) -> xr.Dataset``: datasets as stored, nothing of them read."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pangeo_forge.errors import InputError, PangeoForgeError
from pangeo_forge.inputs.blame import own_error, own_fault
from pangeo_forge.inputs.damage import GET_AGAIN, advised
from pangeo_forge.inputs.fetch.address import local_path
from pangeo_forge.inputs.openers.assembly import to_xarray
from pangeo_forge.inputs.openers.outline import Outline, outline_of
from pangeo_forge.inputs.sniff import WRAPPERS, sniff
from pangeo_forge.inputs.source import InputSource, OpenOptions
from pangeo_forge.inputs.unpack import unpack

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Outline", "naming", "open_dataset", "open_outline", "opened", "placed", "sniff", "unwrapped_path"]

_MODULES = {
    "netcdf3": "netcdf3",
    "netcdf4": "hdf5",
    "hdf5": "hdf5",
    "grib1": "grib",
    "grib2": "grib",
    "geotiff": "geotiff",
    "zarr": "zarr_store",
    "opendap": "opendap",
}
_MAX_WRAPPERS = 3


def open_dataset(source: InputSource, options: OpenOptions | None = None) -> xr.Dataset:
    """The dataset of an input, as stored: packed values, numeric times, CF attributes kept; data as ``LazyArray``.

    No file stays open: arrays open theirs when they are read. What the bytes are decides the opener; a ``format`` that
    differs from them is an error.

    Raises
    ------
    InputError: with the input's key and URL; codes I101 to I129.
    InternalError: X202 for mistakes of our own.
    """
    found: xr.Dataset = _opened_by(source, options or OpenOptions(), lambda opener, local, how: opener.open(local, how))
    return found


def open_outline(source: InputSource, options: OpenOptions | None = None) -> xr.Dataset | Outline:
    """The same, as an :class:`Outline` where the format's reader and the input allow it."""
    found: xr.Dataset | Outline = _opened_by(source, options or OpenOptions(), _outline)
    return found


def _outline(opener: Any, local: InputSource, options: OpenOptions) -> xr.Dataset | Outline:
    if not hasattr(opener, "read_stored"):
        dataset: xr.Dataset = opener.open(local, options)
        return dataset
    about: dict[str, Any] = {"decode_coords": options.decode_coords, "drop": options.drop, "source": str(local.path)}
    stored = opener.read_stored(local, options)
    return outline_of(stored, **about) or to_xarray(stored, **about)


def _opened_by(
    source: InputSource, options: OpenOptions, use: Callable[[Any, InputSource, OpenOptions], xr.Dataset | Outline]
) -> Any:
    try:
        local, name = _unwrapped(source, options)
        module = "engine" if options.engine else _MODULES[name]
        return use(importlib.import_module(f"{__name__}.{module}"), local, options)
    except PangeoForgeError as error:
        raise placed(error, source) from error.__cause__
    except ImportError as error:
        raise InputError(
            f"the library that reads it is absent: {error.name}",
            code="I116",
            where=source.where,
            hint="install pangeo-forge[formats]",
        ) from error
    except Exception as error:  # a damaged file may make a library raise anything
        if own_fault(error):
            raise own_error(error, source.where) from error
        raise InputError(
            f"cannot be opened: {type(error).__name__}: {error}",
            code="I110",
            where=source.where,
            hint=f"{GET_AGAIN}; or set open.format",
        ) from error


@contextmanager
def opened(source: InputSource, options: OpenOptions | None = None) -> Iterator[xr.Dataset]:
    """``open_dataset``, closed at the end."""
    dataset = open_dataset(source, options)
    try:
        yield dataset
    finally:
        dataset.close()


@contextmanager
def naming(source: InputSource) -> Iterator[None]:
    """Errors of whatever reads the input, with its key and URL: a damaged file may make a library raise anything.

    Raises
    ------
    InputError: the reader's own; I124 for what no reader foresaw.
    InternalError: X202 for mistakes of our own.
    """
    try:
        yield
    except InputError as error:
        raise placed(error, source) from error.__cause__
    except PangeoForgeError:
        raise
    except Exception as error:
        if own_fault(error):
            raise own_error(error, source.where) from error
        failure = InputError(
            f"reading it failed: {type(error).__name__}: {error}",
            code="I124",
            hint=f"{GET_AGAIN}; --debug shows where it happened",
        )
        raise placed(failure, source) from error


def unwrapped_path(source: InputSource, options: OpenOptions) -> str | None:
    """Where the bytes of the format are: the input itself, or what was in an archive (``.gz``, ``.zip`` ...)."""
    if source.path is None or not os.path.isfile(source.path) or sniff(source.path) not in WRAPPERS:
        return source.path
    return _unwrapped(source, options)[0].path


def _unwrapped(source: InputSource, options: OpenOptions) -> tuple[InputSource, str]:
    """The input with wrappers taken off, and its format."""
    if options.format == "opendap" or (options.format == "zarr" and source.path is None):
        return source, options.format
    if source.path is None:
        if options.format == "auto" and source.url.rstrip("/").endswith(".zarr"):
            return source, "zarr"
        raise InputError("the input was not fetched", code="I101", where=source.where, hint="set fetch.cache: true")
    for _ in range(_MAX_WRAPPERS + 1):
        assert source.path is not None
        name = _sniffed(source.path, options)
        if name not in WRAPPERS:
            return source, name if options.engine else _agreed(name, options.format, source)
        path = unpack(source.path, name, member=options.member, scratch=options.scratch, limit=options.max_unpacked)
        source = replace(source, path=path)
    raise InputError("archives within archives within archives", code="I107", where=source.where)


def _sniffed(path: str, options: OpenOptions) -> str:
    try:
        return sniff(path)
    except InputError as error:
        # An engine may know what we do not.
        if options.engine and error.code == "I104":
            return "unknown"
        raise


def _agreed(found: str, asked: str, source: InputSource) -> str:
    if asked == "auto" or _MODULES[asked] == _MODULES[found]:
        return found
    raise InputError(
        f"open.format is {asked}, but the bytes are {found}",
        code="I115",
        where=source.where,
        hint="remove open.format, or check the URL",
    )


def placed(error: PangeoForgeError, source: InputSource) -> PangeoForgeError:
    """The error with the input's key and URL, and a hint that fits it; what it said of a place stands behind them."""
    inner = error.where
    if inner and source.path and inner.startswith(source.path):
        inner = inner[len(source.path) :].lstrip(":")
    where = source.where
    if inner and inner.startswith(where):
        where = inner
    elif inner and inner not in where and not inner.startswith("/tmp"):  # noqa: S108 - scratch files mean nothing to users
        where = f"{where}: {inner}"
    error.where = where
    return advised(error, local=local_path(source.url) is not None)
