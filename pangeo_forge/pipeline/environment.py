"""What a worker must have in common with the driver, and whether it has.

A plan that one version made may be read differently by another, and array bytes depend on the codecs' versions. So the
driver's versions travel with the work, and each worker compares them with its own before it does anything.
"""

from __future__ import annotations

import hashlib
import platform
import socket
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from pangeo_forge.errors import BakeryError
from pangeo_forge.version import package_version

COMPARED = ("pangeo-forge", "apache-beam", "xarray", "zarr", "numcodecs", "h5py")
"""Packages whose versions must be equal on both sides."""
CODE = "pangeo-forge's code"
ABSENT = "absent"
DOCS = "docs/workers.md"


@cache
def environment() -> Mapping[str, str]:
    """Versions of this process: name to version, plain text only, so that every version of this program can read it."""
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    found.update({name: package_version(name) or ABSENT for name in COMPARED})
    return {**found, CODE: _code()}


def check_environment(driver: Mapping[str, str], worker: Mapping[str, str] | None = None) -> None:
    """Compare the driver's versions with this process's.

    Raises
    ------
    BakeryError: B100, a table of both sides, and the command that makes the worker like the driver.
    """
    here = environment() if worker is None else worker
    odd = [name for name in driver if driver[name] != here.get(name, ABSENT)]
    if not odd:
        return
    widths = max(len(n) for n in odd), max(len(driver[n]) for n in odd)
    rows = [f"  {'':<{widths[0]}}  {'driver':<{max(6, widths[1])}}  worker"]
    rows += [f"  {n:<{widths[0]}}  {driver[n]:<{max(6, widths[1])}}  {here.get(n, ABSENT)}" for n in odd]
    raise BakeryError(
        f"the worker on {socket.gethostname()} is not like the driver:\n" + "\n".join(rows) + "\n",
        code="B100",
        hint=_remedy(odd, driver),
    )


def _remedy(odd: list[str], driver: Mapping[str, str]) -> str:
    if "python" in odd:
        return (
            f"start workers that run Python {driver['python']}: build their image from docs/worker/Dockerfile ({DOCS})"
        )
    wanted = " ".join(f"{n}=={driver[n]}" for n in odd if n in COMPARED and driver[n] != ABSENT)
    if not wanted:
        return f"install on the workers what the driver runs, from the same commit ({DOCS})"
    return f"on the workers: python -m pip install {wanted}; or build their image anew ({DOCS})"


def check_requirements(requirements: Iterable[str], *, on_worker: bool = False) -> None:
    """See that what a recipe's hooks need is installed.

    Raises
    ------
    BakeryError: B110 here, B111 on a worker; names all that are missing.
    """
    unmet = {text: why for text in requirements if (why := _unmet(text)) is not None}
    if not unmet:
        return
    found = "; ".join(f"{text} ({why})" for text, why in unmet.items())
    where = f"the worker on {socket.gethostname()}" if on_worker else "this environment"
    install = "python -m pip install " + " ".join(f"'{text}'" for text in unmet)
    raise BakeryError(
        f"the recipe's Python hook needs what {where} does not have: {found}",
        code="B111" if on_worker else "B110",
        hint=f"on the workers: {install} ({DOCS})" if on_worker else install,
    )


def _unmet(text: str) -> str | None:
    """Why a requirement is not met; None: it is, or it is not asked of this platform."""
    from packaging.requirements import Requirement

    requirement = Requirement(text)
    if requirement.marker is not None and not requirement.marker.evaluate():
        return None
    found = package_version(requirement.name)
    if found is None:
        return "not installed"
    return None if requirement.specifier.contains(found, prereleases=True) else f"here is {found}"


def _code() -> str:
    """Digest of this program's source: a checkout changes without its version changing."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
