"""How long the race lasts that remains for "never twice": from the last look to the first byte.

Sends to a server on loopback, by the worker's own way of making a request. Measured is the time
from the moment at which `before_bytes` has looked at the lease until the system has the request's
first bytes: what a worker that stands still must hit. Once with one thread, once with as many as a
worker has, all of them sending.

    python -m bench.lease_race [--sends 10000] [--threads 8] [--json]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from core import clock
from workers import wire

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

DEADLINE_S = 15.0
BODY = b'{"messaging_product": "whatsapp", "text": {"body": "Your parcel is on its way."}}'
_held = threading.local()


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def _serve(tell: Connection) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    server.daemon_threads = True
    tell.send(server.server_address[1])
    server.serve_forever()


def _looked() -> None:
    _held.looked_ns = time.perf_counter_ns()


def _sendall(sock: socket.socket, data: Any, flags: int = 0) -> None:
    super(socket.socket, sock).sendall(data, flags)
    if _held.looked_ns is not None:
        _held.waits.append(time.perf_counter_ns() - _held.looked_ns)
        _held.looked_ns = None


def _send(url: str, times: int) -> list[int]:
    _held.waits, _held.looked_ns = [], None
    headers = {"Content-Type": "application/json"}
    for _ in range(times):
        wire.post(url, headers, BODY, clock.monotonic() + DEADLINE_S, _looked)
    waits: list[int] = _held.waits
    return waits


def measure(url: str, sends: int, threads: int) -> dict[str, Any]:
    """Percentiles in microseconds of so many sends by so many threads."""
    with ThreadPoolExecutor(threads) as pool:
        parts = pool.map(_send, [url] * threads, [sends // threads] * threads)
        ordered = sorted(wait / 1000 for part in parts for wait in part)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)

    return {
        "threads": threads,
        "sends": len(ordered),
        "p50_us": at(0.5),
        "p99_us": at(0.99),
        "max_us": at(1),
        "load": [round(each, 1) for each in os.getloadavg()],
    }


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.lease_race")
    parser.add_argument("--sends", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    mine, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_serve, args=(theirs,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{mine.recv()}/messages"
    socket.socket.sendall = _sendall  # type: ignore[method-assign]
    try:
        rows = [measure(url, options.sends, threads) for threads in (1, options.threads)]
    finally:
        server.kill()
        server.join()
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'threads':>8}{'sends':>8}{'p50 µs':>9}{'p99 µs':>9}{'max µs':>9}  load")
    for row in rows:
        cells = f"{row['threads']:>8}{row['sends']:>8}{row['p50_us']:>9}{row['p99_us']:>9}"
        print(f"{cells}{row['max_us']:>9}  {row['load']}")


if __name__ == "__main__":
    main()
