"""Who may use the sandbox: programs and pages on this machine, and no page from elsewhere."""

import re
from typing import Any

import falcon

_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?")
_OWN_SITE = ("same-origin", "none")
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _CSP,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers post our form as Origin: null
    "X-Content-Type-Options": "nosniff",
}


class Refused(Exception):
    """A request that the sandbox's own API does not serve, in the gateway's JSON shape."""

    def __init__(self, status: int, code: str, words: str, details: Any = None) -> None:
        super().__init__(code)
        self.status = status
        self.media = {"success": False, "error": code, "message": words}
        if details is not None:
            self.media["details"] = details


def answer_refusal(
    _req: falcon.Request, resp: falcon.Response, refused: Refused, _params: dict[str, Any]
) -> None:
    """The app's error handler for Refused."""
    resp.status = refused.status
    resp.media = refused.media


def loopback_only(
    req: falcon.Request, resp: falcon.Response, _resource: object, _params: dict[str, Any]
) -> None:
    """A hook before every responder; raises Refused.

    A loopback Host keeps out names that an attacker rebinds to 127.0.0.1; Origin and
    Sec-Fetch-Site keep out other sites' pages. A program sends neither, and is let in.
    """
    resp.set_headers(_HEADERS)
    host = req.get_header("Host", default="").lower()
    if not _LOOPBACK.fullmatch(host):
        raise Refused(403, "forbidden", "The sandbox answers only to a loopback Host.")
    origin = req.get_header("Origin")
    if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
        raise Refused(403, "forbidden", "The sandbox does not serve other sites.")
    if req.get_header("Sec-Fetch-Site", default="none") not in _OWN_SITE:
        raise Refused(403, "forbidden", "The sandbox does not serve other sites.")
