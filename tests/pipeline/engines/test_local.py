"""This machine: modes become options of Beam."""

from __future__ import annotations

import pytest

from pangeo_forge.pipeline.engines.local import LocalEngine


@pytest.mark.parametrize(
    ("mode", "at_once", "direct", "workers", "here"),
    [
        ("threads", 3, "multi_threading", 3, True),
        ("processes", 1, "in_memory", 3, False),
        ("single", 1, "in_memory", 1, True),
    ],
)
def test_modes_become_options_of_beam(mode: str, at_once: int, direct: str, workers: int, here: bool) -> None:
    engine = LocalEngine(mode, 3)  # type: ignore[arg-type]
    assert (engine.workforce.per_process, engine.workforce.here) == (at_once, here)
    assert engine.flags() == [f"--direct_running_mode={direct}", f"--direct_num_workers={workers}"]
    environment = engine._environment()
    assert (environment is None) is here
    assert here or "sdk_worker_main" in environment.command_string
    assert list(engine.problems()) == []
