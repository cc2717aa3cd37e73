"""The escape hatch: a Python function of the recipe's folder, run only where the operator allows it."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import xarray as xr

from pangeo_forge.dataset.transforms.context import Context
from pangeo_forge.dataset.transforms.values import decode
from pangeo_forge.dataset.transforms.views import rebuild, variables_of
from pangeo_forge.errors import RecipeError
from pangeo_forge.inputs.lazy import LazyArray
from pangeo_forge.recipe.hooks import function_of, read_hook
from pangeo_forge.recipe.transforms import Transform

_loading = threading.RLock()


def python(
    ds: xr.Dataset, target: str | Mapping[str, Any], *, context: Context, if_present: bool = False
) -> xr.Dataset:
    """Call ``function(ds) -> Dataset`` of a file in the recipe's folder: ``python: hooks.py:function``.

    The function gets the dataset as ``xarray.open_dataset`` would give it: decoded, with indexes, read when used.

    Raises
    ------
    RecipeError: R208 not allowed, R209 not a function of a file in the recipe's folder, R210 it raised, or
        did not return a Dataset.
    """
    target = function_of(target)
    if not context.allow_python:
        raise refusal(target, context)
    path, source, name = _located(target, context)
    function = _loaded(path, source, name, context)
    given = _readable(decode(ds, True, context=context))
    try:
        result = function(given)
    except Exception as error:
        raise _failed(error, path, context) from error
    if not isinstance(result, xr.Dataset):
        raise context.error("R210", f"{target} returned {type(result).__name__}, not a Dataset", "return the dataset")
    variables = {n: _untouched(v, given, n) for n, v in variables_of(result).items()}
    return rebuild(result, variables)


def refusal(target: Any, context: Context) -> RecipeError:
    """R208: the operator has not allowed the recipe's own code."""
    text = f"the recipe's own code ({target}) may not run"
    return context.error("R208", text, "the operator may allow it: --allow-python")


def check_sources(transforms: Iterable[Transform], context: Context) -> None:
    """Find out whether the files of a recipe's hooks may run, and are there.

    Raises
    ------
    RecipeError: R208 not allowed, R209 no such file in the recipe's folder.
    """
    for number, transform in enumerate(transforms):
        if transform.name == "python":
            here = replace(context, where=f"transforms[{number}].python")
            target = function_of(transform.arguments)
            if not context.allow_python:
                raise refusal(target, here)
            _read(str(target).rpartition(":")[0], here)


def _located(target: Any, context: Context) -> tuple[Path, str, str]:
    """Where the file is (or was), its text, and the name of the function."""
    file, colon, name = target.rpartition(":") if isinstance(target, str) else ("", "", "")
    if not colon or not name.isidentifier() or not file.endswith(".py"):
        raise context.error("R209", f"{target!r} does not name a function", "write python: hooks.py:function")
    return Path(context.folder or "") / file, _read(file, context), name


def _read(file: str, context: Context) -> str:
    if file in context.sources:
        return context.sources[file]
    if context.folder is None:
        raise context.error("R209", f"the recipe has no folder to load {file} from")
    folder = Path(context.folder)
    try:
        return read_hook(folder, file)
    except FileNotFoundError as error:
        near = ", ".join(sorted(p.name for p in folder.glob("*.py"))) or "none"
        raise context.error("R209", str(error), f"Python files there: {near}") from error
    except (OSError, ValueError) as error:
        raise context.error(
            "R209", f"{file} cannot be read: {error}", "put a plain UTF-8 file beside recipe.yaml"
        ) from error


def _loaded(path: Path, source: str, name: str, context: Context) -> Callable[[xr.Dataset], Any]:
    # The name tells files of different folders (and versions of one file) apart; once loaded, a module is kept.
    module_name = f"pangeo_forge_hook_{sha256(f'{path}{source}'.encode()).hexdigest()[:16]}"
    with _loading:
        module = sys.modules.get(module_name)
        if module is None:
            module = ModuleType(module_name)
            module.__file__ = str(path)
            sys.modules[module_name] = module
            try:
                # The operator has allowed it. The text, not the file, is run: the file need not be on this machine.
                exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102
            except Exception as error:
                del sys.modules[module_name]
                raise _failed(error, path, context) from error
    function = getattr(module, name, None)
    if not callable(function):
        known = ", ".join(n for n, v in vars(module).items() if callable(v) and not n.startswith("_")) or "none"
        raise context.error("R209", f"{path.name} has no function {name!r}", f"functions there: {known}")
    return function  # type: ignore[no-any-return]


def _failed(error: Exception, path: Path, context: Context) -> RecipeError:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) else frames[-1].lineno if frames else None
    at = f"{path.name}:{line}" if line else path.name
    text = str(error).strip().splitlines()
    return context.error(
        "R210", f"{at}: {type(error).__name__}: {text[0] if text else ''}", "mend the hook, or the recipe"
    )


class _OnUse(xr.backends.BackendArray):
    """A LazyArray as xarray's own lazily indexed arrays want it: read when used, and calculable."""

    def __init__(self, array: LazyArray) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, key: Any) -> np.ndarray:
        return xr.core.indexing.explicit_indexing_adapter(  # type: ignore[no-any-return]
            key, self.shape, xr.core.indexing.IndexingSupport.OUTER, self._read
        )

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        values = self.array
        for axis in reversed(range(len(key))):
            values = values[(*(slice(None),) * axis, key[axis])]
        return values.read()


def _readable(ds: xr.Dataset) -> xr.Dataset:
    variables = {}
    for name, variable in variables_of(ds).items():
        data: Any = variable._data
        if isinstance(data, LazyArray):
            data = xr.core.indexing.LazilyIndexedArray(_OnUse(data))
            variable = xr.Variable(variable.dims, data, variable.attrs, variable.encoding, fastpath=True)
        variables[name] = variable
    coords = {str(c) for c in ds.coords}
    return xr.Dataset(
        {n: v for n, v in variables.items() if n not in coords},
        coords={n: v for n, v in variables.items() if n in coords},
        attrs=ds.attrs,
    )


def _untouched(variable: xr.Variable, given: xr.Dataset, name: str) -> xr.Variable:
    """The lazy array again, where the hook did not use the variable; else the values."""
    data: Any = variable._data
    if isinstance(data, xr.core.indexing.LazilyIndexedArray) and isinstance(data.array, _OnUse):
        if name in given.variables and given.variables[name]._data is data:
            data = data.array.array
        else:
            data = np.asarray(variable.values)
        return xr.Variable(variable.dims, data, variable.attrs, variable.encoding, fastpath=True)
    return xr.Variable(variable.dims, np.asarray(variable.values), variable.attrs, variable.encoding)
