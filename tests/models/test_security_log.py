"""The security log is bounded: nobody can fill the disk by failing to authenticate."""

from __future__ import annotations

import pytest

from models.security_entry import SecurityEntry


@pytest.mark.usefixtures("store")
def test_only_the_newest_entries_are_kept() -> None:
    rows: list[dict[str, object]] = [
        {
            "address": f"192.0.2.{number}",
            "integration_id": "",
            "reason": "secret_wrong",
            "count": 1,
            "first_at_ms": number,
            "last_at_ms": number,
        }
        for number in range(10)
    ]
    SecurityEntry.write(rows)

    SecurityEntry.forget_oldest(keep=3)

    kept = SecurityEntry.select().order_by(SecurityEntry.id)
    assert [entry.address for entry in kept] == ["192.0.2.7", "192.0.2.8", "192.0.2.9"]
