"""A worker thread's way to a host: one slot and the one connection that it allows."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pangeo_forge.inputs.fetch.address import host_of
from pangeo_forge.inputs.fetch.politeness import HostGate, Politeness, Slot


class Lane:
    """Holds at most one slot and one connection, and never waits for a slot while it holds another (no deadlocks).

    A thread that fetches many files keeps its lane, so that the connection is used again; it gives way once a second
    when others wait.
    """

    def __init__(
        self, politeness: Politeness, gates: dict[str, HostGate] | None = None, slot: Slot | None = None
    ) -> None:
        self._politeness = politeness
        self._gates = {} if gates is None else gates
        self._slot = slot
        self._origin: tuple[str, str] | None = None
        self._handle: Any = None
        self.lines: list[str] = []
        """Header lines that the handle sends."""
        self.prepared: object = None
        """What the handle was prepared for; the owner of the options compares it."""

    def gate(self, url: str) -> HostGate:
        """The gate of ``url``'s host."""
        host = host_of(url)
        if host not in self._gates:
            self._gates[host] = self._politeness.host(host)
        return self._gates[host]

    def enter(self, url: str) -> None:
        """Hold a slot of ``url``'s host, and wait until a request is due there."""
        parts = urlsplit(url)
        origin = (parts.scheme, parts.netloc)
        same = self._slot is not None and self._origin == origin
        gate = self._slot.gate if self._slot is not None and same else self.gate(url)
        if self._slot is not None and self._slot.gate is not gate:
            self.close()
        elif self.wanted():
            self.close()
            gate.give_way()
        if self._slot is None:
            self._slot = gate.acquire()
        if self._origin != origin:
            self.drop_connection()  # before the new one opens: one slot, one connection
        self._origin = origin
        gate.throttle()

    def admit(self, gate: HostGate, *, wait: bool) -> bool:
        """Take a slot of ``gate`` without an address yet; without ``wait`` only if one is free."""
        if self._slot is None:
            self._slot = gate.acquire() if wait else gate.try_acquire()
        return self._slot is not None

    def wanted(self) -> bool:
        """True when the slot's lease is over and another process waits."""
        return self._slot is not None and self._slot.wanted()

    def handle(self) -> Any:
        """The curl handle, whose connection lives as long as it is used for one origin."""
        if self._handle is None:
            import pycurl

            self._handle, self.prepared, self.lines = pycurl.Curl(), None, []
        return self._handle

    def spare(self, url: str, count: int) -> list[Lane]:
        """Up to ``count`` more lanes to the same host, if slots are free right now."""
        gate, lanes = self.gate(url), []
        for _ in range(count):
            if (slot := gate.try_acquire()) is None:
                break
            lanes.append(Lane(self._politeness, self._gates, slot))
        return lanes

    def drop_connection(self) -> None:
        """Close the connection, keep the slot."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def close(self) -> None:
        """Close the connection, then give the slot back."""
        self.drop_connection()
        if self._slot is not None:
            self._slot.release()
            self._slot = None
        self._origin = None
