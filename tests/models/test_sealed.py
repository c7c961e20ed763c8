"""Nobody who reads the database or the queue learns a number, a text or a secret."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from core.crypto import Vault, generate_keys
from models.base import vault
from models.customer import address_hash
from models.secret import Secret
from models.suppression import Kind, Suppression
from tests.backends import ENCRYPTION_KEY, HASH_KEY, in_redis
from tests.factories import APP_SECRET, CUSTOMER, TOKEN, phone
from tests.journey import deliveries
from workers import outbound

if TYPE_CHECKING:
    from tests.backends import Store
    from tests.journey import Journey

WORDS = "Sesame opens at ten, Mr. Haddock."


def test_a_whole_journey_leaves_nothing_personal_in_database_or_queue(
    store: Store, journey: Journey
) -> None:
    journey.wrote()
    secret = Secret.rotate(journey.site.integration_id, 0)
    accepted = journey.site.accept(
        to=phone(2), message_text=WORDS, agent_extension="Blistering", queue="barnacles"
    )
    outbound.begin(accepted.event_id)
    sent = journey.send(message_text=WORDS, event_id="own-id-4711")
    journey.status_of(sent, "delivered")
    journey.customer_says("Thundering typhoons")
    journey.customer_says("STOP")
    Suppression.add(journey.site.account_id, CUSTOMER, Kind.BLOCK, source="test")
    wamid = journey.taken()[0]["message_id"]

    kept = store.everything()
    if store.settings.redis_url:
        kept += in_redis(store.settings.redis_url)
        assert accepted.event_id.encode() in in_redis(store.settings.redis_url)
    assert deliveries(sent) == ["delivered"]
    for personal in (
        CUSTOMER[1:],
        phone(2)[1:],
        "Haddock",
        "Blistering",
        "barnacles",
        "Thundering",
    ):
        assert personal.encode() not in kept
        assert base64.b64encode(personal.encode()).strip(b"=")[:-1] not in kept
    for confidential in (secret, TOKEN, APP_SECRET, wamid, "own-id-4711", "Sara"):
        assert confidential.encode() not in kept


@pytest.mark.usefixtures("store")
def test_what_is_sealed_comes_back_and_looks_different_each_time() -> None:
    seals = [vault().seal("سلام 🌙") for _ in range(2)]
    assert [vault().open(sealed) for sealed in seals] == ["سلام 🌙"] * 2
    assert seals[0] != seals[1]


def test_a_new_key_in_front_still_opens_what_the_old_one_sealed() -> None:
    new_key, _ = generate_keys()
    sealed = Vault([ENCRYPTION_KEY], HASH_KEY).seal("words")
    assert Vault([new_key, ENCRYPTION_KEY], HASH_KEY).open(sealed) == "words"


@pytest.mark.usefixtures("store")
def test_a_number_has_another_hash_in_another_account() -> None:
    assert address_hash("one", CUSTOMER) == address_hash("one", CUSTOMER)
    assert address_hash("one", CUSTOMER) != address_hash("two", CUSTOMER)
