"""The way into 3CX: destinations, what is on its way to them, call events, untold ends."""

from typing import Any

from models.dialects import is_postgres, settings_triggers, words

STATEMENTS = (
    """CREATE TABLE destination (
        id TEXT PRIMARY KEY, account_id TEXT NOT NULL REFERENCES account (id),
        integration_id TEXT NOT NULL REFERENCES integration (id), kind TEXT NOT NULL,
        url {blob} NOT NULL, secret {blob}, routes TEXT NOT NULL, events TEXT NOT NULL,
        enabled BOOLEAN NOT NULL, created_at_ms BIGINT NOT NULL,
        UNIQUE (integration_id, kind))""",
    "CREATE INDEX destination_account ON destination (account_id)",
    """CREATE TABLE forward (
        {sequence}, id TEXT{binary_order} NOT NULL {event_key},
        account_id TEXT NOT NULL, destination_id TEXT NOT NULL, instance_id TEXT NOT NULL,
        kind TEXT NOT NULL, source_id TEXT NOT NULL, conversation_key TEXT NOT NULL,
        turn BIGINT NOT NULL, payload {blob} NOT NULL, state TEXT NOT NULL, waiting_for TEXT,
        seated BOOLEAN NOT NULL, tries INTEGER NOT NULL, rescues INTEGER NOT NULL,
        status INTEGER, words TEXT, due_at_ms BIGINT NOT NULL, lease_until_ms BIGINT,
        received_at_ms BIGINT NOT NULL, expires_at_ms BIGINT NOT NULL, finished_at_ms BIGINT)""",
    "CREATE INDEX forward_due ON forward (due_at_ms) WHERE finished_at_ms IS NULL",
    """CREATE INDEX forward_lane ON forward (conversation_key, destination_id, turn, seq)
        WHERE finished_at_ms IS NULL""",
    # The second column has SQLite prefer it to the index of all that a destination ever got.
    """CREATE INDEX forward_seated ON forward (destination_id, finished_at_ms)
        WHERE seated AND finished_at_ms IS NULL""",
    """CREATE INDEX forward_waiting ON forward (destination_id, waiting_for, turn, seq)
        WHERE NOT seated AND finished_at_ms IS NULL""",
    "CREATE INDEX forward_source ON forward (source_id)",
    """CREATE INDEX forward_lines ON forward (conversation_key, received_at_ms)
        WHERE kind IN ('reply.not_sent', 'message.automatic_sent')""",
    "CREATE INDEX forward_destination ON forward (destination_id, seq)",
    "CREATE INDEX forward_failed ON forward (seq) WHERE state = 'failed'",
    """CREATE TABLE cooldown (
        integration_id TEXT NOT NULL, event_type TEXT NOT NULL, address_hash TEXT NOT NULL,
        event_id TEXT NOT NULL, until_ms BIGINT NOT NULL,
        PRIMARY KEY (integration_id, event_type, address_hash))""",
    "CREATE INDEX cooldown_event ON cooldown (event_id)",
    "CREATE INDEX cooldown_until ON cooldown (until_ms)",
    """CREATE TABLE capture (
        {auto_id}, integration_id TEXT NOT NULL, at_ms BIGINT NOT NULL, door TEXT NOT NULL,
        status INTEGER NOT NULL, error TEXT, reason TEXT, proven BOOLEAN NOT NULL,
        address TEXT NOT NULL, request {blob} NOT NULL)""",
    "CREATE INDEX capture_integration ON capture (integration_id, id)",
    "ALTER TABLE integration ADD COLUMN language TEXT NOT NULL DEFAULT 'en'",
    "ALTER TABLE integration ADD COLUMN call_templates TEXT NOT NULL DEFAULT '{{}}'",
    "ALTER TABLE integration ADD COLUMN business_hours TEXT",
    "ALTER TABLE integration ADD COLUMN holidays TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE integration ADD COLUMN mark_read BOOLEAN NOT NULL DEFAULT FALSE",
    "ALTER TABLE conversation ADD COLUMN did TEXT",
    "ALTER TABLE conversation ADD COLUMN last_message_id {blob}",
    "ALTER TABLE inbound_item ADD COLUMN conversation_key TEXT",
    """CREATE INDEX inbound_item_untaken ON inbound_item (conversation_key, seq)
        WHERE state = 'received'""",
    "ALTER TABLE event ADD COLUMN untold BOOLEAN NOT NULL DEFAULT FALSE",
    "CREATE INDEX event_untold ON event (seq) WHERE untold",
)


def up(_migrator: object, db: Any) -> None:
    """Make the tables, and columns that the version before leaves at their default."""
    for statement in STATEMENTS:
        db.execute_sql(statement.format(**words(db)))
    if is_postgres(db):  # SQLite's own key
        db.execute_sql("CREATE INDEX inbound_item_seq ON inbound_item (seq)")
    for statement in settings_triggers("destination", db):
        db.execute_sql(statement)
