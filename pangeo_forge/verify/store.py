"""Verify a store as a whole: it opens, it equals the inputs where we look, and the recipe's checks hold."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import xarray as xr

from pangeo_forge.dataset.model import Index, Template
from pangeo_forge.errors import VerifyError
from pangeo_forge.targets.opening import store_of
from pangeo_forge.verify.checks import run_checks
from pangeo_forge.verify.result import CheckResult
from pangeo_forge.verify.sample import OpenInput, compare_samples


def open_store(url: Any, options: Mapping[str, Any] | None = None, *, cftime: bool = False) -> xr.Dataset:
    """The store (its address, or a zarr store) by plain ``xarray.open_zarr``, consolidated, lazily.

    Raises
    ------
    VerifyError: V002 when it does not open.
    """
    url = store_of(url, options) if isinstance(url, str) else url
    coder: Any = xr.coders.CFDatetimeCoder(use_cftime=True) if cftime else True
    try:
        return _open(url, options, coder)
    except ValueError as error:
        if not cftime:
            raise _unopened(url, error) from error
        # Integer times that begin or end with their fill value: xarray decodes them with pandas, but not with cftime.
        return open_store(url, options)
    except Exception as error:  # whatever xarray, zarr or fsspec say of a store that does not open
        raise _unopened(url, error) from error


def _open(url: Any, options: Mapping[str, Any] | None, coder: Any) -> xr.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds: xr.Dataset = xr.open_zarr(
            url,
            consolidated=_consolidated(url),
            chunks=None,
            decode_times=coder,
            decode_timedelta=False,
            storage_options=dict(options) if options and isinstance(url, str) and "://" in url else None,
        )
        return ds


def _consolidated(url: Any) -> bool | None:
    # By its address a store opens as it does for its readers; whether its consolidated metadata is there and true is another
    # check (`verify.integrity`). A preview says what it must have.
    return None if isinstance(url, str) else getattr(url, "supports_consolidated_metadata", True)


def _unopened(url: Any, error: Exception) -> VerifyError:
    return VerifyError(
        f"it does not open with xarray: {type(error).__name__}: {error}",
        code="V002",
        where=url if isinstance(url, str) else None,
        hint="is it a Zarr store? build it again if it is ours",
    )


def verify_written(
    url: Any,
    template: Template,
    *,
    open_input: OpenInput,
    label: Callable[[Index], str],
    checks: Sequence[Mapping[str, Any]],
    samples: int,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    part: Mapping[str, slice] | None = None,
) -> list[CheckResult]:
    """All results, passed and failed.

    Parameters
    ----------
    part: by dim, the part of the store that ``template`` describes; None: all of it. Checks of variables look at that
        part only, so that an append does not read what was verified before; others look at the whole.
    """
    results: list[CheckResult] = []
    if samples:
        with open_store(url, options, cftime=True) as store:
            seen = store.isel(part or {})
            results += compare_samples(seen, template, open_input, count=samples, seed=seed, label=label)
    with open_store(url, options) as store:
        for check in checks:
            results += run_checks(store.isel(part) if part and check.get("variable") else store, [check])
    return results
