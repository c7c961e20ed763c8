"""What leaves the spool becomes events: once each, repeats told apart, and again if need be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.webhooks.acceptance import Acceptance, Row, keep, keep_late
from app.webhooks.keeping import Keeper
from models.event import Event
from models.idempotency import UNANSWERED_MS, RepeatKeys
from models.patience import within
from tests.backends import together
from tests.factories import CUSTOMER, Site, a_site, loaded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.backends import Store

pytestmark = pytest.mark.usefixtures("store")


def row(site: Site, text: str = "hello") -> Row:
    return site.row(event_type="outbound_message", to=CUSTOMER, message_text=text)


def key(name: str, body: str = "body") -> RepeatKeys:
    return RepeatKeys((name,), body, name)


def ends(rows: list[Row]) -> list[tuple[str, str | None]]:
    events = [loaded(each["id"]) for each in rows]
    return [(each.state, each.error or each.reason) for each in events]


def test_each_becomes_an_event_in_the_order_given() -> None:
    site = a_site()
    rows = [row(site, f"text {number}") for number in range(5)]
    kept = keep_late([(each, None) for each in rows])
    assert [each.event_id for each in kept] == [each["id"] for each in rows]
    assert all(each.seated for each in kept)
    seqs = [loaded(each["id"]).seq for each in rows]
    assert seqs == sorted(seqs)


def test_to_keep_them_again_does_nothing() -> None:
    site = a_site()
    waited = [(row(site, "one"), key("k")), (row(site, "two"), None)]
    first = keep_late(waited)
    assert keep_late(waited) == first
    assert Event.select().count() == 2


def test_a_commit_whose_answer_was_lost_is_not_made_twice() -> None:
    site = a_site()
    one = row(site)
    keep(one, key("k"))
    (again,) = keep_late([(one, key("k"))])
    assert (again.event_id, again.duplicate) == (one["id"], False)
    assert Event.select().count() == 1


def test_a_repeat_is_recorded_and_another_body_refused() -> None:
    site = a_site()
    rows = [row(site) for _ in range(4)]
    keep(rows[0], key("k"))
    keep_late([(rows[1], key("k")), (rows[2], key("k", "another")), (rows[3], key("new"))])
    assert ends(rows) == [
        ("received", None),
        ("recorded", "duplicate"),
        ("refused", "idempotency_conflict"),
        ("received", None),
    ]
    assert all(loaded(each["id"]).finished for each in rows[1:3])


def test_two_hosts_that_empty_their_spools_at_once_make_one_event_of_a_key() -> None:
    site = a_site()
    spools = [[(row(site), key(f"k{number}")) for number in range(10)] for _ in range(4)]
    together(4, lambda place: keep_late(spools[place]))
    rows = [each for spool in spools for each, _ in spool]
    assert sorted(set(ends(rows))) == [("received", None), ("recorded", "duplicate")]
    assert sum(state == "received" for state, _ in ends(rows)) == 10


def test_of_two_equal_messages_of_a_chat_that_come_while_it_is_away_one_is_kept(
    store: Store, tmp_path: Path
) -> None:
    site = a_site()
    brief = RepeatKeys(("sms",), "sms", None, life_ms=UNANSWERED_MS)
    keeper = Keeper(replace(store.settings, spool_dir=tmp_path / "spool"))
    rows = [row(site) for _ in range(4)]

    def accept(number: int) -> Acceptance:
        with within(0.5):
            return keeper.accept(rows[number], brief)

    with store.away():
        kept = together(4, accept)
    assert sorted(each.duplicate for each in kept) == [False, True, True, True]
    assert len({each.event_id for each in kept}) == 1
