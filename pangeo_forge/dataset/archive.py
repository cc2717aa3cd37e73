"""The inputs of a recipe as datasets: fetch, open, transform, in one place for scan, write and verify."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from pangeo_forge.dataset.model import Index
from pangeo_forge.errors import InputError, PangeoForgeError
from pangeo_forge.inputs.arrays import ArrayCache
from pangeo_forge.inputs.completeness import check_complete
from pangeo_forge.inputs.fetch import Cache, Cost, FailedInput, FetchedInput, Fetcher, FetchOptions, Guard, Progress
from pangeo_forge.inputs.fetch.address import local_path, redact_url
from pangeo_forge.inputs.fetch.storage_options import BoundSecrets
from pangeo_forge.inputs.fetch.watch import FetchWatch
from pangeo_forge.inputs.lazy import ArraySource, Locator
from pangeo_forge.inputs.openers import Outline, naming, open_outline, opened, placed, unwrapped_path
from pangeo_forge.inputs.source import InputSource, OpenOptions
from pangeo_forge.progress import Channel, at

if TYPE_CHECKING:
    import xarray as xr

    from pangeo_forge.pattern.pattern import FilePattern, PatternItem
    from pangeo_forge.recipe.model import Recipe

T = TypeVar("T")
READERS = ("I1", "I2")
"""Codes of what reads files, by which a damaged copy shows."""
FORBIDDEN = "I306"
FETCH_BATCH = 64
"""Inputs that a worker asks the fetcher for at a time."""

_fetchers: dict[str, Fetcher] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Archive:
    """Opens the inputs of a recipe by their position. Picklable: connections and caches are made where it is used.

    Parameters
    ----------
    recipe: what to open and how to transform it.
    pattern: the inputs; a pruned pattern gives a pruned archive.
    cache: where copies of remote inputs are kept.
    guard: rules for an untrusted recipe.
    scratch: folder for unpacked files.
    allow_python: whether the recipe's own Python hook may run.
    """

    recipe: Recipe
    pattern: FilePattern
    cache: Cache | None = None
    guard: Guard | None = None
    scratch: str | None = None
    allow_python: bool = False
    channel: Channel | None = None
    """Where progress is told."""
    machines: int = 1
    """Machines that share a source's limits but no files."""
    secrets: BoundSecrets = field(default_factory=BoundSecrets)
    """Where named secrets are looked up; holds no value."""
    revalidate: bool = False
    """Ask servers whether what is in the cache is still what they have, once a run."""
    token: str = field(default_factory=lambda: uuid4().hex)
    """All copies of an archive in one process share one fetcher."""

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_array_cache", "options")}

    @property
    def fetcher(self) -> Fetcher:
        """This process's fetcher."""
        with _lock:
            if self.token not in _fetchers:
                tell = at(self.channel)
                counts = Progress(FetchWatch(tell, len(self.pattern)), interval=0.2)
                tell.watch("fetch", counts.under_way)
                _fetchers[self.token] = Fetcher(
                    FetchOptions.from_recipe(self.recipe.fetch),
                    self.cache,
                    guard=self.guard,
                    check=check_complete,
                    progress=counts,
                    secrets=self.secrets,
                    workers=self.machines,
                )
            return _fetchers[self.token]

    def tell_fetched(self) -> None:
        """Fetching is over, as far as this process goes: show its last figures."""
        with _lock:
            fetcher = _fetchers.get(self.token)
        if fetcher is not None and isinstance(fetcher.progress.listener, FetchWatch):
            fetcher.progress.listener.finish(fetcher.progress.snapshot())

    def close(self) -> None:
        """Close this process's connections."""
        with _lock:
            fetcher = _fetchers.pop(self.token, None)
        if fetcher is not None:
            fetcher.close()
        self._array_cache.close()

    @cached_property
    def options(self) -> OpenOptions:
        """The recipe's ``open`` section."""
        return OpenOptions.from_recipe(self.recipe, scratch=self.scratch)

    @property
    def decode_times(self) -> bool:
        """Whether variables with time units are times."""
        return self.options.decode_times

    def item(self, index: Index) -> PatternItem:
        """Key and URL of an input."""
        return self.pattern.item(index)

    def label(self, index: Index) -> str:
        """Key and URL of an input, for messages."""
        return self.pattern.item(index).label

    def concat_values(self, item: PatternItem) -> Mapping[str, Any]:
        """Value of each concat key that has one, by dimension: the coordinate of a dimension that files do not name."""
        named = {k.name: k.dim for k in self.pattern.concat_keys}
        listed = self.recipe.inputs.url is None
        return {} if listed else {dim: item.key[name].value for name, dim in named.items() if dim is not None}

    # -- fetch -------------------------------------------------------------------------------------------------------

    def fetch(self, item: PatternItem) -> FetchedInput | None:
        """The local copy of an input (or the input itself where it is local); None for one that is read where it is."""
        if self._is_remote_store(item):
            if self.guard is not None and self.options.format != "opendap":
                raise self.guard.refusal(item.label, "an untrusted recipe may not read Zarr stores in place")
            return None
        return self.fetcher.fetch(item.url, item.label)

    def fetch_range(
        self, start: int, stop: int
    ) -> Iterator[tuple[PatternItem, FetchedInput | PangeoForgeError | None]]:
        """Inputs of the positions [start, stop), fetched side by side as far as the host allows; errors as values.

        Inputs that the recipe says are absent are left out.
        """
        for low in range(start, stop, FETCH_BATCH):
            items = [self.pattern[i] for i in range(low, min(stop, low + FETCH_BATCH))]
            items = [item for item in items if not item.missing]
            to_fetch = [item for item in items if not self._is_remote_store(item)]
            outcome = self.fetcher.fetch_all([(i.url, i.label) for i in to_fetch], revalidate=self.revalidate)
            fetched, failed = iter(outcome.fetched), iter(outcome.failed)
            for item in items:
                found = None if self._is_remote_store(item) else next(fetched) or _as_error(next(failed))
                yield item, found

    def cost(self, item: PatternItem) -> Cost:
        """What fetching an input took in this process, told once."""
        return Cost() if self._is_remote_store(item) else self.fetcher.cost(item.url, item.label)

    def ask(self, items: Sequence[PatternItem]) -> tuple[list[str], list[int]]:
        """Labels of those inputs that do not exist or cannot be reached, and sizes of the others; nothing is fetched.

        Raises
        ------
        InputError: I306, an untrusted recipe leads where it may not (what is forbidden is not absent).
        """
        asked = [item for item in items if not self._is_remote_store(item)]
        answers = self.fetcher.ask_all([(i.url, i.label) for i in asked])
        for failed in answers:
            if isinstance(failed, FailedInput) and failed.code == FORBIDDEN:
                raise _as_error(failed)
        absent = [f"{f.label}: {f.message}" for f in answers if isinstance(f, FailedInput)]
        return absent, [r.size for r in answers if not isinstance(r, FailedInput) and r.size is not None]

    def _is_remote_store(self, item: PatternItem) -> bool:
        """Inputs that are not copied: OPeNDAP services and Zarr stores."""
        return self.options.format == "opendap" or self._is_zarr(item)

    def _is_zarr(self, item: PatternItem) -> bool:
        return self.options.format == "zarr" or (
            self.options.format == "auto" and item.url.rstrip("/").endswith(".zarr")
        )

    # -- open --------------------------------------------------------------------------------------------------------

    @contextmanager
    def dataset(self, item: PatternItem) -> Iterator[xr.Dataset]:
        """An input as a dataset, as stored, with the recipe's transforms applied (lazily)."""
        source = self._source(item)
        with naming(source), opened(source, self._options_of(item)) as raw:
            yield self._transformed(raw, item)

    @contextmanager
    def outline(self, item: PatternItem) -> Iterator[xr.Dataset | Outline]:
        """The same for scanning and reading regions: without xarray where that does."""
        if self.recipe.transforms:
            with self.dataset(item) as ds:
                yield ds
        else:
            source = self._source(item)
            with naming(source):
                yield open_outline(source, self._options_of(item))

    @contextmanager
    def plain_dataset(self, item: PatternItem) -> Iterator[xr.Dataset]:
        """The same input along another code path: xarray's own engine for its format, where there is one."""
        from pangeo_forge.dataset.plain import opened_plainly

        source = self._source(item)
        with naming(source), opened_plainly(source, self._options_of(item)) as raw:
            yield self._transformed(raw, item)

    @contextmanager
    def arrays(self, item: PatternItem, locators: Sequence[Locator], threads: int = 1) -> Iterator[list[ArraySource]]:
        """Stored arrays of an input, without opening the dataset: for reading raw chunks."""
        source = self._source(item)
        with naming(source):
            if source.path is None:
                raise ValueError(f"{source.where} has no local copy to read raw chunks from")
            path = unwrapped_path(source, self._options_of(item)) or source.path
            found = self._array_cache.get(locators[0].kind, path, [entry.array for entry in locators])
            arrays = [found[entry.array] for entry in locators]
            yield [a.with_threads(threads) if threads > 1 and hasattr(a, "with_threads") else a for a in arrays]

    def reading(self, item: PatternItem, read: Callable[[], T]) -> T:
        """What ``read`` returns, which opens an input or reads of it; once more where its copy in the cache was damaged.

        Raises
        ------
        InputError: as ``read``, with the input's key and URL and a hint that fits it.
        """
        try:
            return read()
        except InputError as error:
            self.mend(item, error)
        return read()

    def mend(self, item: PatternItem, error: PangeoForgeError) -> None:
        """Fetch an input anew whose damaged copy in the cache led to ``error``; raise that where it did not."""
        if not error.code.startswith(READERS):
            raise error
        if not self._fetched_anew(item):
            raise placed(error, self._source(item)) from error.__cause__

    def _fetched_anew(self, item: PatternItem) -> bool:
        """Compare the copy of an input with its digest, and fetch it again if it is not what the server had sent."""
        if self._is_remote_store(item) or local_path(item.url) is not None:
            return False
        again = self.fetcher.fetch(item.url, item.label, verify=True)
        if not again.from_cache:
            at(self.channel).note(f"{item.label}: its copy in the cache was damaged, and was fetched again")
        return not again.from_cache

    @cached_property
    def _array_cache(self) -> ArrayCache:
        return ArrayCache(limits=self.options.limits)

    def _source(self, item: PatternItem) -> InputSource:
        fetched = self.fetch(item)
        path = fetched.path if fetched is not None else local_path(item.url) if self._is_zarr(item) else None
        options = dict(self.recipe.fetch.storage_options or {})
        return InputSource(item.url, path, item.label, options, partial(self.fetcher.read, label=item.label))

    def _options_of(self, item: PatternItem) -> OpenOptions:
        return replace(self.options, member=item.member) if item.member else self.options

    def _transformed(self, raw: xr.Dataset, item: PatternItem) -> xr.Dataset:
        from pangeo_forge.dataset.transforms import Context, apply_transforms

        if not self.recipe.transforms:
            return raw
        context = Context(
            key=item.key,
            url=item.url,
            label=item.label,
            folder=self.recipe.folder,
            sources=self.recipe.hooks,
            allow_python=self.allow_python,
        )
        return apply_transforms(raw, self.recipe.transforms, context)


def _as_error(failed: FailedInput) -> InputError:
    where = failed.label if failed.url in failed.label else f"{failed.label} ({redact_url(failed.url)})"
    return InputError(failed.message, code=failed.code, where=where, hint=failed.hint)
