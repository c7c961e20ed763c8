from __future__ import annotations

import io
import json
import logging
import re
import sys
import threading
import warnings
from typing import TYPE_CHECKING

import pytest

from core import clock, loglines, telemetry
from core.config import Settings
from core.errors import ErrorCode, GatewayError, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PHONE = "+966512345678"
TEXT = "the violet slippers"


class DriverError(Exception):
    """Somebody else's."""


class SpoolIsFull(GatewayError):
    """One of ours."""


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., io.StringIO]]:
    """Starts telemetry and gives what it prints; afterwards the process is as it was."""
    root = logging.getLogger()
    names = ("dramatiq", "waitress", "urllib3", "peewee", "sentry_sdk")
    levels = {name: logging.getLogger(name).level for name in names}
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()  # `start` closes those that it finds
    for place, name in (
        (sys, "excepthook"),
        (sys, "unraisablehook"),
        (threading, "excepthook"),
        (warnings, "showwarning"),
    ):
        monkeypatch.setattr(place, name, getattr(place, name))

    def start(**environment: str) -> io.StringIO:
        printed = io.StringIO()
        monkeypatch.setattr(sys, "stderr", printed)
        telemetry.start(Settings.from_environment(environment), "web")
        return printed

    yield start
    root.handlers[:], root.level = handlers, level
    for name, each in levels.items():
        logging.getLogger(name).setLevel(each)


def raised(failure: BaseException) -> BaseException:
    def throw() -> None:
        raise failure

    try:
        throw()
    except BaseException as caught:  # noqa: BLE001
        return caught
    raise AssertionError


def test_a_console_line_has_time_level_and_words(begin: Callable[..., io.StringIO]) -> None:
    printed = begin()
    logging.getLogger("workers.stage").warning("event %s waits", "evt_1")
    assert re.fullmatch(r"\d\d:\d\d:\d\d WARNING event evt_1 waits\n", printed.getvalue())


def test_a_json_line_has_the_time_of_our_clock(begin: Callable[..., io.StringIO]) -> None:
    printed = begin(LOG_FORMAT="json")
    clock.freeze(1_800_000_000_000)
    logging.getLogger("app.watch").info('said "no" in %s', "العربية")
    clock.reset()
    assert json.loads(printed.getvalue()) == {
        "at_ms": 1_800_000_000_000,
        "level": "info",
        "logger": "app.watch",
        "message": 'said "no" in العربية',
    }


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_nobody_forges_a_line_or_a_terminals_orders(
    begin: Callable[..., io.StringIO], log_format: str
) -> None:
    printed = begin(LOG_FORMAT=log_format)
    logging.getLogger("app").info("id %s", "x\n00:00:00 INFO all is well\x1b[2J")
    assert printed.getvalue().count("\n") == 1
    assert "\x1b" not in printed.getvalue()


def test_the_level_is_the_least_that_is_printed(begin: Callable[..., io.StringIO]) -> None:
    printed = begin(LOG_LEVEL="WARNING")
    logging.getLogger("app").info("one")
    logging.getLogger("app").warning("two")
    assert "one" not in printed.getvalue()
    assert "two" in printed.getvalue()


@pytest.mark.parametrize("library", ["dramatiq", "waitress", "urllib3", "peewee"])
def test_libraries_are_quiet_even_when_we_are_not(
    begin: Callable[..., io.StringIO], library: str
) -> None:
    printed = begin(LOG_LEVEL="DEBUG")
    logging.getLogger(library).debug("noise %s", 1)
    assert printed.getvalue() == ""


def test_of_a_librarys_line_the_pattern_and_the_place_are_left(
    begin: Callable[..., io.StringIO],
) -> None:
    printed = begin(LOG_FORMAT="json")
    logging.getLogger("redis.client").warning("cannot reach %s", TEXT)
    logging.getLogger("redis.client").warning(f"cannot reach {TEXT}")  # noqa: G004
    first, second = (json.loads(line)["message"] for line in printed.getvalue().splitlines())
    assert re.fullmatch(r"redis\.client \(test_telemetry line \d+\): cannot reach %s", first)
    assert re.fullmatch(r"redis\.client \(test_telemetry line \d+\)", second)


def test_arguments_that_do_not_fit_cost_the_values_and_not_the_line(
    begin: Callable[..., io.StringIO],
) -> None:
    printed = begin()
    logging.getLogger("app").info("%d of %d", TEXT, PHONE)
    assert printed.getvalue().endswith("INFO    %d of %d\n")


def test_an_exception_among_the_arguments_is_its_type_unless_it_is_ours(
    begin: Callable[..., io.StringIO],
) -> None:
    printed = begin()
    logging.getLogger("app").info("it broke: %s", DriverError(TEXT))
    logging.getLogger("app").info("it broke: %(why)s", {"why": DriverError(TEXT)})
    logging.getLogger("app").info("it broke: %s", SpoolIsFull("no room"))
    logging.getLogger("app").info(DriverError(TEXT))
    assert [line[17:] for line in printed.getvalue().splitlines()] == [
        "it broke: DriverError",
        "it broke: DriverError",
        "it broke: no room",
        "DriverError",
    ]


def test_a_line_that_cannot_be_written_is_lost_without_a_word(
    begin: Callable[..., io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = begin()
    printed.close()
    elsewhere = io.StringIO()
    monkeypatch.setattr(sys, "stderr", elsewhere)
    logging.getLogger("app").info("to %s", PHONE)
    assert elsewhere.getvalue() == ""


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_tells_the_chain_from_its_beginning_without_others_words(
    begin: Callable[..., io.StringIO], log_format: str
) -> None:
    printed = begin(LOG_FORMAT=log_format)
    failure = SpoolIsFull(f"no room for {PHONE}")
    failure.__cause__ = raised(DriverError(TEXT))
    telemetry.report(raised(failure), stage="ready", attempt=0)
    told = printed.getvalue()
    assert "component=web stage=ready attempt=0 failed: SpoolIsFull (no room for [phone])" in told
    assert told.index("DriverError") > told.index("failed:")
    assert told.index("DriverError") < told.rindex("SpoolIsFull (no room for [phone])")
    assert "in throw" in told
    assert TEXT not in told


def test_another_handlers_traceback_is_not_taken_over(begin: Callable[..., io.StringIO]) -> None:
    printed = begin()
    record = logging.makeLogRecord({"name": "app", "msg": "it broke", "levelno": 40})
    failure = raised(DriverError(TEXT))
    record.exc_info = (DriverError, failure, failure.__traceback__)
    logging.Formatter().format(record)
    assert TEXT in (record.exc_text or "")
    logging.getLogger("app").handle(record)
    assert "DriverError" in printed.getvalue()
    assert TEXT not in printed.getvalue()


def test_a_context_that_was_dropped_stays_dropped(begin: Callable[..., io.StringIO]) -> None:
    printed = begin()
    failure = SpoolIsFull("no room")
    failure.__context__, failure.__suppress_context__ = DriverError(), True
    telemetry.report(raised(failure))
    assert "DriverError" not in printed.getvalue()


def test_a_chain_that_bites_its_tail_ends(begin: Callable[..., io.StringIO]) -> None:
    printed = begin()
    first, second = DriverError(), SpoolIsFull("no room")
    first.__context__, second.__context__ = second, first
    telemetry.report(first)
    assert printed.getvalue().count("\nSpoolIsFull") == 1


def test_a_refusal_is_told_to_nobody(begin: Callable[..., io.StringIO]) -> None:
    printed = begin(LOG_LEVEL="DEBUG")
    telemetry.report(raised(Refused(ErrorCode.POLICY_VIOLATION)), stage="valid")
    assert printed.getvalue() == ""


def test_only_the_known_tags_are_told_and_their_values_are_scrubbed(
    begin: Callable[..., io.StringIO],
) -> None:
    printed = begin()
    telemetry.report(DriverError(), event_id="evt_1", actor=f"to {PHONE}", account=None, to=PHONE)
    assert "component=web event_id=evt_1 actor=to [phone] failed: DriverError" in printed.getvalue()


def test_a_warning_names_the_cause(begin: Callable[..., io.StringIO]) -> None:
    printed = begin()
    failure = SpoolIsFull("no room")
    failure.__cause__ = DriverError(TEXT)
    telemetry.warn(failure)
    telemetry.warn(SpoolIsFull("again"))
    assert [line[17:] for line in printed.getvalue().splitlines()] == [
        "SpoolIsFull (no room), from DriverError",
        "SpoolIsFull (again)",
    ]


def test_pythons_warnings_are_told_without_their_words(begin: Callable[..., io.StringIO]) -> None:
    printed = begin()
    warnings.showwarning(UserWarning(TEXT), UserWarning, "app/body.py", 7)
    assert printed.getvalue().endswith("WARNING UserWarning at app/body.py line 7\n")


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (DriverError(TEXT), "DriverError"),
        (SpoolIsFull(f"no room for {PHONE}"), "SpoolIsFull (no room for [phone])"),
        (SpoolIsFull(), "SpoolIsFull"),
        (
            ExceptionGroup(TEXT, [DriverError(TEXT), KeyError(TEXT)]),
            "ExceptionGroup (DriverError, KeyError)",
        ),
    ],
)
def test_of_an_exception_the_type_is_left_and_words_of_ours(
    failure: BaseException, words: str
) -> None:
    assert loglines.words(failure) == words


def test_ctrl_c_and_the_end_of_a_thread_are_no_failures(
    begin: Callable[..., io.StringIO],
) -> None:
    printed = begin()
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(TEXT), None)
    thread = threading.Thread(target=sys.exit, args=(1,))
    thread.start()
    thread.join()
    assert printed.getvalue() == ""
