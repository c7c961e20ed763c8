"""A WhatsApp business number."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Number:
    """A WhatsApp business number that the emulator plays Meta for.

    `webhook_url` is where the signed webhooks go, as a Meta app's callback URL;
    `display_phone_number` is what people see, with or without a plus sign.
    """

    phone_number_id: str
    display_phone_number: str
    access_token: str = field(repr=False)
    app_secret: str = field(repr=False)
    webhook_url: str
