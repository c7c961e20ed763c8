"""The Graph API's own socket, with the faults that WhatsApp is told to have."""

from typing import cast

from app.sandbox.errors import MetaError, invalid
from app.sandbox.faults import NO_FAULT, Fault, Faults
from app.sandbox.files import FILE_BYTES
from app.sandbox.graph import FILES, MEDIA, Graph
from app.sandbox.loopback import Loopback, LoopbackCall
from app.sandbox.post import Post
from app.sandbox.request import Send

_BODY_BYTES = 256 * 1024
_GARBAGE = b"<html><body>Sorry, something went wrong.</body></html>"


class Listener(Loopback):
    """Serves the Graph API; `base_url` is what an instance uses for https://graph.facebook.com."""

    def __init__(self, graph: Graph, faults: Faults, post: Post, port: int) -> None:
        self.graph, self.faults, self.post = graph, faults, post
        super().__init__(_Call, port, "sandbox-graph")


class _Call(LoopbackCall):
    def do_POST(self) -> None:  # noqa: N802 (as http.server names it)
        try:
            if self.path.rstrip("/").endswith("/media"):
                self._take_file()
            else:
                self._serve(self._body())
        except MetaError as error:
            self._answer(error.status, error.body())

    def do_GET(self) -> None:  # noqa: N802 (as http.server names it)
        self.close_connection = True  # whatever body there is stays unread
        authorization = self.headers.get("Authorization")
        try:
            if self.path.startswith(FILES):
                self._give_file(authorization)
            elif MEDIA.fullmatch(self.path):
                graph = self._server.graph
                self._answer(200, graph.media(self.path, authorization, self._server.base_url))
            else:
                self._unsupported()
        except MetaError as error:
            self._answer(error.status, error.body())

    def _unsupported(self) -> None:
        self.close_connection = True
        self._answer(404, invalid("Unsupported request.").body())

    do_PUT = do_DELETE = do_PATCH = _unsupported  # noqa: N815

    def _take_file(self) -> None:
        raw = self.body(FILE_BYTES)
        if raw is None:
            raise invalid("The request needs a Content-Length of at most 20 MB.")
        said = self.headers.get("Authorization"), self.headers.get("Content-Type")
        self._answer(200, self._server.graph.upload(self.path, *said, raw))

    def _give_file(self, authorization: str | None) -> None:
        kept = self._server.graph.file(self.path, authorization)
        if kept is None:
            self._answer(404, b"{}")
            return
        self.send_response(200)
        self.send_header("Content-Type", kept.mime_type)
        self.send_header("Content-Length", str(len(kept.content)))
        self.end_headers()
        self.wfile.write(kept.content)

    def _body(self) -> bytes:
        body = self.body(_BODY_BYTES)
        if body is None:
            raise invalid("The request needs a Content-Length of at most 256 KB.")
        return body

    def _serve(self, raw: bytes) -> None:
        server = self._server
        number, asked = server.graph.judge(self.path, self.headers.get("Authorization"), raw)
        if not isinstance(asked, Send):
            self._answer(200, server.graph.mark_read(number, asked))
            return
        fault = server.faults.take(asked.customer)
        self.hold(fault.delay_ms / 1000)
        if fault.timeout == "before":
            self.hold(fault.seconds)
        if "before" in (fault.timeout, fault.reset):
            self.reset()
            return
        wamid, body = server.graph.take(number, asked, fault) if fault.takes else ("", b"")
        server.post.report(wamid)
        if fault.reset == "after":
            self.reset()
            return
        if fault.timeout == "after":
            self.hold(fault.seconds)
        self._settle(fault, body)

    def _settle(self, fault: Fault, body: bytes) -> None:
        if fault.garbage or (fault.error is None and fault.status is not None):
            self._answer(fault.status or 200, _GARBAGE, fault)
        elif fault.error is not None:
            error = MetaError(fault.error, "As the sandbox was told.")
            self._answer(fault.status or error.status, error.body(), fault)
        else:
            self._answer(200, body, fault)

    def _answer(self, status: int, body: bytes, fault: Fault = NO_FAULT) -> None:
        self.send_response(status)
        kind = "text/html" if body is _GARBAGE else "application/json"
        self.send_header("Content-Type", f"{kind}; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        if fault.retry_after is not None:
            self.send_header("Retry-After", str(fault.retry_after))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        pause_s = fault.seconds / len(body) if fault.slow_bytes else 0
        for piece in (body[at : at + 1] for at in range(len(body))) if pause_s else (body,):
            self.hold(pause_s)
            self.wfile.write(piece)
            self.wfile.flush()

    @property
    def _server(self) -> Listener:
        return cast("Listener", self.server)
