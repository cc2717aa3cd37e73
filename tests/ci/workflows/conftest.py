"""What the runs of workflows share with other tests of the automation."""

from __future__ import annotations

from tests.ci.github.conftest import standin
from tests.ci.review.conftest import _daily, site

__all__ = ["_daily", "site", "standin"]
