"""Which credential goes with which request: to the hosts it is meant for, and to no other."""

from __future__ import annotations

import base64
import json
import netrc
import os
import threading
from urllib.parse import quote, unquote, urlsplit

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch.address import host_of, redact_url
from pangeo_forge.inputs.fetch.credentials import REDACTOR, Secret, Secrets, host_matches
from pangeo_forge.inputs.fetch.guard import Guard
from pangeo_forge.inputs.fetch.options import EARTHDATA_HOST, Auth


class Signer:
    """Signs requests of one recipe. Values of secrets are resolved on first use and once more when one has expired."""

    def __init__(self, auth: Auth | None, secrets: Secrets, guard: Guard | None) -> None:
        self.auth = auth
        self._secrets = secrets
        self._untrusted = guard is not None
        self._secret: Secret | None = None
        self._lock = threading.Lock()
        if self._untrusted and auth is not None and auth.kind == "netrc" and auth.secret is None:
            raise InputError(
                "an untrusted recipe may not use the operator's netrc file",
                code="I310",
                hint="bind a secret that lists its hosts",
            )

    def secret(self) -> Secret:
        """The secret of the recipe. Raises I309 (unknown) or I310 (untrusted recipe, secret bound to no host)."""
        assert self.auth is not None
        assert self.auth.secret is not None
        with self._lock:
            if self._secret is None:
                self._secret = self._secrets.resolve(self.auth.secret)
            found = self._secret
        if self._untrusted and not found.hosts and self.auth.kind != "netrc":
            raise InputError(
                f"secret {self.auth.secret!r} is bound to no host, so an untrusted recipe may not use it",
                code="I310",
                hint="list the hosts that may see it (PANGEO_FORGE_SECRET_<NAME>_HOSTS, or the bakery)",
            )
        return found

    def refresh(self) -> bool:
        """Ask for the secret anew; True when it has another value than before."""
        if self.auth is None or self.auth.secret is None:
            return False
        fresh = self._secrets.resolve(self.auth.secret)
        with self._lock:
            changed = fresh != self._secret
            self._secret = fresh
        return changed

    def may_see(self, url: str, first: str) -> bool:
        """True when the host of ``url`` may be shown the credential of a request that began at ``first``."""
        if self.auth is None:
            return False
        host = host_of(url)
        downgraded = first.startswith("https:") and not url.startswith("https:")
        if downgraded:
            return False
        bound = self.secret().hosts if self.auth.secret else ()
        if self.auth.kind == "earthdata":
            wider = () if self._untrusted else self.auth.hosts
            return host_matches(host, (EARTHDATA_HOST, *wider, *bound))
        if bound:
            return host_matches(host, bound)
        return host == host_of(first) or host_matches(host, self.auth.hosts)

    def sign(self, url: str, first: str) -> tuple[str, dict[str, str]]:
        """``url`` to request and headers to send, for one hop of a request that began at ``first``."""
        url, headers = _own_credentials(url)
        if self.auth is None or self.auth.kind == "s3" or headers:
            return url, headers
        if self.auth.kind == "netrc":
            return url, self._from_netrc(url)
        if not self.may_see(url, first):
            return url, {}
        value = self.secret().reveal()
        if self.auth.kind == "query":
            return _with_parameter(url, self.auth.parameter, value), {}
        if self.auth.kind == "basic":
            pair_of(value, self.auth.secret)
        basic = self.auth.kind == "basic" or (self.auth.kind == "earthdata" and ":" in value)
        return url, {"Authorization": _basic(value) if basic else f"Bearer {value}"}

    def login(self, url: str) -> tuple[str, str] | None:
        """User and password for ftp and sftp; None: anonymous."""
        parts = urlsplit(url)
        if parts.username:
            return unquote(parts.username), unquote(parts.password or "")
        if self.auth is None:
            return None
        if self.auth.kind == "netrc":
            found = self._netrc_entry(host_of(url))
            return None if found is None else (found[0], found[2])
        if self.auth.kind != "basic" or not self.may_see(url, url):
            return None
        return pair_of(self.secret().reveal(), self.auth.secret)

    def _from_netrc(self, url: str) -> dict[str, str]:
        found = self._netrc_entry(host_of(url))
        return {} if found is None else {"Authorization": _basic(f"{found[0]}:{found[2]}")}

    def _netrc_entry(self, host: str) -> tuple[str, str, str] | None:
        assert self.auth is not None
        given = self.secret().reveal() if self.auth.secret else os.environ.get("NETRC", os.path.expanduser("~/.netrc"))
        try:
            found = (
                _netrc_of_text(given) if "machine" in given and not os.path.exists(given) else netrc.netrc(given).hosts
            )
        except (OSError, netrc.NetrcParseError):
            # The parser's message quotes the offending token, which may be a password.
            raise InputError(
                "the netrc file cannot be read", code="I300", hint="check its path, its mode (0600) and its syntax"
            ) from None
        entry = found.get(host)  # not `default`: a redirect must not reach it
        if entry is None:
            return None
        REDACTOR.learn(f"{entry[0]}:{entry[2]}")
        return (entry[0], entry[1] or "", entry[2])


def _netrc_of_text(text: str) -> dict[str, tuple[str, str, str]]:
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".netrc") as file:  # mode 0600; the parser reads files only
        file.write(text)
        file.flush()
        return netrc.netrc(file.name).hosts


def _own_credentials(url: str) -> tuple[str, dict[str, str]]:
    """Credentials that stand in the URL itself (``https://user:password@host``) become a header."""
    if "@" not in url:
        return url, {}
    parts = urlsplit(url)
    if parts.username is None:
        return url, {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    REDACTOR.learn(pair)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), {"Authorization": _basic(pair)}


def _with_parameter(url: str, parameter: str | None, value: str) -> str:
    if parameter is None:
        parameter, mark, value = value.partition("=")
        if not mark:
            raise InputError(
                "auth kind query needs `parameter`, or a secret of the form name=value",
                code="I300",
                where=redact_url(url),
            )
    if f"{parameter}=" in urlsplit(url).query.split("&", 1)[0]:
        return url
    joint = "&" if urlsplit(url).query else "?"
    return f"{url}{joint}{quote(parameter, safe='')}={quote(value, safe='')}"


def pair_of(value: str, name: str | None) -> tuple[str, str]:
    """``user:password`` (or ``key:secret``) of a secret; raises I300 when it is no pair."""
    one, mark, other = value.partition(":")
    if not mark or not one:
        raise InputError(
            f"the value of secret {name!r} is not of the form user:password",
            code="I300",
            hint="give both, with a colon between; a token alone is for `kind: bearer`",
        )
    return one, other


def s3_keys(value: str, name: str | None) -> dict[str, str]:
    """``key:secret[:token]``, or JSON with these keys, as s3fs takes them; raises I300 when it is neither."""
    if value.lstrip().startswith("{"):
        try:
            found = {k: str(v) for k, v in json.loads(value).items() if k in ("key", "secret", "token")}
        except ValueError:
            found = {}  # the parser's message would show a part of the secret
    else:
        found = dict(zip(("key", "secret", "token"), value.split(":", 2), strict=False))
    if not found.get("key") or not found.get("secret"):
        raise InputError(
            f"the value of secret {name!r} is not of the form key:secret or key:secret:token",
            code="I300",
            hint='or JSON: {"key": ..., "secret": ..., "token": ...}',
        )
    return found


def _basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()
