"""What all tests share: how hypothesis searches, and where real data lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The default run must give the same verdict on the same code; the long suite searches anew each time.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", derandomize=False, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The sample files that come with the project."""
    return DATA


@pytest.fixture(scope="session")
def large_data_folder() -> Path:
    """All sample datasets, which are not part of the project; the test is skipped where they are not there."""
    folder = Path(os.environ.get("PANGEO_FORGE_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / "MANIFEST.sha256").exists():
        pytest.skip("set PANGEO_FORGE_DATA to the folder of sample datasets")
    return folder
