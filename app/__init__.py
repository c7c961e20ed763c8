"""The door: everything HTTP, and the command line. `door.create_app()` puts it together."""

WEBHOOK = "/integrations/3cx/webhook/{integration_id}"
STATUS = WEBHOOK + "/events/{event_id}"
MEDIA = "/media/{token}"
SMS = "/integrations/3cx/{integration_id}/sms"
SMS_WITH_KEY = SMS + "/{key}"
LOOKUP = "/integrations/3cx/{integration_id}/lookup"
WHATSAPP = "/webhooks/whatsapp/{instance_id}"
