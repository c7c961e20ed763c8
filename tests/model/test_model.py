"""Whatever happens, in whatever order, the gateway does what the plain model says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import GatewayAndModel

if TYPE_CHECKING:
    from dramatiq.broker import Broker

    from app.sandbox import Sandbox

# MODEL_EXAMPLES=5000 makes a long run, of other examples each time, and shrinks what it finds.
MANY = int(os.environ.get("MODEL_EXAMPLES", "0"))
EXAMPLES = {"embedded": 50, "servers": 25}


@pytest.mark.timeout(0 if MANY else 300)
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
