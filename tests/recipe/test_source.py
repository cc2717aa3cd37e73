"""YAML with positions: what scalars mean, where things stand, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pangeo_forge.errors import RecipeError, RecipeErrors
from pangeo_forge.recipe.source import format_path, parse, read_source, scalar

TEXT = """\
a: 1
b:
  - x: 1981-09-01
    "y": 'NO'
  - [1e-6, 01, 12:30]
c: &c {n: 5}
d: *c
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("-3", -3), ("0", 0), ("0x10", 16), ("0o17", 15), ("1e-6", 1e-6), ("1.", 1.0), (".5", 0.5), ("-.inf", float("-inf")),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("yes", "yes"), ("NO", "NO"), ("on", "on"), ("off", "off"), ("y", "y"),
        ("1981-09-01", "1981-09-01"), ("12:30", "12:30"), ("01", "01"), ("1_000", "1_000"), ("1D", "1D"), ("tRue", "tRue"),
        ("0000-0001", "0000-0001"), ("1.2.3", "1.2.3"), (".", "."), ("e5", "e5"), ("9" * 40, "9" * 40),
    ],
)  # fmt: skip
def test_scalar(text: str, value: object) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


@given(st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_round_trip(number: float) -> None:
    assert scalar(repr(number)) == number


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "r.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_data_and_places(tmp_path: Path) -> None:
    source = read_source(write(tmp_path, TEXT), name="r.yaml")
    assert source.data() == {
        "a": 1,
        "b": [{"x": "1981-09-01", "y": "NO"}, [1e-6, "01", "12:30"]],
        "c": {"n": 5},
        "d": {"n": 5},
    }
    assert source.locate(("a",)) == "r.yaml:1:4"
    assert source.locate(("a",), key=True) == "r.yaml:1:1"
    assert source.locate(("b", 0, "x")) == "r.yaml:3:8"
    assert source.locate(("b", 1, 2)) == "r.yaml:5:16"
    assert source.locate(("b",)) == "r.yaml:2:1"
    assert source.locate(("b", 0, "absent")) == "r.yaml:3:5"
    assert source.locate(()) == "r.yaml:1:1"


def test_data_is_a_fresh_copy(tmp_path: Path) -> None:
    source = read_source(write(tmp_path, TEXT))
    source.data()["c"]["n"] = 6
    assert source.data()["c"] == source.data()["d"] == {"n": 5}


def test_format_path() -> None:
    assert format_path(("transforms", 2, "rename", "day")) == "transforms[2].rename.day"


def test_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    source = read_source(write(tmp_path, b"\xef\xbb\xbfa: 1\r\nb: 2\r\n"), name="r")
    assert source.data() == {"a": 1, "b": 2}
    assert source.locate(("b",), key=True) == "r:2:1"


def refused(tmp_path: Path, text: str | bytes) -> list[str]:
    with pytest.raises(RecipeErrors) as caught:
        read_source(write(tmp_path, text), name="r")
    return [e.code for e in caught.value.errors]


def test_symbolic_link(tmp_path: Path) -> None:
    path = write(tmp_path, "a: 1")
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    with pytest.raises(RecipeErrors, match="symbolic link"):
        read_source(link)


def test_absent_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.yaml", tmp_path):
        with pytest.raises(RecipeErrors, match="R002"):
            read_source(path)


def test_bounds(tmp_path: Path) -> None:
    assert refused(tmp_path, b"# " + b"x" * 5_000_001) == ["R002"]
    assert refused(tmp_path, "a: " + "[" * 60 + "]" * 60) == ["R005"]
    assert refused(tmp_path, "a: &x 1\nb: *y\n") == ["R005"]


def test_all_repeated_keys_at_once(tmp_path: Path) -> None:
    assert refused(tmp_path, "a: 1\na: 2\nb: {c: 1, c: 2}\n") == ["R003", "R003"]


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#% \n\t,?0", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    errors: list[RecipeError] = []
    try:
        parse(text, "r")
    except RecipeErrors as error:
        errors = list(error.errors)
    assert all(e.code.startswith("R00") and e.where for e in errors)
