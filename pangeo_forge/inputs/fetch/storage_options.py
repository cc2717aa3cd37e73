"""Options of fsspec file systems in which secrets stand by name: values are looked up where they are used.

Such options travel to workers in pickled graphs, so they must hold names only: pickling, printing and comparing them
never touches a value.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch.address import scheme_of
from pangeo_forge.inputs.fetch.credentials import REDACTOR, Secret, Secrets, environment_name


@dataclass(frozen=True)
class BoundSecrets:
    """Secrets whose values are in environment variables of other names than their own. Picklable; a ``Provider``.

    Parameters
    ----------
    variables: by name of the secret, the environment variable that holds it; an empty one is the usual one.
    """

    variables: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, name: str) -> Secret | None:
        """The secret, if it is bound and there."""
        variable = self.variables.get(name)
        value = os.environ.get(variable) if variable else None
        return Secret(value) if value else None

    def variable(self, name: str) -> str:
        """The environment variable that is to hold a secret."""
        return self.variables.get(name) or environment_name(name)


@dataclass(frozen=True)
class FromEnvironment:
    """A value that is an environment variable's."""

    variable: str

    def resolve(self, _: Secrets) -> str:
        """The value. Raises InputError I309."""
        value = os.environ.get(self.variable)
        if not value:
            raise InputError(
                f"the environment has no variable {self.variable}",
                code="I309",
                hint="set it where the workers run, too",
            )
        REDACTOR.learn(value)
        return value


@dataclass(frozen=True)
class SecretNamed:
    """A value that is a secret's."""

    name: str

    def resolve(self, secrets: Secrets) -> str:
        """The value. Raises InputError I309."""
        return secrets.resolve(self.name).reveal()


class StorageOptions(Mapping[str, Any]):
    """fsspec options whose secrets are looked up at each use.

    Parameters
    ----------
    plain: options; values may be :class:`SecretNamed`, :class:`FromEnvironment`, or ``{secret: NAME}``.
    url: the location, whose scheme says how a sign-in is given to its file system.
    secret: name of the secret that signs in.
    secrets: where secrets are looked up before the environment.
    """

    def __init__(
        self,
        plain: Mapping[str, Any] | None = None,
        *,
        url: str = "",
        secret: str | None = None,
        secrets: BoundSecrets | None = None,
    ) -> None:
        self._plain = _marked(dict(plain or {}))
        self._url, self._secret, self._bound = url, secret, secrets or BoundSecrets()

    def __getitem__(self, key: str) -> Any:
        return self._resolved()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._resolved())

    def __len__(self) -> int:
        return len(self._plain) + (self._secret is not None)

    def __bool__(self) -> bool:
        return bool(self._plain) or self._secret is not None

    def __repr__(self) -> str:
        return f"StorageOptions({sorted(self._plain)}, secret={self._secret!r})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StorageOptions):
            return (self._plain, self._url, self._secret, self._bound) == (
                other._plain,
                other._url,
                other._secret,
                other._bound,
            )
        return isinstance(other, Mapping) and dict(self) == dict(other)

    __hash__ = None  # type: ignore[assignment]  # as every mapping that holds dicts

    def names(self) -> list[str]:
        """Names of the secrets that are needed."""
        return [*([self._secret] if self._secret else []), *_names(self._plain)]

    def _resolved(self) -> dict[str, Any]:
        secrets = Secrets(self._bound)
        found: dict[str, Any] = _revealed(self._plain, secrets)
        if self._secret is not None:
            found |= sign_in(self._url, secrets.resolve(self._secret).reveal())
        return found


def sign_in(url: str, value: str) -> dict[str, Any]:
    """fsspec options for a secret's value: ``key:secret[:token]`` for s3, a key file's path or text for gs,
    ``user:password`` for ftp and sftp, an account's key for Azure; or JSON of the options themselves."""
    scheme = scheme_of(url)
    if scheme in ("gs", "gcs"):
        return {"token": json.loads(value) if value.lstrip().startswith("{") else value}
    if value.lstrip().startswith("{"):
        return dict(json.loads(value))
    if scheme in ("s3", "s3a"):
        key, _, rest = value.partition(":")
        secret, _, token = rest.partition(":")
        return {"key": key, "secret": secret} | ({"token": token} if token else {})
    if scheme in ("az", "abfs", "adl"):
        return {"connection_string": value} if "AccountKey=" in value else {"account_key": value}
    user, _, password = value.partition(":")
    return {"username": user, "password": password}


def _marked(value: Any) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {"secret"} and isinstance(value["secret"], str):
            return SecretNamed(value["secret"])
        return {k: _marked(v) for k, v in value.items()}
    return value


def _revealed(value: Any, secrets: Secrets) -> Any:
    if isinstance(value, SecretNamed | FromEnvironment):
        return value.resolve(secrets)
    return {k: _revealed(v, secrets) for k, v in value.items()} if isinstance(value, dict) else value


def _names(value: Any) -> list[str]:
    if isinstance(value, SecretNamed):
        return [value.name]
    return [n for v in value.values() for n in _names(v)] if isinstance(value, dict) else []
