"""Webhooks as 3CX posts them, written down with what was answered."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any

from core import clock
from tests.pbx import SECRET

if TYPE_CHECKING:
    from tests.chaos.history import Record
    from tests.chaos.plant import Plant
    from tests.chaos.sites import Integration, Site

_PATIENCE_S = 10.0


class Poster:
    """Posts webhooks and writes down what was answered."""

    def __init__(self, plant: Plant, record: Record) -> None:
        self.plant, self.record = plant, record

    def post(
        self,
        site: Site,
        integration: Integration,
        payload: dict[str, Any],
        key: str | None,
        door: int,
    ) -> int:
        """Post once; gives the status, 0 when there was no answer."""
        headers = {SECRET: integration.secret, "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        at_ms = clock.now_ms()
        path = f"/integrations/3cx/webhook/{integration.id}"
        status, answer = self._ask(path, json.dumps(payload), headers, door)
        ids = {"integration_id": integration.id, "instance_id": site.instance_id}
        self.record.posted(at_ms, status, answer, payload, key=key, **ids)
        return status

    def send_sms(self, site: Site, integration: Integration, to: str, text: str, door: int) -> int:
        """Send what an agent wrote in the chat of 3CX; gives the status, 0 without an answer."""
        headers = {
            "Authorization": f"Bearer {integration.secret}",
            "Content-Type": "application/json",
        }
        at_ms = clock.now_ms()
        body = json.dumps({"from": integration.did, "to": to, "text": text})
        status, answer = self._ask(f"/integrations/3cx/{integration.id}/sms", body, headers, door)
        told = {"event_id": answer.get("data", {}).get("id")}
        said = {"to": to, "message_text": text, "event_type": "outbound_message"}
        ids = {"integration_id": integration.id, "instance_id": site.instance_id}
        self.record.posted(at_ms, status, told, said, key=None, **ids)
        return status

    def _ask(
        self, path: str, body: str, headers: dict[str, str], door: int
    ) -> tuple[int, dict[str, Any]]:
        doors = self.plant.doors
        connection = HTTPConnection(*doors[door % len(doors)], timeout=_PATIENCE_S)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, HTTPException):
            return 0, {}
        finally:
            connection.close()
