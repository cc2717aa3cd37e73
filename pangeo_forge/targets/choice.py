"""Which target a recipe and a ``--target`` address mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pangeo_forge.errors import TargetError

if TYPE_CHECKING:
    from pangeo_forge.targets.extend import ZarrExtension
    from pangeo_forge.targets.icechunk_extension import IcechunkExtension
    from pangeo_forge.targets.icechunk_repository import IcechunkTarget
    from pangeo_forge.targets.reference import ReferenceTarget
    from pangeo_forge.targets.reference_extension import ReferenceExtension, VirtualIcechunkExtension
    from pangeo_forge.targets.virtual_icechunk import VirtualIcechunkTarget

REFERRING = ("parquet", "json", "virtual")
"""Forms that point to the inputs as they are today, so that none may change under them."""

ENDINGS = {"zarr": ".zarr", "icechunk": ".icechunk", "parquet": ".parquet", "json": ".json"}


def form_of_target(target: Any) -> str:
    """``zarr``, ``icechunk``, ``parquet``, ``json`` or ``virtual`` (references in Icechunk) of a recipe's ``target`` section."""
    if target.format != "reference":
        return str(target.format)
    form = target.reference.format if target.reference is not None else "parquet"
    return "virtual" if form == "icechunk" else str(form)


def ending_of(target: Any) -> str:
    """How the address of such a target ends."""
    form = form_of_target(target)
    return ENDINGS["icechunk" if form == "virtual" else form]


def check_ending(address: str | None, target: Any) -> None:
    """A target that is a store of its own must have the ending of the recipe's format.

    Raises
    ------
    TargetError: T066.
    """
    wanted = ending_of(target)
    address = (address or "").rstrip("/")
    for form, ending in ENDINGS.items():
        if address.endswith(ending) and ending != wanted:
            asked = "references" if target.format == "reference" else target.format
            raise TargetError(
                f"the address ends in {ending}, but the recipe makes {asked} ({wanted})",
                code="T066",
                where=address,
                hint=f"end it in {wanted}, or set {_setting(form)}",
            )


def _setting(form: str) -> str:
    if form in ("zarr", "icechunk"):
        return f"target.format={form}"
    return f"target.format=reference and target.reference.format={form}"


def open_target(
    address: str,
    run_id: str,
    target: Any,
    *,
    options: Mapping[str, Any] | None = None,
    input_options: Mapping[str, Any] | None = None,
    threads: int = 2,
) -> IcechunkTarget | ReferenceTarget | VirtualIcechunkTarget:
    """The target of a run that is not a Zarr store (those have their own life: :mod:`pangeo_forge.runs.build`).

    Parameters
    ----------
    target: the recipe's ``target`` section.
    input_options: fsspec options by which references are read when they are checked.

    Raises
    ------
    TargetError: T066 the address ends like another format.
    """
    check_ending(address, target)
    form, given = form_of_target(target), options or {}
    if form == "icechunk":
        from pangeo_forge.targets.icechunk_repository import IcechunkTarget

        return IcechunkTarget(address, run_id, given, threads)
    if form == "virtual":
        from pangeo_forge.targets.virtual_icechunk import VirtualIcechunkTarget

        return VirtualIcechunkTarget(address, run_id, given, threads, input_options=dict(input_options or {}))
    if form in ("parquet", "json"):
        from pangeo_forge.targets.reference import ReferenceTarget

        return ReferenceTarget(address, run_id, given, dict(input_options or {}), threads)
    raise ValueError(f"a {form} target is opened by its own class")


def open_extension(
    address: str,
    run_id: str,
    target: Any,
    *,
    options: Mapping[str, Any] | None = None,
    input_options: Mapping[str, Any] | None = None,
    threads: int = 2,
) -> ZarrExtension | IcechunkExtension | ReferenceExtension | VirtualIcechunkExtension:
    """The dataset at an address, to be made longer by a run. Parameters are those of :func:`open_target`."""
    form, given = form_of_target(target), options or {}
    if form == "zarr":
        from pangeo_forge.targets.extend import ZarrExtension

        return ZarrExtension(address, target.zarr_format, given, threads)
    if form == "icechunk":
        from pangeo_forge.targets.icechunk_extension import IcechunkExtension

        return IcechunkExtension(address, run_id, given, threads)
    from pangeo_forge.targets import reference_extension as referring

    points_to = dict(input_options or {})
    if form == "virtual":
        return referring.VirtualIcechunkExtension(address, run_id, given, threads, input_options=points_to)
    return referring.ReferenceExtension(address, run_id, given, points_to, threads)
