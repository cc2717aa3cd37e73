"""An httpx client for pages that an untrusted recipe names: every address is checked as it is connected to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pangeo_forge.inputs.fetch.guard import Guard

if TYPE_CHECKING:
    import httpx


def guarded_client(guard: Guard, timeout: float) -> httpx.Client:
    """A client that connects to addresses which ``guard`` allows only; no proxy, no netrc of the operator."""
    import httpcore
    import httpx

    class Backend(httpcore.SyncBackend):
        def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
            # The address that was checked is the one connected to, so DNS cannot change its mind in between.
            try:
                address = guard.resolved(host, port, host)
            except OSError as error:
                raise httpcore.ConnectError(str(error)) from error
            return super().connect_tcp(address, port, *args, **kwargs)

        def connect_unix_socket(self, path: str, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
            raise guard.refusal(path, "a socket of this machine is not allowed")

    transport = httpx.HTTPTransport(trust_env=False)
    # httpx has no public way to a network backend; httpcore's pool has.
    transport._pool = httpcore.ConnectionPool(ssl_context=httpx.create_ssl_context(), network_backend=Backend())
    return httpx.Client(transport=transport, timeout=timeout, trust_env=False)
