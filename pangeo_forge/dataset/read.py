"""Read a region of one input's variable in the encoding of the target: the general path, which any input can take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pangeo_forge.dataset import time
from pangeo_forge.dataset.model import ArrayTemplate, Template
from pangeo_forge.dataset.packing import encode
from pangeo_forge.dataset.stored import StoredVariable, stored_variables
from pangeo_forge.dataset.values import meaning, strings, ticks_of
from pangeo_forge.errors import CombineError, InputError

if TYPE_CHECKING:
    from pangeo_forge.dataset.roles import Dataset


def read_region(
    ds: Dataset,
    array: ArrayTemplate,
    region: tuple[slice, ...],
    *,
    concat_dims: tuple[str, ...] | None = None,
    label: str | None = None,
    decode_times: bool = True,
) -> np.ndarray:
    """Values of ``region`` of one input, as they are stored in the target.

    Parameters
    ----------
    ds: the input, opened and transformed as for the scan.
    array: what is written.
    region: one slice for each of ``array.dims``, in the input's own positions (a dim that it gains has length 1).
    concat_dims: of the template; default those of the array, which is enough to read it.
    label: the input's key and URL, for messages.

    Returns
    -------
    An array of ``array.dtype`` (objects for strings), little-endian, in the shape of ``region``.

    Raises
    ------
    InputError: I090 when the variable is no longer what the scan saw.
    CombineError: when a value has no exact form in the target's encoding; ``where`` is the label.
    """
    dims = array.concat_dims if concat_dims is None else concat_dims
    stored = next(iter(stored_variables(ds, dims, {array.name}, decode_times=decode_times)), None)
    if stored is None or stored.dims != array.dims:
        found = "absent" if stored is None else f"there with dims {stored.dims}, not {array.dims}"
        raise InputError(
            f"variable {array.name!r} is {found}: the input has changed since it was scanned",
            code="I090",
            where=label,
            hint="run again, so that it is fetched and scanned anew",
        )
    try:
        return _encoded(stored, array, stored.read(region))
    except (CombineError, InputError) as error:
        error.where = error.where or label
        raise


def _encoded(stored: StoredVariable, array: ArrayTemplate, values: np.ndarray) -> np.ndarray:
    if array.dtype == "str":
        return strings(values)
    if not array.recode and values.dtype.kind not in "MO":
        if values.dtype != np.dtype(array.dtype):
            raise InputError(
                f"variable {array.name!r} is {values.dtype}, not {array.dtype}, as the scan saw", code="I090"
            )
        return values
    if array.time is not None and stored.time is not None:
        fill = array.packing.fill_value
        missing = fill if isinstance(fill, int) else time.NAT
        ticks = ticks_of(values, stored.packing, stored.time)
        return time.encode(ticks, array.time.units, array.time.calendar, array.dtype, missing)
    if array.dtype.startswith("|S"):
        return values.astype(array.dtype)
    return encode(meaning(values, stored.packing, None), array.packing, array.dtype, array.name)


def input_region(template: Template, array: ArrayTemplate, position: tuple[int, ...]) -> tuple[slice, ...]:
    """The part of an input that the template uses: all of it, but what ``trims`` cuts off.

    Parameters
    ----------
    position: the input's index.
    """
    slices = []
    for dim, size in zip(array.dims, array.shape, strict=True):
        if dim not in template.concat_dims:
            slices.append(slice(0, size))
            continue
        at = position[template.concat_dims.index(dim)]
        length = int(template.lengths[dim][at])
        start = template.trims.get(dim, {}).get(at, (0, length))[0]
        slices.append(slice(start, start + length))
    return tuple(slices)
