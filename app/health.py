"""Whether the process lives, and whether it can do its work."""

import falcon
import redis

from app.webhooks.keeping import Keeper
from core.errors import GatewayError
from models.database import database
from models.migrate import check_migrated


class Liveness:
    """`/healthz`: the process answers."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """Always well, if it can say so."""
        resp.media = {"status": "ok"}


class Readiness:
    """`/readyz`: whether webhooks are kept here, and what of the rest is missing."""

    def __init__(self, keeper: Keeper, client: redis.Redis | None) -> None:
        self._keeper = keeper
        self._client = client

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        """200 when webhooks are kept, in the database or in the spool; else 503.

        Who routes by this must not turn callers away whose webhooks would be kept: with Redis away,
        or the database while there is a spool, it answers 200 with `degraded`.
        """
        checks = {
            "database": self._database(),
            "migration": self._migration(),
            "broker": self._broker(),
        }
        if self._keeper.spools:
            checks["spool"] = "ok" if self._keeper.has_spool else "full or not writable"
        missing = {name for name, found in checks.items() if found != "ok"}
        kept = not missing & {"database", "migration"} or self._keeper.has_spool
        resp.status = falcon.HTTP_200 if kept else falcon.HTTP_503
        status = "degraded" if missing else "ok"
        resp.media = {"status": status if kept else "unavailable", "checks": checks}

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
