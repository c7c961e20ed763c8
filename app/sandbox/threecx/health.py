"""How the PBX does."""

from enum import StrEnum


class Health(StrEnum):
    """How the PBX answers the gateway."""

    WELL = "well"
    FAILING = "failing"
    SLOW = "slow"
    AWAY = "away"
