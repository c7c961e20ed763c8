"""Whether the process lives, and whether it can do its work."""

import falcon
import redis

from core.errors import GatewayError
from models.database import database
from models.migrate import check_migrated


class Liveness:
    """`/healthz`: the process answers."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Always well, if it can say so."""
        resp.media = {"status": "ok"}


class Readiness:
    """`/readyz`: database, migration and broker are there."""

    def __init__(self, client: redis.Redis | None) -> None:
        self._client = client

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """200 when webhooks are kept and carried on; else 503, with what is missing."""
        checks = {
            "database": self._database(),
            "migration": self._migration(),
            "broker": self._broker(),
        }
        ready = all(found == "ok" for found in checks.values())
        resp.status = falcon.HTTP_200 if ready else falcon.HTTP_503
        resp.media = {"status": "ok" if ready else "unavailable", "checks": checks}

    def _database(self) -> str:
        try:
            database.execute_sql("SELECT 1").fetchone()
        except Exception as failure:  # noqa: BLE001 (whatever it is, that is the answer)
            return type(failure).__name__
        return "ok"

    def _migration(self) -> str:
        try:
            check_migrated()
        except GatewayError as failure:
            return str(failure)
        except Exception as failure:  # noqa: BLE001 (as above)
            return type(failure).__name__
        return "ok"

    def _broker(self) -> str:
        try:
            if self._client is not None:
                self._client.ping()
        except (redis.RedisError, OSError) as failure:
            return type(failure).__name__
        return "ok"
