"""The escape hatch: a Python function of the recipe's folder, run only where the operator allows it."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from pangeo_forge.dataset.transforms.context import Context
from pangeo_forge.dataset.transforms.values import decode
from pangeo_forge.dataset.transforms.views import rebuild, variables_of
from pangeo_forge.errors import RecipeError
from pangeo_forge.inputs.lazy import LazyArray


def python(ds: xr.Dataset, target: str, *, context: Context, if_present: bool = False) -> xr.Dataset:
    """Call ``function(ds) -> Dataset`` of a file in the recipe's folder: ``python: hooks.py:function``.

    The function gets the dataset as ``xarray.open_dataset`` would give it: decoded, with indexes, read when used.

    Raises
    ------
    RecipeError: R208 not allowed, R209 not a function of a file in the recipe's folder, R210 it raised, or
        did not return a Dataset.
    """
    if not context.allow_python:
        raise context.error(
            "R208", f"the recipe's own code ({target}) may not run", "the operator may allow it: --allow-python"
        )
    path, name = _located(target, context)
    function = _loaded(path, name, context)
    given = _readable(decode(ds, True, context=context))
    try:
        result = function(given)
    except Exception as error:
        raise _failed(error, path, context) from error
    if not isinstance(result, xr.Dataset):
        raise context.error("R210", f"{target} returned {type(result).__name__}, not a Dataset", "return the dataset")
    variables = {n: _untouched(v, given, n) for n, v in variables_of(result).items()}
    return rebuild(result, variables)


def _located(target: Any, context: Context) -> tuple[Path, str]:
    file, colon, name = target.rpartition(":") if isinstance(target, str) else ("", "", "")
    if not colon or not name.isidentifier() or not file.endswith(".py"):
        raise context.error("R209", f"{target!r} does not name a function", "write python: hooks.py:function")
    if context.folder is None:
        raise context.error("R209", f"the recipe has no folder to load {file} from")
    folder = Path(context.folder).resolve()
    path = (folder / file).resolve()
    if not path.is_relative_to(folder):
        raise context.error("R209", f"{file} is not in the recipe's folder", "put the file beside recipe.yaml")
    if not path.is_file():
        near = ", ".join(sorted(p.name for p in folder.glob("*.py"))) or "none"
        raise context.error("R209", f"there is no file {file} in the recipe's folder", f"Python files there: {near}")
    return path, name


def _loaded(path: Path, name: str, context: Context) -> Callable[[xr.Dataset], Any]:
    # The name tells files of different folders (and versions of one file) apart; once loaded, a module is kept.
    module_name = f"pangeo_forge_hook_{sha256(str(path).encode() + path.read_bytes()).hexdigest()[:16]}"
    module = sys.modules.get(module_name)
    if module is None:
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise context.error("R209", f"{path.name} cannot be loaded")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[module_name]
            raise _failed(error, path, context) from error
    function = getattr(module, name, None)
    if not callable(function):
        known = ", ".join(n for n, v in vars(module).items() if callable(v) and not n.startswith("_")) or "none"
        raise context.error("R209", f"{path.name} has no function {name!r}", f"functions there: {known}")
    return function  # type: ignore[no-any-return]


def _failed(error: Exception, path: Path, context: Context) -> RecipeError:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).resolve() == path]
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
