"""Versions of what took part in a run, for the store, the record and bug reports."""

from __future__ import annotations

import platform

from pangeo_forge.version import package_versions

PACKAGES = ("pangeo-forge", "apache-beam", "xarray", "zarr", "numcodecs", "numpy", "h5py", "fsspec")


def installed_versions() -> dict[str, str]:
    """Package name to version; absent packages are left out."""
    return {"python": platform.python_version(), **package_versions(PACKAGES)}
