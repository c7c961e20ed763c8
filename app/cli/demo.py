"""What a first `gateway up` shows: a demo account, a customer who has just written, a curl line."""

import ipaddress
import json
import shlex
from typing import Any
from urllib.parse import urlsplit

import falcon

from app import WEBHOOK
from app.sandbox import Number, Sandbox
from app.sandbox.playground import Playground
from app.sandbox.threecx import Trunk
from core import clock, telemetry
from core.config import Settings
from core.ids import new_id
from core.words import EventType
from models import provisioning
from models.account import Account
from models.conversation import WINDOW_MS, Conversation
from models.database import transaction
from models.destination import Destination, Kind, Route
from models.instance import Instance
from models.integration import Integration
from models.secret import Secret
from workers.wire import Outside

CUSTOMER = "+966500000001"
_NAME = "Demo"
_PHONE_NUMBER_ID = "100000000000001"
_DISPLAY = "+966110000000"
_DID = "+966110000100"
_TEMPLATES = {EventType.MISSED_CALL.value: {"enabled": True}}
_LEAST_WINDOW_MS = WINDOW_MS // 2
_JOURNAL = "whatsapp-sandbox.jsonl"


def wanted(settings: Settings) -> bool:
    """The sandbox exists outside production only, and only on loopback."""
    if settings.production:
        return False
    try:
        return ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        return settings.host == "localhost"


def sandbox(settings: Settings, app: falcon.App[Any, Any]) -> Sandbox:
    """A WhatsApp and a 3CX of our own, with the page that shows them, served by the app."""
    journal = None if settings.database_url else settings.data_dir / _JOURNAL
    playground = Playground()
    made = Sandbox(journal=journal, playground=playground)
    made.add_routes(app)
    made.start()
    # Destinations on loopback are refused, but for this one.
    Outside.origins |= {playground.pbx.origin}
    return made


class Greeting:
    """Sets the demo up once the door is open, and prints what a newcomer needs."""

    def __init__(self, settings: Settings, whatsapp: Sandbox, port: int) -> None:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self._origin = f"http://{host}:{port}"
        self._whatsapp = whatsapp

    def say(self) -> None:
        """Make or find the demo, let its customer write, and print."""
        try:
            integration, instance, secret = _demo(self._whatsapp.base_url)
            self._play_meta()
            self._play_3cx(integration, instance, secret)
            if not _window_is_open(instance):
                hello = {"type": "text", "text": {"body": "Hello! Is my order on its way?"}}
                self._whatsapp.write(
                    instance.phone_number_id, CUSTOMER, hello, name="Demo Customer"
                )
            self._print(integration.id, secret)
        except Exception as failure:  # noqa: BLE001 (the gateway runs without its greeting too)
            telemetry.report(failure, actor="greeting")

    def _play_meta(self) -> None:
        for instance in Instance.select():
            if instance.base_url == self._whatsapp.base_url:
                self._whatsapp.register(
                    Number(
                        phone_number_id=instance.phone_number_id,
                        display_phone_number=instance.display_phone_number or _DISPLAY,
                        access_token=instance.access_token,
                        app_secret=instance.app_secret,
                        webhook_url=f"{self._origin}/webhooks/whatsapp/{instance.id}",
                    )
                )

    def _play_3cx(self, integration: Integration, instance: Instance, secret: str) -> None:
        playground = self._whatsapp.playground
        if playground is None:
            return
        pbx = playground.pbx
        if _is_ours(integration):
            route = Route(_DID, instance.id)
            provisioning.set_destination(
                integration.id, Kind.THREECX_SMS, pbx.webhook_url, routes=[route]
            )
        pbx.connect(
            Trunk(
                did=_DID,
                provider_url=f"{self._origin}/integrations/3cx/{integration.id}/sms",
                call_url=self._origin + WEBHOOK.format(integration_id=integration.id),
                secret=secret,
            )
        )

    def _print(self, integration_id: str, secret: str) -> None:
        url = self._origin + WEBHOOK.format(integration_id=integration_id)
        body = json.dumps(
            {
                "event_type": "outbound_message",
                "to": CUSTOMER,
                "message_text": "Hello from 3CX",
                "message_purpose": "support",
            }
        )
        curl = shlex.join(
            ["curl", "-X", "POST", url, "-H", "Content-Type: application/json",
             "-H", f"X-WhatsApp-Gateway-3CX-Secret: {secret}", "-d", body]
        )  # fmt: skip
        lines = [
            "",
            f"  The gateway runs at {self._origin} (Ctrl-C stops it).",
            "",
            f"  Playground        {self._origin}/sandbox/?customer={CUSTOMER[1:]}",
            "",
            f"  Webhook URL       {url}",
            f"  Secret            {secret}",
            f"  Customer          {CUSTOMER}, who has just written to the demo number",
            f"  Customer's phone  {self._origin}/sandbox/",
            f"  Sandbox Graph API {self._whatsapp.base_url}",
            "",
            "  Send the first message:",
            "",
            curl,
            "",
        ]
        print("\n".join(lines), flush=True)


@transaction
def _demo(base_url: str) -> tuple[Integration, Instance, str]:
    account = Account.get_or_none(Account.name == _NAME) or _make(base_url)
    instance = Instance.get(Instance.account == account)
    if instance.base_url != base_url:
        # The sandbox of an earlier start listened elsewhere; whoever used it comes along.
        Instance.update(base_url=base_url).where(Instance.base_url == instance.base_url).execute()
        instance.base_url = base_url
    integration = Integration.get(Integration.account == account)
    secret = (
        Secret.select()
        .where(Secret.integration == integration, Secret.expires_at_ms.is_null())
        .first()
    )
    return integration, instance, secret.sealed if secret else Secret.rotate(integration.id, 0)


def _make(base_url: str) -> Account:
    now = clock.now_ms()
    account: Account = Account.create(
        id=new_id("acc"), name=_NAME, business_name=_NAME, created_at_ms=now
    )
    instance = Instance.create(
        id=new_id("ins"),
        account=account,
        phone_number_id=_PHONE_NUMBER_ID,
        display_phone_number=_DISPLAY,
        access_token=new_id("token"),
        app_secret=new_id("secret"),
        verify_token=new_id("verify"),
        base_url=base_url,
        created_at_ms=now,
    )
    integration = Integration.create(
        id=new_id("int"),
        account=account,
        instance=instance,
        name=_NAME,
        call_events=True,
        call_templates=_TEMPLATES,
        default_region="SA",
        created_at_ms=now,
    )
    Secret.rotate(integration.id, 0)
    return account


def _is_ours(integration: Integration) -> bool:
    """Whether the demo's chat is still the sandbox's: somebody may have set a real 3CX there."""
    known = Destination.get_or_none(
        Destination.integration == integration, Destination.kind == Kind.THREECX_SMS.value
    )
    return known is None or urlsplit(known.url).hostname == "127.0.0.1"


def _window_is_open(instance: Instance) -> bool:
    rows = Conversation.select(Conversation.last_inbound_at_ms).where(
        Conversation.instance == instance
    )
    newest = max((row.last_inbound_at_ms or 0 for row in rows), default=0)
    return clock.now_ms() < newest + _LEAST_WINDOW_MS
