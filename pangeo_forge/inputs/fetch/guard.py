"""What recipes from strangers may reach: listed schemes and hosts, public addresses, bounded size and count.

Addresses are checked as they are connected to (after DNS, at every redirect), so a name that resolves to a public
address when it is checked and to a private one when it is used gains nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass

from pangeo_forge.errors import InputError
from pangeo_forge.inputs.fetch.address import host_of, redact_url, scheme_of
from pangeo_forge.inputs.fetch.credentials import host_matches

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_PORTS = {"https": 443, "http": 80, "ftp": 21}


@dataclass(frozen=True)
class Guard:
    """The rules for an untrusted recipe. A trusted one has no guard."""

    schemes: tuple[str, ...] = ("https", "http", "ftp", "s3", "gs")
    hosts: tuple[str, ...] = ()
    """Allowed hosts (``example.org``, ``*.example.org``); empty: any public one. For s3 and gs: buckets."""
    addresses: tuple[str, ...] = ()
    """Addresses with their port (``127.0.0.1:8123``) that the operator lets through though they are not public."""
    ports: tuple[int, ...] = (80, 443, 21, 8080, 8443)
    allow_private: bool = False
    """True lets loopback and private addresses through; for tests of the rest."""
    max_size: int | None = 50 * 10**9
    """Bytes of one input."""
    max_count: int | None = 1_000_000
    """Inputs of one run."""

    def check_url(self, url: str) -> None:
        """Raise InputError I306 unless ``url``'s scheme, host and port are allowed."""
        scheme, shown = scheme_of(url), redact_url(url)
        if scheme not in self.schemes:
            raise self.refusal(
                shown, f"scheme {scheme!r} is not allowed in an untrusted recipe; allowed: {', '.join(self.schemes)}"
            )
        from urllib.parse import urlsplit

        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise self.refusal(shown, "is not a valid URL") from None
        if parts.username or parts.password:
            raise self.refusal(shown, "a URL of an untrusted recipe holds no user or password")
        bucket = scheme in ("s3", "gs")
        host = (parts.netloc if bucket else host_of(url)).rstrip(".")
        if not bucket and self._is_let_through(host, port or _PORTS.get(scheme)):
            return
        if self.hosts and not host_matches(host, self.hosts):
            raise self.refusal(shown, f"host {host!r} is not on the allow-list")
        if not bucket and port is not None and port not in self.ports and not self.allow_private:
            raise self.refusal(shown, f"port {port} is not allowed in an untrusted recipe")
        if bucket:
            return
        if (host == "localhost" or host.endswith(".localhost")) and not self.allow_private:
            raise self.refusal(shown, f"{host} is this machine")
        if _literal(host) is not None:
            self.check_address(host, shown)

    def check_source(self, url: str) -> None:
        """:meth:`check_url`, and no local disk behind another name: for listings, tables and catalogs."""
        self.check_url(url)
        if scheme_of(url) in ("ftp", "ftps"):
            self.resolved(host_of(url), 21, redact_url(url))

    def resolved(self, host: str, port: int, where: str) -> str:
        """An address of ``host`` that may be connected to; raises I306 when the first one may not."""
        address = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
        self.check_address(address, where, port)
        return address

    def check_address(self, address: str, where: str, port: int | None = None) -> None:
        """Raise InputError I306 unless ``address`` (an IP, about to be connected to) is a public one, or let through."""
        if not self.allow_private and not _public(address) and not self._is_let_through(address, port):
            raise self.refusal(where, f"{address} is a loopback, private, link-local or reserved address")

    def _is_let_through(self, address: str, port: int | None) -> bool:
        address = address.strip("[]")
        return (f"[{address}]:{port}" if ":" in address else f"{address}:{port}") in self.addresses

    def check_size(self, size: int, where: str) -> None:
        """Raise InputError I312 when an input is larger than allowed."""
        if self.max_size is not None and size > self.max_size:
            raise InputError(
                f"has {size} bytes, more than the {self.max_size} allowed for an untrusted recipe",
                code="I312",
                where=where,
                hint="ask a maintainer to run it as trusted",
            )

    def check_count(self, count: int) -> None:
        """Raise InputError I312 when a run has more inputs than allowed."""
        if self.max_count is not None and count > self.max_count:
            raise InputError(
                f"the recipe has {count} inputs, more than the {self.max_count} allowed for an untrusted recipe",
                code="I312",
                hint="prune it, or ask a maintainer to run it as trusted",
            )

    @staticmethod
    def refusal(where: str, why: str) -> InputError:
        """The error of all refusals."""
        return InputError(
            why, code="I306", where=where, hint="an operator may add the host to the allow-list or trust the recipe"
        )


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        pass
    # Resolvers read 2130706433, 0x7f.1 and 127.1 as addresses, too.
    if not re.fullmatch(r"[0-9a-fxA-FX.]+", host) or not host[:1].isdigit():
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _public(address: str) -> bool:
    found = _literal(address)
    if found is None:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found in _NAT64:
            return _public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        inner = found.ipv4_mapped or found.sixtofour
        if inner is not None:
            return _public(str(inner))
    return found.is_global and not found.is_multicast and not found.is_reserved
