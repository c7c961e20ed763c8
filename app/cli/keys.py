"""`gateway keys`: what seals secrets and texts at rest."""

from argparse import Namespace

from app.cli.output import Answer
from app.cli.parser import Commands


def add_to(commands: Commands) -> None:
    """Declare the commands."""
    keys = commands.noun("keys", "keys for secrets and texts at rest")
    keys.single(
        "generate",
        _generate,
        "print new keys as two lines of an env file; nothing is stored",
        "To renew the encryption key, put the new one before the old ones, with a comma.\n"
        "HASH_KEY must stay what it is: by it phones are found.",
    )


def _generate(_options: Namespace) -> Answer:
    from core.crypto import generate_keys

    encryption_key, hash_key = generate_keys()
    return Answer(
        {"encryption_keys": encryption_key, "hash_key": hash_key},
        f"ENCRYPTION_KEYS={encryption_key}\nHASH_KEY={hash_key}",
    )
