"""How WhatsApp is told to fail."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self

from app.sandbox.chat import customer_key

When = Literal["before", "after"]
_RULES_AT_MOST = 10_000
_LONGEST_S = 120


@dataclass(frozen=True)
class Fault:
    """One rule; an empty one changes nothing. Each key of its JSON is a field.

    error: Meta's code, in Meta's shape. status: a bare HTTP status. retry_after: that header, in
    seconds or as a date. garbage: 200 with something that is not JSON. These refuse the message,
    unless accept is true: then it is taken all the same. reset and timeout: the connection is
    reset, or hangs for `seconds`, before or after the message is taken. slow_bytes: the answer
    drips over `seconds`. delay_ms: wait first. failed: taken, then a failed status with this code.
    silent: taken, and no status is ever reported. customer: only for this one. times: how often,
    once by default, null for always.
    """

    error: int | None = None
    status: int | None = None
    retry_after: int | str | None = None
    garbage: bool = False
    accept: bool = False
    reset: When | None = None
    timeout: When | None = None
    seconds: float = 12
    slow_bytes: bool = False
    delay_ms: int = 0
    failed: int | None = None
    silent: bool = False
    customer: str | None = field(default=None, repr=False)
    times: int | None = 1

    @classmethod
    def parse(cls, rule: object) -> Self:
        """Read a rule from JSON; raises ValueError whose words name the key that is wrong."""
        if not isinstance(rule, dict):
            raise ValueError("A fault must be a JSON object.")  # noqa: TRY004 - JSON, not a bug
        for key, value in rule.items():
            if key not in _CHECKS:
                raise ValueError(f"Unknown fault: it must be one of {', '.join(_CHECKS)}.")
            if not _CHECKS[key](value):
                raise ValueError(f"The fault's {key} has a value that makes no sense.")
        if customer := rule.get("customer"):
            rule = {**rule, "customer": customer_key(customer)}
        return cls(**rule)

    @property
    def instead(self) -> bool:
        """Whether something else than Meta's usual answer comes back."""
        return self.garbage or self.error is not None or self.status is not None

    @property
    def takes(self) -> bool:
        """Whether WhatsApp takes the message all the same."""
        return self.accept or not self.instead

    def as_json(self) -> dict[str, Any]:
        """The rule as it was given, without what it leaves at its default."""
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        return {key: value for key, value in said.items() if value != _PLAIN[key]}


class Faults:
    """The rules that stand; for each message the first that fits is used, and used up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []

    def set(self, rules: object) -> None:
        """Replace all rules by these; raises ValueError and changes nothing if one is wrong."""
        if not isinstance(rules, list) or len(rules) > _RULES_AT_MOST:
            raise ValueError(f"Faults are a JSON list of at most {_RULES_AT_MOST} rules.")
        parsed = [Fault.parse(rule) for rule in rules]
        with self._lock:
            self._rules = parsed

    def standing(self) -> list[Fault]:
        """The rules that are left."""
        with self._lock:
            return list(self._rules)

    def take(self, customer: str) -> Fault:
        """The fault for a message to this customer: an empty one when no rule fits."""
        with self._lock:
            for place, rule in enumerate(self._rules):
                if rule.customer in (None, customer):
                    self._use(place, rule)
                    return rule
        return NO_FAULT

    def _use(self, place: int, rule: Fault) -> None:
        if rule.times is None:
            return
        if rule.times > 1:
            self._rules[place] = replace(rule, times=rule.times - 1)
        else:
            del self._rules[place]


def _whole(low: int, high: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _yes_or_no(value: object) -> bool:
    return isinstance(value, bool)


def _when(value: object) -> bool:
    return value in ("before", "after")


def _seconds(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value <= _LONGEST_S  # type: ignore[operator]


def _header(value: object) -> bool:
    if isinstance(value, str):
        return re.fullmatch(r"[ -~]{1,64}", value) is not None
    return _whole(0, 1_000_000)(value)


def _customer(value: object) -> bool:
    return isinstance(value, str) and customer_key(value) is not None


_CHECKS: dict[str, Callable[[object], bool]] = {
    "error": _whole(0, 9_999_999),
    "status": _whole(400, 599),
    "retry_after": _header,
    "garbage": _yes_or_no,
    "accept": _yes_or_no,
    "reset": _when,
    "timeout": _when,
    "seconds": _seconds,
    "slow_bytes": _yes_or_no,
    "delay_ms": _whole(0, _LONGEST_S * 1000),
    "failed": _whole(0, 9_999_999),
    "silent": _yes_or_no,
    "customer": _customer,
    "times": lambda value: value is None or _whole(1, 1_000_000)(value),
}
NO_FAULT = Fault()
_PLAIN = {each.name: each.default for each in fields(Fault)}
