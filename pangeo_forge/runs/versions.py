"""Versions of what took part in a run, for the store, the record and bug reports."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("pangeo-forge", "apache-beam", "xarray", "zarr", "numcodecs", "numpy", "h5py", "fsspec")


def installed_versions() -> dict[str, str]:
    """Package name to version; absent packages are left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
