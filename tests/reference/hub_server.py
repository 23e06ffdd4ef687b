"""A small server that answers as the Hugging Face hub does, and can fail in the ways that networks do."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c0ffee" * 6 + "c0ff"
LARGE = 1000  # bytes from which on a file has a SHA-256, as those in Git LFS


class Hub(ThreadingHTTPServer):
    """Serves one repository, owner/model.

    Args:
        files: their contents by name.

    Attributes:
        asked: every file that was asked for, with the byte from which on.
        token: who has another one, or none, is refused as by a gated repository; None: it is open.
        stops_after: bytes after which a connection ends, in the middle of a file; for as many connections as `stops`.
        hangs: a connection does not end then, but waits, for ever.
        damages: flip a bit of everything that is sent.
        ignores_ranges: send files whole, whatever is asked for.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.files, self.asked = files, []
        self.token: str | None = None
        self.stops_after, self.stops, self.hangs = 0, 0, False
        self.damages = self.ignores_ranges = False
        self.held = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Hub]:
    """A running hub."""
    hub = Hub(files)
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.held.set()
        hub.shutdown()
        hub.server_close()


def entry(name: str, content: bytes) -> dict:
    """What the hub tells of a file."""
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    told = {"rfilename": name, "size": len(content), "blobId": blob}
    if len(content) >= LARGE:
        told["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
    return told


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if self.server.token and self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self._refuse(401 if "Authorization" not in self.headers else 403, "GatedRepo")
        elif path in ("/api/models/owner/model", "/api/models/owner/model/revision/v2"):
            siblings = [entry(name, content) for name, content in self.server.files.items()]
            self._send(json.dumps({"id": "owner/model", "sha": COMMIT, "siblings": siblings}).encode())
        elif path.startswith("/api/models/owner/model/revision/"):
            self._refuse(404, "RevisionNotFound")
        elif found := re.fullmatch(rf"/owner/model/resolve/{COMMIT}/(.+)", path):
            self._send_file(found[1])
        else:
            self._refuse(404, "RepoNotFound")

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _send_file(self, name: str) -> None:
        hub, content = self.server, self.server.files[name]
        wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted and not hub.ignores_ranges else 0
        hub.asked.append((name, start))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        body = content[start:]
        if hub.damages:
            body = bytes([body[0] ^ 1]) + body[1:]
        if hub.stops and len(body) > hub.stops_after:
            hub.stops -= 1
            self.wfile.write(body[: hub.stops_after])
            self.wfile.flush()
            if hub.hangs:
                hub.held.wait()
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""
