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


def test_opendap_equals_the_recording(tmp_path: Path) -> None:
    with served() as (url, asked):
        got = convert("opendap-fnoc", tmp_path, data=url).store
    arrays = recorded()
    assert set(map(str, got.variables)) == set(arrays)
    for name, values in arrays.items():
        stored = got[name]
        assert stored.shape == values.shape
        raw = stored.values
        scale = stored.encoding.get("scale_factor", 1)
        if name in ("lat", "lon"):
            np.testing.assert_array_equal(raw, values)
        elif name != "time":
            missing = stored.encoding.get("_FillValue", stored.encoding.get("missing_value"))
            expected = np.where(values == missing, np.nan, values * scale) if missing is not None else values * scale
            np.testing.assert_allclose(raw, expected, rtol=1e-6)
            assert stored.encoding["dtype"] == "int16"
    assert any(":3" in q for q in asked)
    assert not any(q.startswith("u") and "v" in q for q in asked)
