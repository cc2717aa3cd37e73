"""Who made the data, who keeps the recipe, under which license."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field

from pangeo_forge.recipe.section import Section, form, problem, shown


def _checked(pattern: str, code: str, what: str, hint: str) -> Any:
    compiled = re.compile(pattern)

    def check(value: Any) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise problem(code, f"{shown(value)} is not {what}", hint)
        return value

    return form(check, {"type": "string", "pattern": f"^({pattern})$"})


Url = Annotated[str, *_checked(r"(https?|ftp)://[^\s/]+\S*", "R015", "a URL", "write https://...")]
Orcid = Annotated[str, *_checked(r"\d{4}-\d{4}-\d{4}-\d{3}[\dX]", "R015", "an ORCID iD", "write 0000-0002-1825-0097")]
GitHub = Annotated[
    str, *_checked(r"[A-Za-z0-9](-?[A-Za-z0-9]){0,38}", "R015", "a GitHub handle", "write the name without @ or URL")
]


class Provider(Section):
    """An organisation that made, processes, licenses or hosts the data (as in STAC)."""

    name: str = Field(min_length=1, description="Name of the organisation.", examples=["NOAA NCEI"])
    roles: list[Literal["producer", "licensor", "processor", "host"]] = Field(
        default_factory=list, description="As in STAC."
    )
    url: Url | None = Field(None, description="Home page.")
    description: str | None = Field(None, description="More about it.")


class Maintainer(Section):
    """A person who keeps the recipe."""

    name: str = Field(min_length=1, description="Name.", examples=["Ada Lovelace"])
    github: GitHub | None = Field(None, description="GitHub handle.", examples=["octocat"])
    orcid: Orcid | None = Field(None, description="ORCID iD.", examples=["0000-0002-1825-0097"])
