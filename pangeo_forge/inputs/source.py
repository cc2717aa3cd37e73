"""What is opened, and how: plain data that travels from a recipe to the workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.isolation import Limits

FORMATS = ("auto", "netcdf3", "netcdf4", "hdf5", "grib1", "grib2", "geotiff", "zarr", "opendap")


@dataclass(frozen=True)
class InputSource:
    """One input to open."""

    url: str
    """Where it comes from; for messages, and what is opened when there is no local copy (zarr, opendap)."""
    path: str | None = None
    """Local file or folder: the fetched copy, or the input read in place."""
    label: str = ""
    """Key of the input, e.g. ``time=2020-01-01``."""
    storage_options: Mapping[str, Any] = field(default_factory=dict)
    """fsspec options of ``url``. May hold secrets: never shown."""
    request: Callable[[str], bytes] | None = field(default=None, repr=False, compare=False)
    """Asks a service (OPeNDAP) at a URL: politely, signed in, again where that may help. None: by a fetcher of its own."""

    @property
    def where(self) -> str:
        """Key and URL without secrets, for errors."""
        url = safe_url(self.url)
        if self.label and url in self.label:
            return self.label
        return f"{self.label} ({url})" if self.label else url

    def __repr__(self) -> str:
        return f"InputSource({self.where!r}, path={self.path!r})"


@dataclass(frozen=True)
class OpenOptions:
    """The ``open`` section of a recipe."""

    format: str = "auto"
    group: str | tuple[str, ...] | None = None
    """Group(s) of an HDF5 file or zarr store; several are merged into one dataset."""
    decode_times: bool = True
    """Not used by openers (they return numbers); kept for the stages that decode."""
    decode_coords: bool | str = True
    """Which variables become coordinates, as in ``xarray.decode_cf``: False, True ("coordinates") or "all"."""
    select: Mapping[str, Any] | tuple[Mapping[str, Any], ...] | None = None
    """GRIB keys of the messages to read; several mappings are read in one pass each and merged."""
    drop: tuple[str, ...] = ()
    """Names or globs of variables that are not opened at all."""
    engine: str | None = None
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    member: str | None = None
    """Path inside a zip archive, or a glob that matches one."""
    dims: Mapping[str, Any] = field(default_factory=dict)
    """Names for dimensions without a scale: ``{phony_dim_0: lat}``, or per variable ``{/path/var: [lat, lon]}``."""
    timeout: float = 60.0
    """Seconds that one open may take, and one read (which gets a second more for each MB)."""
    isolate: bool | None = None
    """False: open and read in this process; else in a child, since damaged files make libraries crash or hang."""
    max_request: int = 100_000_000
    """Bytes that one OPeNDAP request may ask for."""
    max_unpacked: int = 200_000_000_000
    """Bytes that a compressed input may unpack to."""
    scratch: str | None = None
    """Folder for unpacked files; the system's temporary folder when None."""

    @classmethod
    def from_recipe(cls, recipe: Any, *, scratch: str | None = None) -> OpenOptions:
        """Options of a recipe's ``open`` section (``inputs.member`` included)."""
        section = recipe.open
        values: dict[str, Any] = {"scratch": scratch, "member": getattr(recipe.inputs, "member", None)}
        for entry in fields(cls):
            value = getattr(section, entry.name, None)
            if value is not None:
                values[entry.name] = value
        for size in ("max_request", "max_unpacked"):
            if isinstance(values.get(size), str):
                from pangeo_forge.recipe.scalars import size_in_bytes

                values[size] = size_in_bytes(values[size])
        return cls.from_mapping(values)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> OpenOptions:
        """Options from plain values: lists become tuples, ``timeout`` may be text like ``60s``."""
        known = {entry.name for entry in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise InputError(f"unknown open option {unknown[0]!r}", code="I100", hint=f"known are {sorted(known)}")
        made: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        if isinstance(made.get("drop"), str):
            made["drop"] = (made["drop"],)
        if isinstance(made.get("timeout"), str):
            from pangeo_forge.inputs.fetch.options import seconds

            made["timeout"] = seconds(made["timeout"])
        options = cls(**made)
        if options.format not in FORMATS:
            raise InputError(f"unknown format {options.format!r}", code="I100", hint=f"known are {', '.join(FORMATS)}")
        return options

    @property
    def limits(self) -> Limits:
        """How readers' libraries are contained."""
        return Limits(self.timeout, self.isolate is not False)

    @property
    def groups(self) -> tuple[str, ...]:
        """Absolute group paths; the root when none is named."""
        given: Sequence[str] = (
            ("/",) if self.group is None else (self.group,) if isinstance(self.group, str) else self.group
        )
        return tuple("/" + g.strip("/") for g in given)

    @property
    def selects(self) -> tuple[Mapping[str, Any], ...]:
        """One mapping of GRIB keys a pass."""
        if self.select is None:
            return ({},)
        return (self.select,) if isinstance(self.select, Mapping) else tuple(self.select)


def safe_url(url: str) -> str:
    """``url`` without user, password and query values, which may be secrets."""
    parts = urlsplit(url)
    if not parts.scheme or not parts.netloc:
        return url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "…" if parts.query else "", ""))
