"""Beam imported without what a run on this machine does not need; in processes of their own, since imports stay."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

LEAN = """
import sys

import pytest
before = set(sys.modules)  # installed packages may make an empty google.cloud when Python starts
from pangeo_forge.pipeline.lean_beam import LEFT_OUT, import_lean
import_lean()
import pangeo_forge.pipeline.stages
print([n for n in (*LEFT_OUT, "xarray") if n in sys.modules and n not in before])
import apache_beam as beam
from pangeo_forge.pipeline.engines.local import LocalEngine
LocalEngine("threads", 2).run(
    lambda p: p | beam.Create([1, 2]) | beam.Reshuffle() | beam.CombineGlobally(sum) | beam.Map(print)
)
import pandas, pyarrow, xarray
print(xarray.DataArray([1, 2], dims="x").to_series().sum())
"""

ALREADY = """
import sys

import pytest
import apache_beam
from pangeo_forge.pipeline.lean_beam import import_lean
before = list(sys.meta_path)
import_lean()
print(sys.meta_path == before)
"""


def _printed(program: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.splitlines()


def test_beam_runs_without_what_was_left_out_and_others_find_it_later() -> None:
    assert _printed(LEAN) == ["[]", "3", "3"]


def test_nothing_happens_when_beam_is_there_already() -> None:
    assert _printed(ALREADY) == ["True"]
