"""An SMS provider over HTTP that honours Idempotency-Key, as the better ones do."""
import hashlib
import json
import threading


class SmsProvider:
    """on_text(to, text, body) tells the customers of each text that really goes out, once."""

    def __init__(self, clock, ledger, on_text):
        self.clock, self.ledger, self._on_text = clock, ledger, on_text
        self._keys = {}
        self._lock = threading.Lock()

    def answer(self, method, path, _query, headers, raw):
        if method != "POST" or path.strip("/") != "sms/messages":
            return 404, {"error": "no such door"}
        key = headers.get("Idempotency-Key", "").strip('"')
        try:
            body = json.loads(raw)
            to, text = body["to"], body["text"]
        except (ValueError, KeyError, TypeError):
            self._note(key, None, None, 400, "unreadable")
            return 400, {"error": "unreadable"}
        if not key:
            self._note(key, to, text, 400, "no key")
            return 400, {"error": "Idempotency-Key is missing"}
        digest = hashlib.sha256(raw).hexdigest()
        with self._lock:
            known = self._keys.get(key)
            if known and known[0] != digest:
                self._note(key, to, text, 422, "key reused with another body")
                return 422, {"error": "key reused with another body"}
            if known:
                self._note(key, to, text, 200, "repeated")
                return 200, known[1]
            reply = {"id": f"SM{len(self._keys) + 1:06d}", "status": "queued"}
            self._keys[key] = (digest, reply)
            self._note(key, to, text, 201, "sent")
        self._on_text(to, text, body)
        return 201, reply

    def _note(self, key, to, text, status, outcome):
        self.ledger.add(at_ms=self.clock.now_ms(), key=key, to=to, text=text, status=status, outcome=outcome)
