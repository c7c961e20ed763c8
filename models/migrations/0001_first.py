"""The first tables. Written by hand: sequences, partial indexes and triggers are the point of it.

No key but the id is unique on `event`, so that it can become a table partitioned by ranges of the
id (ids sort by time) without a change to any statement; what must be unique across events lives in
tables of its own (docs/adr/0003).
"""

from typing import Any

from models.dialects import SETTINGS_CHANGED, is_postgres, settings_triggers, words

TABLES = (
    """CREATE TABLE development_key (
        name TEXT PRIMARY KEY, value TEXT NOT NULL)""",
    """CREATE TABLE key_check (
        id INTEGER PRIMARY KEY, sealed {blob} NOT NULL, digest TEXT NOT NULL)""",
    """CREATE TABLE revision (
        id INTEGER PRIMARY KEY, number BIGINT NOT NULL)""",
    "INSERT INTO revision (id, number) VALUES (1, 1)",
    """CREATE TABLE account (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, business_name TEXT NOT NULL,
        plan TEXT NOT NULL, daily_limit INTEGER, monthly_limit INTEGER,
        timezone TEXT NOT NULL, next_timezone TEXT, next_timezone_from_ms BIGINT,
        module_enabled BOOLEAN NOT NULL, refuse_marketing BOOLEAN NOT NULL,
        blocked_phrases TEXT NOT NULL, keywords TEXT,
        pause_reason TEXT, paused_at_ms BIGINT, created_at_ms BIGINT NOT NULL)""",
    """CREATE TABLE instance (
        id TEXT PRIMARY KEY, account_id TEXT NOT NULL REFERENCES account (id),
        provider TEXT NOT NULL, phone_number_id TEXT NOT NULL, display_phone_number TEXT,
        access_token {blob} NOT NULL, app_secret {blob} NOT NULL, verify_token {blob} NOT NULL,
        base_url TEXT NOT NULL, graph_version TEXT NOT NULL,
        messages_per_second INTEGER NOT NULL,
        pause_reason TEXT, paused_at_ms BIGINT, created_at_ms BIGINT NOT NULL)""",
    "CREATE INDEX instance_account ON instance (account_id)",
    "CREATE INDEX instance_phone_number_id ON instance (phone_number_id)",
    """CREATE TABLE integration (
        id TEXT PRIMARY KEY, account_id TEXT NOT NULL REFERENCES account (id),
        instance_id TEXT NOT NULL REFERENCES instance (id), name TEXT NOT NULL,
        enabled BOOLEAN NOT NULL, inbound BOOLEAN NOT NULL, outbound BOOLEAN NOT NULL,
        call_events BOOLEAN NOT NULL, auth_mode TEXT NOT NULL, allowed_ips TEXT NOT NULL,
        default_region TEXT, default_purpose TEXT NOT NULL, validity_s INTEGER NOT NULL,
        pause_reason TEXT, paused_at_ms BIGINT, created_at_ms BIGINT NOT NULL)""",
    "CREATE INDEX integration_account ON integration (account_id)",
    "CREATE INDEX integration_instance ON integration (instance_id)",
    """CREATE TABLE secret (
        id TEXT PRIMARY KEY, integration_id TEXT NOT NULL REFERENCES integration (id),
        sealed {blob} NOT NULL, created_at_ms BIGINT NOT NULL, expires_at_ms BIGINT)""",
    "CREATE INDEX secret_integration ON secret (integration_id)",
    """CREATE TABLE customer (
        id TEXT PRIMARY KEY, account_id TEXT NOT NULL REFERENCES account (id),
        phone {blob}, user_id {blob}, name {blob}, created_at_ms BIGINT NOT NULL)""",
    """CREATE TABLE customer_alias (
        account_id TEXT NOT NULL, address_hash TEXT NOT NULL,
        customer_id TEXT NOT NULL REFERENCES customer (id),
        PRIMARY KEY (account_id, address_hash))""",
    "CREATE INDEX customer_alias_customer ON customer_alias (customer_id)",
    """CREATE TABLE conversation (
        id TEXT PRIMARY KEY, instance_id TEXT NOT NULL REFERENCES instance (id),
        customer_id TEXT NOT NULL REFERENCES customer (id), last_inbound_at_ms BIGINT,
        UNIQUE (customer_id, instance_id))""",
    """CREATE TABLE suppression (
        account_id TEXT NOT NULL REFERENCES account (id), address_hash TEXT NOT NULL,
        kind TEXT NOT NULL, source TEXT NOT NULL, phone {blob}, created_at_ms BIGINT NOT NULL,
        PRIMARY KEY (account_id, address_hash, kind))""",
    """CREATE TABLE event (
        {sequence}, id TEXT{binary_order} NOT NULL {event_key},
        account_id TEXT NOT NULL, integration_id TEXT, instance_id TEXT NOT NULL,
        event_type TEXT NOT NULL, state TEXT NOT NULL, error TEXT, reason TEXT, waiting_for TEXT,
        address_hash TEXT, conversation_key TEXT, text_hash TEXT, payload {blob} NOT NULL,
        part INTEGER NOT NULL, tries INTEGER NOT NULL, rescues INTEGER NOT NULL,
        seated BOOLEAN NOT NULL, dead BOOLEAN NOT NULL, due_at_ms BIGINT NOT NULL,
        slot_at_ms BIGINT, lease_until_ms BIGINT, received_at_ms BIGINT NOT NULL,
        expires_at_ms BIGINT NOT NULL, finished_at_ms BIGINT)""",
    "CREATE INDEX event_due ON event (due_at_ms) WHERE finished_at_ms IS NULL",
    """CREATE INDEX event_conversation ON event (conversation_key, seq)
        WHERE finished_at_ms IS NULL OR state = 'uncertain'""",
    """CREATE INDEX event_seated ON event (account_id)
        WHERE seated AND finished_at_ms IS NULL""",
    """CREATE INDEX event_waiting ON event (account_id, waiting_for, seq)
        WHERE NOT seated AND finished_at_ms IS NULL""",
    "CREATE INDEX event_sending ON event (account_id, instance_id) WHERE state = 'sending'",
    "CREATE INDEX event_integration ON event (integration_id, seq)",
    """CREATE INDEX event_text ON event (account_id, text_hash, received_at_ms)
        WHERE text_hash IS NOT NULL""",
    "CREATE INDEX event_dead ON event (seq) WHERE dead",
    """CREATE TABLE idempotency (
        integration_id TEXT NOT NULL, repeat_key TEXT NOT NULL, body_hash TEXT NOT NULL,
        event_id TEXT NOT NULL, expires_at_ms BIGINT NOT NULL,
        PRIMARY KEY (integration_id, repeat_key))""",
    "CREATE INDEX idempotency_expiry ON idempotency (expires_at_ms)",
    """CREATE TABLE decision (
        {auto_id}, event_id TEXT NOT NULL, stage TEXT NOT NULL, check_name TEXT NOT NULL,
        outcome TEXT NOT NULL, code TEXT, saw TEXT NOT NULL, decided_at_ms BIGINT NOT NULL)""",
    "CREATE INDEX decision_event ON decision (event_id)",
    """CREATE TABLE attempt (
        {auto_id}, event_id TEXT NOT NULL, part INTEGER NOT NULL, number INTEGER NOT NULL,
        outcome TEXT, provider_code INTEGER, words TEXT,
        started_at_ms BIGINT NOT NULL, finished_at_ms BIGINT)""",
    "CREATE INDEX attempt_event ON attempt (event_id)",
    """CREATE TABLE delivery (
        event_id TEXT NOT NULL, part INTEGER NOT NULL, instance_id TEXT NOT NULL,
        message_hash TEXT, message_id {blob}, status TEXT NOT NULL, status_at_ms BIGINT NOT NULL,
        provider_code INTEGER, PRIMARY KEY (event_id, part))""",
    "CREATE INDEX delivery_message ON delivery (message_hash)",
    """CREATE TABLE usage (
        account_id TEXT NOT NULL, period TEXT NOT NULL, used INTEGER NOT NULL,
        PRIMARY KEY (account_id, period))""",
    """CREATE TABLE slot (
        name TEXT PRIMARY KEY, arrival_us BIGINT NOT NULL, closed_until_ms BIGINT NOT NULL)""",
    """CREATE TABLE inbound_item (
        {sequence}, id TEXT{binary_order} NOT NULL {event_key},
        instance_id TEXT NOT NULL, dedup_key TEXT NOT NULL, kind TEXT NOT NULL,
        payload {blob} NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL,
        due_at_ms BIGINT NOT NULL, received_at_ms BIGINT NOT NULL,
        UNIQUE (instance_id, dedup_key))""",
    "CREATE INDEX inbound_item_due ON inbound_item (due_at_ms) WHERE state = 'received'",
    """CREATE TABLE security_entry (
        {auto_id}, address TEXT NOT NULL, integration_id TEXT NOT NULL, reason TEXT NOT NULL,
        count INTEGER NOT NULL, first_at_ms BIGINT NOT NULL, last_at_ms BIGINT NOT NULL)""",
    "CREATE INDEX security_entry_time ON security_entry (last_at_ms)",
)

# Whatever changes a setting, by whatever road, tells all running processes (models/revision.py).
SETTINGS_TABLES = ("account", "instance", "integration", "secret")


def up(_migrator: object, db: Any) -> None:
    """Make all tables."""
    for statement in TABLES:
        db.execute_sql(statement.format(**words(db)))
    if is_postgres(db):
        db.execute_sql(SETTINGS_CHANGED)
    for table in SETTINGS_TABLES:
        for statement in settings_triggers(table, db):
            db.execute_sql(statement)
