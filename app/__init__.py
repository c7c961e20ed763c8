"""The door: everything HTTP, and the command line. `door.create_app()` puts it together."""

WEBHOOK = "/integrations/3cx/webhook/{integration_id}"
STATUS = WEBHOOK + "/events/{event_id}"
WHATSAPP = "/webhooks/whatsapp/{instance_id}"
