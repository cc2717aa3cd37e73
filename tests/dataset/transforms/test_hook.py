from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pangeo_forge.errors import RecipeError
from pangeo_forge.inputs.lazy import LazyArray

from .made import apply, oracle, reads, sst, values

HOOKS = """
import numpy as np

def speed(ds):
    ds["speed"] = np.sqrt(ds.sst**2)
    return ds.sel(time=ds.time[:1])

def nothing(ds):
    return ds

def wrong(ds):
    return None

def fails(ds):
    return ds.nosuch
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "recipe").mkdir()
    (tmp_path / "recipe" / "hooks.py").write_text(HOOKS)
    (tmp_path / "recipe" / "broken.py").write_text("def f(:\n")
    (tmp_path / "outside.py").write_text("def f(ds): return ds")
    (tmp_path / "recipe" / "link.py").symlink_to(tmp_path / "outside.py")
    return tmp_path / "recipe"


def test_a_hook_gets_decoded_data(folder: Path) -> None:
    ds = sst()
    out = apply(ds, ("python", "hooks.py:speed"), folder=folder, allow_python=True)
    expected = np.abs(oracle(ds).sst.isel(time=[0]).values)
    np.testing.assert_allclose(values(out, "speed"), expected)
    assert out.variables["sst"].encoding["scale_factor"] == np.float32(0.01)
    assert values(out, "time").dtype.kind == "M"


def test_what_a_hook_does_not_use_stays_lazy(folder: Path) -> None:
    ds = sst()
    out = apply(ds, ("python", "hooks.py:nothing"), folder=folder, allow_python=True)
    assert "sst" not in reads(ds)
    assert isinstance(out.variables["sst"]._data, LazyArray)
    assert np.array_equal(values(out, "sst"), oracle(ds).sst.values, equal_nan=True)


@pytest.mark.parametrize(
    ("code", "target", "text"),
    [
        ("R209", "hooks.py:spede", "speed"),
        ("R209", "hook.py:speed", "hooks.py"),
        ("R209", "../outside.py:f", "not in the recipe's folder"),
        ("R209", "link.py:f", "not in the recipe's folder"),
        ("R209", "/etc/x.py:f", "not in the recipe's folder"),
        ("R209", "hooks.py", "does not name a function"),
        ("R209", "os:system", "does not name a function"),
        ("R210", "broken.py:f", "broken.py:1: SyntaxError"),
        ("R210", "hooks.py:wrong", "NoneType"),
        ("R210", "hooks.py:fails", "hooks.py:15: AttributeError"),
    ],
)
def test_refusals(folder: Path, code: str, target: str, text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        apply(sst(), ("python", target), folder=folder, allow_python=True)
    assert caught.value.code == code
    assert text in str(caught.value)
    assert caught.value.where == "input 7: transforms[0].python"


def test_nothing_runs_unless_allowed(tmp_path: Path) -> None:
    (tmp_path / "hooks.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef f(ds): return ds\n")
    with pytest.raises(RecipeError) as caught:
        apply(sst(), ("python", "hooks.py:f"), folder=tmp_path)
    assert caught.value.code == "R208"
    assert not (tmp_path / "ran").exists()
