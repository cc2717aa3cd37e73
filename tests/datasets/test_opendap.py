"""Recorded DAP 2 answers from a loopback server that knows constraints, against values unpacked by hand."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from pangeo_forge.errors import CombineError

from .conversion import DATA, convert

FOLDER = DATA / "opendap_responses"
SHAPES = {"u": (16, 17, 21), "v": (16, 17, 21), "lat": (17,), "lon": (21,), "time": (16,)}
KINDS = {"u": "Int16", "v": "Int16", "lat": "Float32", "lon": "Float32", "time": "Float32"}
BIG = {"Int16": ">i4", "Float32": ">f4"}
"""XDR has no 16 bit integers: they travel as 32 bits (DAP 2 specification, section 7.3)."""


def recorded() -> dict[str, np.ndarray]:
    """Arrays of the recorded answer: after ``Data:`` the length of each array, twice, and its values."""
    body = (FOLDER / "fnoc1.nc.dods").read_bytes().partition(b"\nData:\n")[2]
    order = re.findall(r"^\s*\w+ (\w+)\[", (FOLDER / "fnoc1.nc.dds").read_text(), re.M)
    arrays, at = {}, 0
    for name in order:
        kind = BIG[KINDS[name]]
        size = int(np.prod(SHAPES[name]))
        assert np.frombuffer(body, ">u4", 2, at).tolist() == [size, size]
        arrays[name] = np.frombuffer(body, kind, size, at + 8).reshape(SHAPES[name])
        at += 8 + 4 * size
    assert at == len(body)
    return arrays


class Handler(BaseHTTPRequestHandler):
    """Answers ``.dds`` and ``.das`` as recorded, ``.dods`` with the regions asked for."""

    arrays: dict[str, np.ndarray]
    asked: list[str]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.endswith((".dds", ".das")):
            return self._send((FOLDER / Path(parts.path).name).read_bytes())
        query = unquote(parts.query)
        type(self).asked.append(query)
        return self._send(self._data(query))

    def _data(self, query: str) -> bytes:
        header, body = "Dataset {\n", b""
        for projection in query.split(","):
            name = projection.partition("[")[0].rpartition(".")[2]
            picks = [tuple(map(int, p.split(":"))) for p in re.findall(r"\[([\d:]+)\]", projection)]
            region = tuple(slice(p[0], p[-1] + 1, p[1] if len(p) == 3 else 1) for p in picks)
            values = self.arrays[name][region]
            header += f"    {KINDS[name]} {name}{''.join(f'[d{i} = {n}]' for i, n in enumerate(values.shape))};\n"
            body += np.array([values.size] * 2, ">u4").tobytes() + np.ascontiguousarray(values).tobytes()
        return f"{header}}} fnoc1.nc;\n\nData:\n".encode() + body

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def served() -> Iterator[tuple[str, list[str]]]:
    handler = type("Recorded", (Handler,), {"arrays": recorded(), "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler.asked
    finally:
        server.shutdown()
        server.server_close()


def test_packing_as_text_is_an_error(tmp_path: Path) -> None:
    with served() as (url, _), pytest.raises(CombineError) as caught:
        convert("opendap-fnoc", tmp_path, data=url, set_=["transforms=[]"])
    assert caught.value.code == "C017"
    assert "scale_factor" in str(caught.value)


def test_opendap_equals_the_recording(tmp_path: Path) -> None:
    with served() as (url, asked):
        got = convert("opendap-fnoc", tmp_path, data=url).store
    arrays = recorded()
    assert set(map(str, got.variables)) == set(arrays)
    for name in ("lat", "lon", "time"):
        np.testing.assert_array_equal(got[name].values, arrays[name])
        assert got[name].dtype == "float32"
    for name in ("u", "v"):
        values = arrays[name]
        assert (values != -32767).any()
        expected = np.where(values == -32767, np.nan, values * 0.005)
        np.testing.assert_allclose(got[name].values, expected, rtol=1e-12)
        assert got[name].dims == ("time_a", "lat", "lon")
        assert got[name].encoding["dtype"] == "int16"
        assert got[name].encoding["scale_factor"] == 0.005
        assert got[name].attrs["units"] == "meter per second"
    assert asked
    assert all(q for q in asked), "a whole dataset was asked for"
