"""OPeNDAP: recorded answers of real servers, and a server on loopback."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.openers import dap2, naming, open_dataset
from pangeo_forge.inputs.openers.opendap import blocks
from pangeo_forge.inputs.source import InputSource, OpenOptions

RECORDED = Path(__file__).parents[2] / "data/opendap_responses"


def test_recorded_descriptions() -> None:
    found = dap2.parse_dds((RECORDED / "ber-2002-10-01.nc.dds").read_text()).arrays
    assert found["TSurfAir"].dims == ("time", "latitude", "longitude")
    assert found["TSurfAir"].path == "TSurfAir.TSurfAir"
    assert found["time"].shape == (2,)
    attributes = dap2.parse_das((RECORDED / "fnoc1.nc.das").read_text())
    assert attributes["u"]["units"] == "meter per second"
    assert attributes["u"]["scale_factor"] == "0.005"
    assert dap2.parse_das((RECORDED / "ber-2002-10-01.nc.das").read_text())["TSurfAir"]


def test_an_answer_for_another_shape_or_cut_short_is_an_error() -> None:
    array = dap2.Dap2Array("a", "Int16", ("x",), (3,), "a")
    answer = b"Dataset {\n    Int16 a[x = 3];\n} d;\n\nData:\n" + np.array([3, 3, 1, -2, 3], ">i4").tobytes()
    np.testing.assert_array_equal(dap2.parse_dods(answer, array, (3,)), np.array([1, -2, 3], "i2"))
    for bad, shape in ((answer, (2,)), (answer[:-1], (3,)), (b"<html>", (3,))):
        with pytest.raises(dap2.Dap2Error):
            dap2.parse_dods(bad, array, shape)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 9), st.integers(1, 3)), min_size=1, max_size=3),
    st.integers(1, 30),
)
def test_requests_cover_a_region_once_and_stay_small(axes: list[tuple[int, int, int]], limit: int) -> None:
    region = tuple(slice(a, a + n, step) for a, n, step in axes)
    values = np.arange(20 ** len(axes)).reshape((20,) * len(axes))
    out = np.full(values[region].shape, -1)
    for place, part in blocks(region, limit):
        assert values[part].size <= limit
        assert (out[place] == -1).all()
        out[place] = values[part]
    np.testing.assert_array_equal(out, values[region])


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, dict[str, np.ndarray], list[str]]]:
    from pydap.handlers.lib import BaseHandler
    from pydap.model import BaseType, DatasetType
    from waitress.server import create_server

    values = {
        "air": np.arange(4 * 5 * 6, dtype="f4").reshape(4, 5, 6),
        "count": np.arange(-15, 15, dtype="i2").reshape(5, 6),
        "time": np.arange(4, dtype="f8"),
    }
    dataset = DatasetType("d", attributes={"NC_GLOBAL": {"title": "A title"}})
    dims = {"air": ("time", "lat", "lon"), "count": ("lat", "lon"), "time": ("time",)}
    for name, array in values.items():
        dataset[name] = BaseType(name, array, dims=dims[name], attributes={"units": "K", "n": 3})
    asked: list[str] = []
    handler = BaseHandler(dataset)

    def application(environ: dict[str, Any], start: Any) -> Any:
        asked.append(environ["PATH_INFO"] + "?" + environ["QUERY_STRING"])
        return handler(environ, start)

    running = create_server(application, host="127.0.0.1", port=0, threads=2)
    threading.Thread(target=running.run, daemon=True).start()
    yield f"http://127.0.0.1:{running.effective_port}/d", values, asked
    running.close()


@pytest.mark.servers
def test_regions_are_requested_in_slices(server: tuple[str, dict[str, np.ndarray], list[str]]) -> None:
    url, values, asked = server
    options = OpenOptions(format="opendap", max_request=7 * 4)
    dataset = open_dataset(InputSource(url), options)
    assert dataset.attrs["title"] == "A title"
    assert dataset.air.attrs == {"units": "K", "n": 3}
    assert dataset["count"].dtype == "i2"
    assert not [a for a in asked if "air" in a]
    for name, array in values.items():
        np.testing.assert_array_equal(dataset[name].values, array)
    np.testing.assert_array_equal(dataset.air[1:4:2, ::-1, 2:6:3].values, values["air"][1:4:2, ::-1, 2:6:3])
    assert len([a for a in asked if "air" in a]) > 4 * 5


@pytest.mark.servers
def test_what_is_no_dataset_is_an_error(server: tuple[str, dict[str, np.ndarray], list[str]]) -> None:
    with pytest.raises(InputError) as caught:
        open_dataset(InputSource(server[0].rsplit(":", 1)[0] + ":1/d"), OpenOptions(format="opendap", timeout=1))
    assert caught.value.code == "I122"


class Recorded:
    """A server that answers as recorded, but for what a test did to the answers."""

    def __init__(self, name: str, spoil: Any) -> None:
        self.answers = {s: spoil(s, (RECORDED / f"{name}.{s}").read_bytes()) for s in ("dds", "das", "dods")}

    def __call__(self, url: str) -> bytes:
        return bytes(self.answers[url.partition("?")[0].rpartition(".")[2]])


def outcome(request: Recorded) -> str | None:
    """Code of the error in which opening and reading ends; None: all was read."""
    source = InputSource("http://dap.example.org/d.nc", None, "time=3 http://dap.example.org/d.nc", request=request)
    try:
        with naming(source):
            for variable in open_dataset(source, OpenOptions(format="opendap")).variables.values():
                region = tuple(slice(0, min(n, 10**6)) for n in variable.shape)
                np.asarray(variable[region].values)
    except InputError as error:
        found: InputError = error
    else:
        return None
    assert "time=3 http://dap.example.org/d.nc" in str(found)
    assert found.hint
    return found.code


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(["ber-2002-10-01.nc", "fnoc1.nc"]),
    st.sampled_from(["dds", "das", "dods"]),
    st.one_of(
        st.floats(0, 1).map(lambda part: ("cut", part)),
        st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=8).map(
            lambda flips: ("flip", flips)
        ),
    ),
)
def test_damaged_answers_end_in_an_error_that_names_the_input(name: str, which: str, damage: tuple[str, Any]) -> None:
    def spoil(suffix: str, answer: bytes) -> bytes:
        if suffix != which:
            return answer
        if damage[0] == "cut":
            return answer[: int(len(answer) * damage[1])]
        made = bytearray(answer)
        for place, mask in damage[1]:
            made[int(place * len(made))] ^= mask
        return bytes(made)

    outcome(Recorded(name, spoil))


@pytest.mark.parametrize("length", ["999999999999", "9" * 30, "-5", "1e9", "2147483648"])
def test_lengths_that_a_server_made_up(length: str) -> None:
    def spoil(suffix: str, answer: bytes) -> bytes:
        return re.sub(rb"= ?\d+\]", f"= {length}]".encode(), answer) if suffix == "dds" else answer

    # A dimension of so many values: nothing is put aside for them before the server has sent some.
    assert outcome(Recorded("ber-2002-10-01.nc", spoil)) in ("I110", "I123", "I125")


def test_structures_without_end_are_no_answer() -> None:
    def spoil(suffix: str, answer: bytes) -> bytes:
        return b"Dataset {" + b"Structure {" * 100_000 if suffix == "dds" else answer

    assert outcome(Recorded("fnoc1.nc", spoil)) == "I123"
