"""The ``grib`` codec of references, contained: eccodes may abort the process that loads it, so it is loaded in another.

Other readers find kerchunk's codec of that name, which gives the same values.
"""

from __future__ import annotations

from typing import Any

import numcodecs
from numcodecs.abc import Codec
from numcodecs.compat import ensure_bytes, ndarray_copy
from numcodecs.registry import codec_registry

from pangeo_forge.inputs.isolation import Limits
from pangeo_forge.targets.grib_messages import decode

CODEC = "grib"


class ContainedGrib(Codec):  # type: ignore[misc]  # numcodecs is untyped
    """Decodes one message.

    Parameters
    ----------
    var: the variable; part of the configuration that readers expect.
    dtype: of the values.
    """

    codec_id = CODEC

    def __init__(self, var: str, dtype: str | None = None) -> None:
        self.var = var
        self.dtype = dtype

    def encode(self, buf: Any) -> Any:
        """As it is: messages are never written."""
        return buf

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Values of the message."""
        message = ensure_bytes(buf)
        values = Limits().call(decode, message, self.dtype or "float32", where="a GRIB message", nbytes=len(message))
        return values if out is None else ndarray_copy(values, out)


def register() -> None:
    """Let this process decode GRIB references, if nobody has chosen another codec for it yet."""
    if CODEC not in codec_registry:
        numcodecs.register_codec(ContainedGrib)
