"""The benchmark of growth runs, and knows linear from quadratic."""

from __future__ import annotations

import pytest

from benchmarks.scale import STEPS, growth, one, table


@pytest.mark.parametrize(
    "step",
    [
        "pattern",
        "graph",
        "ledger",
        "journal",
        "reports",
        pytest.param("plan", marks=pytest.mark.servers),  # Beam, xarray: seconds to import
        pytest.param("checksums", marks=pytest.mark.servers),
    ],
)
def test_steps_run(step: str) -> None:
    found = one(step, 130)
    assert found["peak bytes"] > 0
    assert all(value >= 0 for value in found.values())


def test_a_million_inputs_do_not_burden_the_graph() -> None:
    small, large = one("graph", 1_000_000), one("pattern", 1_000_000)
    assert small["graph bytes"] < 500_000
    assert large["pickled bytes"] < 10_000


def test_growth_is_the_exponent_of_the_last_two_sizes() -> None:
    found = {n: {"linear": 3.0 * n, "square": float(n * n), "same": 5.0} for n in (10, 100, 1000)}
    assert growth(found, "linear") == pytest.approx(1)
    assert growth(found, "square") == pytest.approx(2)
    assert growth(found, "same") == pytest.approx(0)
    assert growth({10: {"x": 1.0}}, "x") is None
    assert "| linear | 30 | 300 | 3,000 | 1.00 |" in table("made", found)


def test_every_step_says_what_it_measures() -> None:
    assert all(function.__doc__ for function in STEPS.values())
