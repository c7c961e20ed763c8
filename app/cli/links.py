"""The addresses by which others reach the gateway."""

import ipaddress

from app import SMS, WEBHOOK, WHATSAPP
from core.config import Settings

_LOOPBACK = "127.0.0.1"
_IPV6 = 6


def webhook_url(settings: Settings, integration_id: str) -> str:
    """Where 3CX posts the events of an integration."""
    return origin(settings) + WEBHOOK.format(integration_id=integration_id)


def sms_url(settings: Settings, integration_id: str) -> str:
    """The Provider URL of 3CX's Generic SMS: where it posts what agents write."""
    return origin(settings) + SMS.format(integration_id=integration_id)


def whatsapp_webhook_url(settings: Settings, instance_id: str) -> str:
    """Where Meta posts what happens to an instance."""
    return origin(settings) + WHATSAPP.format(instance_id=instance_id)


def origin(settings: Settings) -> str:
    """Scheme, host and port: those of PUBLIC_URL, or else where we listen."""
    if settings.public_url:
        return settings.public_url
    scheme = "https" if settings.production else "http"
    return f"{scheme}://{_host(settings.host)}:{settings.port}"


def _host(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host or _LOOPBACK
    if address.is_unspecified:
        return "[::1]" if address.version == _IPV6 else _LOOPBACK
    return f"[{address}]" if address.version == _IPV6 else str(address)
