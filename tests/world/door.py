"""Listening doors of the world on loopback: threads per connection, and a way to shut a door for a while."""
import http.server
import json
import socketserver
import threading
import urllib.parse

BODY_BYTES_MAX = 1 << 20
IDLE_SECONDS_MAX = 300


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address, handler, door):
        self.door = door
        super().__init__(address, handler)

    def process_request(self, request, client_address):
        self.door.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.door.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        """A peer that goes away in the middle is everyday life, not an error of the world."""


class Door:
    """A server that can be shut (connections cut, new ones refused) and opened again on the same port."""

    def __init__(self, handler, port=0):
        self.connections = set()
        self._handler, self._lock = handler, threading.Lock()
        self._server = None
        self.port = port
        self.open()

    def open(self):
        with self._lock:
            if self._server:
                return
            self._server = _Server(("127.0.0.1", self.port), self._handler, self)
            self.port = self._server.server_address[1]
            threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def shut(self):
        with self._lock:
            if not self._server:
                return
            self._server.shutdown()
            self._server.server_close()
            for connection in list(self.connections):
                try:
                    connection.shutdown(2)
                except OSError:
                    pass
            self._server = None

    def shut_for(self, seconds):
        self.shut()
        threading.Timer(seconds, self.open).start()


DROP = object()  # an answer: cut the connection without a word


class Twice(tuple):
    """An answer (status, object) that is sent two times over the same connection."""


def http_handler(answer):
    """A keep-alive HTTP/1.1 handler; answer(method, path, query, headers, body) -> (status, object), Twice of it, or DROP."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = IDLE_SECONDS_MAX
        disable_nagle_algorithm = True

        def _serve(self):
            length = int(self.headers.get("Content-Length") or 0)
            if length > BODY_BYTES_MAX:
                return self._say(413, {"error": "too large"})
            body = self.rfile.read(length)
            url = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(url.query))
            reply = answer(self.command, urllib.parse.unquote(url.path), query, self.headers, body)
            if reply is DROP:
                self.close_connection = True
                return None
            if isinstance(reply, Twice):
                self._say(*reply)
            return self._say(*reply)

        do_GET = do_POST = do_DELETE = _serve

        def _say(self, status, content):
            data = json.dumps(content).encode()
            head = (f"HTTP/1.1 {status} {http.server.BaseHTTPRequestHandler.responses.get(status, ('',))[0]}\r\n"
                    f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n")
            self.wfile.write(head.encode() + data)

        def log_message(self, *_):
            """The ledgers say more."""

    return Handler
