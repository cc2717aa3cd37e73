"""Errors of several workers are told as one, that says how many there were."""

from __future__ import annotations

import re

from pangeo_forge.errors import InputError, TargetError
from pangeo_forge.pipeline.stages import with_others


def failed(n: int, what: str = "a chunk is corrupt") -> InputError:
    return InputError(what, code="I203", where=f"time={n}", hint="get it again")


def test_one_error_is_itself() -> None:
    assert str(with_others([failed(1)])) == "time=1: a chunk is corrupt; get it again [I203]"


def test_alike_errors_are_counted() -> None:
    text = str(with_others([failed(n) for n in range(5)]))
    assert text == "time=0: a chunk is corrupt\nand 4 more ranges of work failed in the same way.\nget it again [I203]"


def test_others_are_shown_up_to_three() -> None:
    others = [TargetError(f"disk {n} is full", code="T010") for n in range(5)]
    text = str(with_others([failed(0), failed(1), *others]))
    assert "and 6 more ranges of work failed, some in the same way:\n  disk 0 is full [T010]\n" in text
    assert "disk 2" in text
    assert "disk 3" not in text
    assert re.search(r"\.\.\. and 2 more\nget it again \[I203\]$", text)
