"""Planning: from the exact description of a dataset to frozen, serialisable work. Integers only: no I/O, no Beam, no
xarray.

Read ``plan.plan`` for the data, ``plan.planner`` for how it is made.
"""

from __future__ import annotations

from pangeo_forge.plan.layout import Layout, VariableLayout
from pangeo_forge.plan.overlaps import InputGrid, Overlap, overlaps
from pangeo_forge.plan.plan import ArrayPlan, Plan, Stage, Task, TaskGroup
from pangeo_forge.plan.planner import Resources, make_plan

__all__ = [
    "ArrayPlan",
    "InputGrid",
    "Layout",
    "Overlap",
    "Plan",
    "Resources",
    "Stage",
    "Task",
    "TaskGroup",
    "VariableLayout",
    "make_plan",
    "overlaps",
]
