"""One shape for everything that is not a success, whoever raised it."""

from typing import Any

import falcon

from core import telemetry
from core.errors import ErrorCode, Refused
from models.unavailable import DatabaseUnavailable

_RETRY_AFTER_S = 5


def refusal(code: ErrorCode) -> dict[str, Any]:
    """The body that goes with a code."""
    return {"success": False, "error": code.value, "message": code.message}


def add_error_handlers(app: falcon.App[Any, Any]) -> None:
    """Make the app answer every failure in that shape, and never with a stack trace."""
    app.add_error_handler(Exception, _crashed)
    app.add_error_handler(DatabaseUnavailable, _unavailable)
    app.add_error_handler(falcon.HTTPError, _http_error)
    app.add_error_handler(Refused, _refused)


def _refused(
    req: falcon.Request, resp: falcon.Response, refused: Refused, _params: dict[str, Any]
) -> None:
    req.context.refused = refused  # for app.capture: it knows the reason, the answer does not
    resp.status = refused.code.status
    resp.media = refusal(refused.code)
    if refused.details:
        resp.media["details"] = dict(refused.details)
    for name, value in refused.headers.items():
        resp.set_header(name, value)


def _unavailable(
    _req: falcon.Request,
    resp: falcon.Response,
    failure: DatabaseUnavailable,
    _params: dict[str, Any],
) -> None:
    telemetry.warn(failure)
    resp.status = falcon.HTTP_503
    resp.media = refusal(ErrorCode.SERVICE_UNAVAILABLE)
    resp.set_header("Retry-After", str(_RETRY_AFTER_S))


def _http_error(
    _req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, _params: dict[str, Any]
) -> None:
    codes = {404: ErrorCode.NOT_FOUND, 405: ErrorCode.METHOD_NOT_ALLOWED}
    code = codes.get(error.status_code, ErrorCode.BAD_REQUEST)
    resp.status = error.status
    resp.media = refusal(code)
    for name, value in dict(error.headers or {}).items():
        resp.set_header(name, value)


def _crashed(
    _req: falcon.Request, resp: falcon.Response, failure: Exception, _params: dict[str, Any]
) -> None:
    telemetry.report(failure, component="web")
    resp.status = falcon.HTTP_500
    resp.media = refusal(ErrorCode.INTERNAL_ERROR)
