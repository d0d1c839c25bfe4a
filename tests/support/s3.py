"""A small S3: enough of its REST API over HTTP for one client, which is the real boto3 in the tests."""

from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.support.standin import InThread

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


class Bucket(InThread, ThreadingHTTPServer):
    """`objects` by key; `seen` the requests; while `broken`, everything is refused."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects: dict[str, bytes] = {}
        self.seen: list[str] = []
        self.headers_seen: list[dict[str, str]] = []
        self.broken = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Bucket
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _handle(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append(f"{self.command} {self.path}")
        self.server.headers_seen.append(dict(self.headers))
        parts = urlsplit(self.path)
        _bucket, _slash, key = unquote(parts.path).lstrip("/").partition("/")
        objects = self.server.objects
        if self.server.broken or not self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256"):
            self._answer(503 if self.server.broken else 403)
        elif not key:
            self._list(parse_qs(parts.query))
        elif self.command == "PUT":
            objects[key] = content
            self._answer(200, ETag='"x"')
        elif self.command == "DELETE":
            objects.pop(key, None)
            self._answer(204)
        elif key not in objects:
            self._answer(404)
        else:
            self._answer(200, objects[key], Last_Modified=format_datetime(LONG_AGO, usegmt=True), ETag='"x"')

    def _list(self, query: dict[str, list[str]]) -> None:
        prefix = query.get("prefix", [""])[0]
        rest = [key.removeprefix(prefix) for key in sorted(self.server.objects) if key.startswith(prefix)]
        folders = sorted({one.split("/")[0] + "/" for one in rest if "/" in one})
        found = "".join(f"<CommonPrefixes><Prefix>{escape(prefix + one)}</Prefix></CommonPrefixes>" for one in folders)
        found += "".join(f"<Contents><Key>{escape(prefix + one)}</Key></Contents>" for one in rest if "/" not in one)
        xml = f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>"
        self._answer(200, xml.encode(), Content_Type="application/xml")

    do_GET = do_HEAD = do_PUT = do_DELETE = _handle
