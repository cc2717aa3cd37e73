"""The values that a key of a pattern takes: sequences that compute their members when asked."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pangeo_forge.errors import PlanError
from pangeo_forge.pattern.dates import Date, date_field, is_date, iso, parse_date, precision
from pangeo_forge.pattern.grids import DateGrid

Scalar = int | float | str
_DAY = 86_400_000_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True)
class KeyValue:
    """One value of a key, with the fields that belong to it.

    Fields read as attributes: ``key["variable"].kind``, ``key["time"].year``. Those of a look-up table or of ``when``
    come before those that every date has (:data:`~pangeo_forge.pattern.dates.DATE_FIELDS`).
    """

    value: Any
    """int, float, str, datetime.datetime, or cftime.datetime for calendars other than the real world's."""
    text: str | None = None
    """What a bare ``{key}`` becomes; None for computed dates, which have no text until a format is named."""
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_date(self) -> bool:
        """Whether the value is a date."""
        return hasattr(self.value, "second")

    @property
    def label(self) -> str:
        """The value for messages and logs."""
        return self.text if self.text is not None else iso(self.value)

    def lookup(self, name: str) -> Any:
        """The field called ``name``. KeyError when there is none."""
        if name in self.fields:
            return self.fields[name]
        found = date_field(self.value, name) if self.is_date else None
        if found is None:
            raise KeyError(name)
        return found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("value", "text", "fields"):  # not yet set, while being unpickled
            raise AttributeError(name)
        try:
            return self.lookup(name)
        except KeyError:
            raise AttributeError(f"the value {self.label!r} has no field {name!r}") from None


class KeySequence(Protocol):
    """All values of a key, in order."""

    def __len__(self) -> int: ...

    def __getitem__(self, position: int, /) -> KeyValue: ...

    def find(self, written: Any, /) -> int | None:
        """Position of a value as a recipe writes it; None when it is not among them (see :meth:`covers`)."""
        ...

    def covers(self, written: Any, /) -> bool:
        """Whether the value lies between the first and the last, so that its absence is a mistake."""
        ...

    def describe(self) -> Any:
        """JSON-able data that tells these values from others, of a size that does not grow with ranges."""
        ...


class ListSequence:
    """Values that were written out, or listed by a source."""

    def __init__(self, values: Sequence[KeyValue]) -> None:
        self._values = tuple(values)
        self._position: dict[str, int] | None = None

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, position: int, /) -> KeyValue:
        return self._values[position]

    def find(self, written: Any, /) -> int | None:
        if self._position is None:
            self._position = {v.label: i for i, v in enumerate(self._values)}
            self._position |= {iso(v.value): i for i, v in enumerate(self._values) if v.is_date}
        return self._position.get(str(written))

    def covers(self, written: Any, /) -> bool:
        return True

    def describe(self) -> Any:
        return [[v.label, _plain(v.fields)] if v.fields else v.label for v in self._values]


class SparseSequence:
    """Some values of a long sequence, at their own positions: what is sent to workers does not grow with the rest."""

    def __init__(self, values: KeySequence, positions: Sequence[int]) -> None:
        self._length = len(values)
        self._found = {p: values[p] for p in positions}

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, position: int, /) -> KeyValue:
        return self._found[position]

    def find(self, written: Any, /) -> int | None:
        return next((p for p, v in self._found.items() if v.label == str(written)), None)

    def covers(self, written: Any, /) -> bool:
        return False

    def describe(self) -> Any:
        return {"length": self._length, "found": [[p, v.label] for p, v in sorted(self._found.items())]}


class IntegerSequence:
    """start, start + step ... end: whole numbers."""

    def __init__(self, numbers: range) -> None:
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, position: int, /) -> KeyValue:
        number = self._numbers[position]
        return KeyValue(number, str(number))

    def find(self, written: Any, /) -> int | None:
        number = _as_int(written)
        return self._numbers.index(number) if number is not None and number in self._numbers else None

    def covers(self, written: Any, /) -> bool:
        number = _as_int(written)
        low, high = sorted((self._numbers[0], self._numbers[-1]))
        return number is None or low <= number <= high

    def describe(self) -> Any:
        return {"start": self._numbers.start, "step": self._numbers.step, "count": len(self._numbers)}


class DateSequence:
    """Dates on a grid."""

    def __init__(self, grid: DateGrid, calendar: str) -> None:
        self._grid, self._calendar = grid, calendar

    def __len__(self) -> int:
        return self._grid.count

    def __getitem__(self, position: int, /) -> KeyValue:
        last_day = self._grid.last_day(position)
        return KeyValue(self._grid.at(position), None, {} if last_day is None else {"last_day": last_day})

    def find(self, written: Any, /) -> int | None:
        text = _text(written)
        date, step = parse_date(text, self._calendar), self._grid.step
        if step.microseconds % _DAY and precision(text) != "time":
            message = f"{text} may mean the whole day or its first moment, as the step is {step.text}"
            raise PlanError(message, code="P125", hint=f"write each time, e.g. {text}T00:00")
        return self._grid.position(date)

    def covers(self, written: Any, /) -> bool:
        date = parse_date(_text(written), self._calendar)
        return bool(self._grid.at(0) <= date <= self._grid.at(self._grid.count - 1))

    def describe(self) -> Any:
        return self._grid.describe()


class Without:
    """A sequence less some positions, which are kept sorted: access is a bisection over them."""

    def __init__(self, values: KeySequence, positions: Sequence[int]) -> None:
        self._values = values
        self._excluded = sorted(set(positions))
        # The k-th excluded position p comes before the i-th kept value when p - k <= i.
        self._shifted = [p - k for k, p in enumerate(self._excluded)]

    def __len__(self) -> int:
        return len(self._values) - len(self._excluded)

    def __getitem__(self, position: int, /) -> KeyValue:
        return self._values[position + bisect_right(self._shifted, position)]

    def find(self, written: Any, /) -> int | None:
        found = self._values.find(written)
        if found is None:
            return None
        before = bisect_right(self._excluded, found)
        return None if before and self._excluded[before - 1] == found else found - before

    def covers(self, written: Any, /) -> bool:
        return self._values.covers(written)

    def describe(self) -> Any:
        return {"of": self._values.describe(), "without": self._excluded}


class Part:
    """Some positions of a sequence, renumbered from 0: what pruning leaves."""

    def __init__(self, values: KeySequence, positions: Sequence[int]) -> None:
        self.values, self.positions = values, tuple(positions)

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, position: int, /) -> KeyValue:
        return self.values[self.positions[position]]

    def find(self, written: Any, /) -> int | None:
        found = self.values.find(written)
        return self.positions.index(found) if found in self.positions else None

    def covers(self, written: Any, /) -> bool:
        return False

    def describe(self) -> Any:
        return {"of": self.values.describe(), "positions": list(self.positions)}


class Switched:
    """A sequence whose values get fields from the first rule that holds for them."""

    def __init__(self, values: KeySequence, rules: Sequence[Rule]) -> None:
        self._values, self._rules = values, tuple(rules)

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, position: int, /) -> KeyValue:
        found = self._values[position]
        for rule in self._rules:
            if rule.holds(found):
                return KeyValue(found.value, found.text, {**found.fields, **rule.fields})
        message = f"no rule of `when` holds for {found.label}"
        raise PlanError(message, code="P123", hint="end the list with a rule that has no condition")

    def find(self, written: Any, /) -> int | None:
        return self._values.find(written)

    def covers(self, written: Any, /) -> bool:
        return self._values.covers(written)

    def describe(self) -> Any:
        return {"of": self._values.describe(), "when": [rule.describe() for rule in self._rules]}


@dataclass(frozen=True)
class Rule:
    """Fields for the values within bounds: ``before`` and ``after`` are exclusive, ``from`` and ``until`` inclusive."""

    bounds: Mapping[str, Any]
    fields: Mapping[str, Scalar]

    def holds(self, key: KeyValue) -> bool:
        """Whether all bounds hold for the value."""
        return all(_compare(name, key.value, bound) for name, bound in self.bounds.items())

    def describe(self) -> Any:
        return [_plain(self.bounds), _plain(self.fields)]


BOUNDS = ("before", "after", "from", "until")


def _compare(name: str, value: Any, bound: Any) -> bool:
    if name == "before":
        return bool(value < bound)
    if name == "after":
        return bool(value > bound)
    return bool(value >= bound) if name == "from" else bool(value <= bound)


def iterate(values: KeySequence) -> Iterator[KeyValue]:
    """All values, one at a time."""
    return (values[i] for i in range(len(values)))


def is_name(text: str) -> bool:
    """Whether the text may name a key, a field or a parameter: letters, digits and underscores, no digit first."""
    return _NAME.match(text) is not None


def written_value(written: Any, *, where: str | None = None) -> KeyValue:
    """A value of a list or a table as it was written. Text in the form of a complete date becomes a date.

    Raises
    ------
    PlanError (P121): the value is a truth value, absent, or a collection. YAML reads a bare ``no`` or ``on`` as one.
    """
    if isinstance(written, bool) or (not isinstance(written, (int, float, str)) and not hasattr(written, "isoformat")):
        hint = "values are text, numbers or dates; quote what YAML reads otherwise: 'no', 'on', 'null'"
        raise PlanError(f"{written!r} cannot be the value of a key", code="P121", where=where, hint=hint)
    text = _text(written)
    if not isinstance(written, (int, float)) and is_date(text):
        try:
            return KeyValue(parse_date(text), text)
        except PlanError:  # looks like a date, is none of the standard calendar: it stays text
            return KeyValue(text, text)
    return KeyValue(written, text)


def _text(written: Any) -> str:
    return str(written.isoformat()) if hasattr(written, "isoformat") else str(written)


def _as_int(written: Any) -> int | None:
    try:
        return int(str(written))
    except ValueError:
        return None


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v if isinstance(v, (int, float, str)) else iso(v) if _is_date(v) else str(v) for k, v in fields.items()}


def _is_date(value: Date) -> bool:
    return hasattr(value, "second")
