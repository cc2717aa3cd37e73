"""Virtual environments of the peers, made once each in the workspace. Byte code is compiled at install, as pip does."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

REQUIREMENTS: Mapping[str, Sequence[str]] = {
    "dask": ("dask[array]", "xarray", "zarr", "h5netcdf", "h5py"),
    "xarray-beam": ("xarray-beam", "h5netcdf", "h5py", "zarr"),
    # The newest release does not import beside zarr 3; these are the newest releases that work with it.
    "pangeo-forge-recipes": (
        "pangeo-forge-recipes==0.10.8",
        "zarr<3",
        "xarray<2025.1",
        "fsspec<2025",
        "numcodecs<0.16",
        "dask<2025",
        "h5netcdf",
        "netCDF4",
        "apache-beam",
    ),
}


def python_of(peer: str, folder: Path) -> Path:
    """The interpreter of a peer's environment, which is made when it is not there."""
    place = folder / peer
    python, done = place / "bin" / "python", place / "installed"
    if not done.exists():
        shutil.rmtree(place, ignore_errors=True)
        _install(place, python, REQUIREMENTS[peer])
        done.touch()
    return python


def _install(place: Path, python: Path, requirements: Sequence[str]) -> None:
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    if Path(uv).exists():
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, place], check=True)
        subprocess.run(
            [uv, "pip", "install", "-q", "--compile-bytecode", "--python", python, *requirements], check=True
        )
        return
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    subprocess.run([python, "-m", "pip", "install", "-q", *requirements], check=True)
