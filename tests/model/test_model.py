"""Whatever happens, in whatever order, the gateway does what the plain model says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import CHANGES, GatewayAndModel
from tests.model.plain import ANSWERS

if TYPE_CHECKING:
    from dramatiq.broker import Broker

    from app.sandbox import Sandbox

# MODEL_EXAMPLES=5000 makes a long run, of other examples each time, and shrinks what it finds.
MANY = int(os.environ.get("MODEL_EXAMPLES", "0"))
EXAMPLES = {"embedded": 50, "servers": 30}


@pytest.mark.long
@pytest.mark.timeout(0 if MANY else 900)
@pytest.mark.usefixtures("store")
def test_the_gateway_does_what_the_model_says(
    broker: Broker, whatsapp: Sandbox, back_end: str
) -> None:
    run_state_machine_as_test(
        lambda: GatewayAndModel(whatsapp, broker),
        settings=settings(
            max_examples=MANY or EXAMPLES[back_end],
            stateful_step_count=50,
            deadline=None,
            derandomize=not MANY,
            database=None,
            phases=(Phase.generate, Phase.shrink) if MANY else (Phase.generate,),
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("off_ms", [None, -1, 0])
def test_whatever_whatsapp_answers_to_one_the_next_goes_when_it_may(
    broker: Broker, whatsapp: Sandbox, off_ms: int | None
) -> None:
    for how in ANSWERS:
        for next_to in (0, 1):
            both = GatewayAndModel(whatsapp, broker)
            both.most_have_written(silent=3)
            both.a_reply_follows_another(0, next_to, how, off_ms)
            both.the_gateway_does_what_the_model_says()
            both.teardown()


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("off_ms", [None, -1, 0])
def test_whatever_whatsapp_answers_to_one_call_the_next_sends_when_nothing_of_its_kind_went(
    broker: Broker, whatsapp: Sandbox, off_ms: int | None
) -> None:
    for how in ANSWERS:
        for part in (0, 1):
            both = GatewayAndModel(whatsapp, broker)
            both.most_have_written(silent=3)
            both.a_call_follows_another(0, how, part, off_ms)
            both.the_gateway_does_what_the_model_says()
            both.teardown()


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("call", [False, True], ids=["reply", "call"])
@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_when_one_is_about_to_go_is_heeded(
    broker: Broker,
    whatsapp: Sandbox,
    change: str,
    call: bool,  # noqa: FBT001
) -> None:
    both = GatewayAndModel(whatsapp, broker)
    both.most_have_written(silent=3)
    both.something_changes_when_one_is_about_to_go(0, change, call)
    both.the_gateway_does_what_the_model_says()
    both.a_call_follows_another(0, "takes it", 0, None)
    both.the_gateway_does_what_the_model_says()
    both.teardown()
