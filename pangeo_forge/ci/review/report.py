"""The report of a check: one JSON document of a versioned, bounded schema.

The workflow that comments reads it from an artifact that the pull request's own workflow has made, so it is as
trustworthy as the pull request: everything in it is checked here, again, and escaped where it is shown.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pangeo_forge.ci.escaping import is_clean
from pangeo_forge.errors import AutomationError

SCHEMA_VERSION = 1
REPORT_FILE = "report.json"
LARGEST_REPORT = 2_000_000
"""Bytes of a report."""
MOST_RECIPES = 50
MOST_PICTURES = 12
"""Of one recipe."""


def _seen(text: str) -> str:
    if not is_clean(text):
        raise ValueError("holds characters that are not seen")
    return text


Name = Annotated[str, Field(max_length=300), AfterValidator(_seen)]
Text = Annotated[str, Field(max_length=4000), AfterValidator(_seen)]
Count = Annotated[int, Field(ge=0, le=2**63)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")]
PictureFile = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,80}\.png$")]
Verdict = Literal["passed", "failed", "refused", "timeout", "crashed", "unchecked", "removed"]


class Part(BaseModel):
    """A part of the report: unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Problem(Part):
    """Something to mend."""

    level: Literal["error", "warning"]
    code: Annotated[str, Field(pattern=r"^[A-Z][0-9]{3}$")]
    message: Text
    """May be a table of several lines."""
    hint: Text = ""
    where: Name = ""
    """As the error tells it: a file's place, an input's key and URL."""
    file: Name = ""
    line: Annotated[int, Field(ge=1, le=10**7)] | None = None
    column: Annotated[int, Field(ge=1, le=10**7)] | None = None


class Stage(Part):
    """One step of the check."""

    name: Literal["lint", "plan", "dry-run", "verify", "pictures", "base"]
    outcome: Literal["done", "failed", "skipped"]
    seconds: Seconds = 0.0
    note: Name = ""


class Variable(Part):
    """A row of the table of variables, as the whole dataset is expected to have it."""

    name: Name
    dims: tuple[Name, ...] = Field(max_length=32)
    shape: tuple[Count, ...] = Field(max_length=32)
    chunks: tuple[Count, ...] = Field(max_length=32)
    shards: tuple[Count, ...] | None = Field(default=None, max_length=32)
    dtype: Name
    n_chunks: Count
    chunk_bytes: Count
    bytes: Count
    compressor: Name = ""
    coordinate: bool = False


class Key(Part):
    """How inputs are ordered."""

    name: Name
    kind: Literal["concat", "merge"]
    dim: Name | None
    count: Count
    first: Name
    last: Name


class Figures(Part):
    """What a run of the whole recipe would do, as far as the check can tell."""

    keys: tuple[Key, ...] = Field(max_length=32)
    inputs: Count
    asked: Count = 0
    """Inputs whose server was asked whether they exist."""
    absent: tuple[Text, ...] = Field(default=(), max_length=20)
    """Inputs that do not exist; the first ones."""
    absent_count: Count = 0
    sizes: dict[Name, Count] = Field(default_factory=dict, max_length=64)
    variables: tuple[Variable, ...] = Field(default=(), max_length=200)
    variables_count: Count = 0
    bytes: Count = 0
    """Uncompressed."""
    tasks: Count = 0
    memory_per_task: Count = 0
    passes: Annotated[int, Field(ge=1, le=2)] = 1
    work: Text = ""
    estimated: bool = False
    """Lengths of inputs that were not opened are guessed."""
    target: Name = ""


class Trial(Part):
    """What the pruned run did."""

    inputs: Count
    input_bytes: Count
    bytes_written: Count
    bytes_stored: Count
    sizes: dict[Name, Count] = Field(default_factory=dict, max_length=64)
    input_seconds: Seconds = 0.0
    write_seconds: Seconds = 0.0
    seconds: Seconds = 0.0
    workers: Annotated[int, Field(ge=1, le=4096)] = 1


class Estimate(Part):
    """The whole run, from the pruned one: every figure is a guess, and says from what."""

    egress_bytes: Count | None
    """Bytes that are fetched from the source."""
    egress_basis: Name
    hosts: tuple[Name, ...] = Field(default=(), max_length=8)
    stored_bytes: Count | None
    seconds: Seconds | None
    """At the rate of the pruned run, its start-up counted with every input: an upper bound."""
    polite_seconds: Seconds | None = None
    """The recipe's own limit of requests allows no less."""


class Outcome(Part):
    """One check of what was written."""

    name: Name
    passed: bool
    detail: Text = ""


class Picture(Part):
    """A quicklook of one variable of the pruned run."""

    file: PictureFile
    variable: Name
    caption: Name = ""


class Change(Part):
    """One difference from the base."""

    what: Name
    before: Name = ""
    after: Name = ""


class Difference(Part):
    """What a changed recipe changes, against the recipe that is accepted."""

    recipe: tuple[Change, ...] = Field(default=(), max_length=100)
    """In the file."""
    dataset: tuple[Change, ...] = Field(default=(), max_length=100)
    """In what it makes; empty when the base could not be planned."""
    compared: bool = False
    """Whether the datasets were compared, not the files alone."""
    effect: Literal["none", "append", "rebuild"] = "none"
    """What published stores need: nothing, the next append, or to be built anew."""


class RecipeReport(Part):
    """One recipe: a file, or one combination of its matrix."""

    path: Name
    id: Name
    title: Name = ""
    change: Literal["added", "changed", "removed", "unchanged"] = "added"
    verdict: Verdict
    seconds: Seconds = 0.0
    combinations: Count = 1
    """Recipes that the file makes; those that were checked have reports of their own."""
    stages: tuple[Stage, ...] = Field(default=(), max_length=12)
    problems: tuple[Problem, ...] = Field(default=(), max_length=50)
    problems_count: Count = 0
    figures: Figures | None = None
    trial: Trial | None = None
    estimate: Estimate | None = None
    outcomes: tuple[Outcome, ...] = Field(default=(), max_length=50)
    pictures: tuple[Picture, ...] = Field(default=(), max_length=MOST_PICTURES)
    snippet: Text = ""
    difference: Difference | None = None


class CheckReport(Part):
    """Everything that a check found."""

    schema_version: Literal[1] = 1
    made_by: Name
    began: Annotated[str, Field(pattern=r"^[0-9T:.+Z-]{10,40}$")]
    seconds: Seconds = 0.0
    base: Commit | None = None
    """What it was compared with."""
    recipes: tuple[RecipeReport, ...] = Field(default=(), max_length=MOST_RECIPES)
    left_out: Count = 0
    """Recipes beyond what one check looks at."""
    other_files: tuple[Name, ...] = Field(default=(), max_length=50)
    """Files that the change touches besides recipes: nothing of them was used."""
    other_files_count: Count = 0

    @property
    def ok(self) -> bool:
        """Nothing is wrong, nothing was left unchecked."""
        return not self.left_out and all(r.verdict in ("passed", "removed") for r in self.recipes)

    def to_json(self) -> str:
        """The document that is written to ``report.json``."""
        return self.model_dump_json(indent=1) + "\n"


def read_report(data: bytes, where: str) -> CheckReport:
    """A report from bytes that anybody may have made.

    Raises
    ------
    AutomationError: A110, it is too large or not of the schema.
    """
    hint = "only what `pangeo-forge ci check` wrote is shown"
    if len(data) > LARGEST_REPORT:
        raise AutomationError(f"the report has more than {LARGEST_REPORT} bytes", code="A110", where=where, hint=hint)
    try:
        # A recursion in the document ends in pydantic's own parser, which bounds it.
        return CheckReport.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part)[:40] for part in first["loc"][:8])
        message = f"not a report of version {SCHEMA_VERSION}: {place}: {first['msg'][:200]}"
        raise AutomationError(message, code="A110", where=where, hint=hint) from None
