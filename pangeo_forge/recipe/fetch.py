"""The ``fetch`` section: how inputs are copied, politely, and which named secrets they need."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic_core import PydanticCustomError

from pangeo_forge.recipe.scalars import Duration, Rate
from pangeo_forge.recipe.section import Section, form, problem, several

_SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}\Z")
_LOOKS_SECRET = re.compile(
    r"(AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{20,}|eyJ[A-Za-z0-9_-]{10,}|Bearer\s|Basic\s|[A-Fa-f0-9]{32,}|[A-Za-z0-9]{40,}"
)
_HOST = re.compile(r"^(\*\.[A-Za-z0-9-]+\.|[A-Za-z0-9])[A-Za-z0-9.-]*\Z")
_HINT = "name a secret (`secret: NAME`) and put its value in the environment or the bakery"


def secret_name(value: Any) -> str:
    """The name of a secret. The message never repeats what was written, which may be the secret itself."""
    if not isinstance(value, str) or not _SECRET_NAME.match(value) or _LOOKS_SECRET.match(value):
        raise problem("R040", "is not the name of a secret; it may be the secret itself", _HINT)
    return value


SecretName = Annotated[str, *form(secret_name, {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_.-]{0,63}$"})]


def host_name(value: Any) -> str:
    """A host, or ``*.`` and the domain that all of its hosts share; not a whole top-level domain."""
    if not isinstance(value, str) or not _HOST.match(value):
        raise problem(
            "R043", f"{value!r} is not a host", "write e.g. data.example.org or *.example.org, without https://"
        )
    return value.lower()


HostName = Annotated[str, *form(host_name, {"type": "string", "pattern": _HOST.pattern.replace("\\Z", "$")})]


class Auth(Section):
    """How to sign in. The secret is named, never written."""

    kind: Literal["basic", "bearer", "earthdata", "netrc", "query", "s3"] = Field(
        description="Way of signing in.", examples=["earthdata"]
    )
    secret: SecretName | None = Field(
        None,
        description="Name of the secret; its value comes from the environment or the bakery.",
        examples=["EARTHDATA_TOKEN"],
    )
    parameter: str | None = Field(
        None, description="For kind query: name of the URL's query parameter.", examples=["token"]
    )
    hosts: list[HostName] = Field(
        default_factory=list,
        description="Hosts besides the input's own that may be shown the secret, where downloads are redirected to.",
        examples=[["data.example.org", "*.example.org"]],
    )

    @classmethod
    def prepare(cls, data: Any) -> Any:
        """Anything that looks like a literal credential is refused by its own code."""
        if isinstance(data, dict):
            wrong: list[tuple[tuple[str | int, ...], PydanticCustomError]] = [
                ((key,), problem("R040", f"{key!r} writes a credential into the recipe", _HINT))
                for key in data
                if key not in cls.model_fields
                and re.search(r"pass|token|user|key|login|credential|value", str(key), re.I)
            ]
            try:
                secret_name(data.get("secret", "NAME"))
            except PydanticCustomError as error:
                wrong.append((("secret",), error))
            if wrong:
                raise several(wrong)
            if data.get("kind") in ("basic", "bearer", "earthdata", "query", "s3") and "secret" not in data:
                raise problem("R011", "key 'secret' is missing", f"{data['kind']} needs it: {_HINT}")
        return data


class Fetch(Section):
    """How inputs are copied into the cache."""

    cache: bool = Field(True, description="Copy each input once into the cache. false: read it where it is.")
    max_concurrency: int = Field(8, ge=1, le=1000, description="Requests at a time to one host, across all workers.")
    rate: Rate | None = Field(None, description="Requests per time to one host.")
    retries: int = Field(5, ge=0, le=100, description="Attempts after the first one, with growing pauses.")
    timeout: Duration = Field("60s", description="Longest silence of a server.")
    ranges: bool = Field(True, description="The server answers range requests.")
    storage_options: dict[str, Any] = Field(
        default_factory=dict,
        description="Options of the fsspec file system; no credentials.",
        examples=[{"endpoint_url": "https://mghp.osn.xsede.org"}],
    )
    headers: dict[str, str] = Field(default_factory=dict, description="HTTP headers; no credentials.")
    auth: Auth | None = Field(None, description="How to sign in.")
