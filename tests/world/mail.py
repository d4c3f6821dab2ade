"""A small SMTP server: keeps every message it took with its envelope, refuses or forgets to answer where told."""
import email
import email.policy
import socketserver
import time

LINE_BYTES_MAX = 4096
MESSAGE_BYTES_MAX = 1 << 20
OK, REFUSE, LOSE_REPLY, BUSY, SLOW = "ok", "refuse", "lose reply", "busy", "slow"
SLOW_S = 2.0


class MailServer:
    """conduct(recipient) -> OK, REFUSE (550), BUSY (451), SLOW or LOSE_REPLY (stored, then cut); on_mail(to, subject, text) tells the customers."""

    def __init__(self, clock, ledger, conduct, on_mail):
        self.clock, self.ledger, self.conduct, self._on_mail = clock, ledger, conduct, on_mail

    def handler(self):
        server = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True
            timeout = 300

            def handle(self):
                _Session(server, self.rfile, self.wfile).run()

        return Handler

    def take(self, sender, recipients, data, outcome):
        message = email.message_from_bytes(data, policy=email.policy.default)
        body = message.get_body(("plain", "html"))
        text = body.get_content() if body else ""
        self.ledger.add(at_ms=self.clock.now_ms(), sender=sender, recipients=recipients, outcome=outcome,
                        message_id=str(message["Message-ID"] or ""), subject=str(message["Subject"] or ""),
                        headers={name: str(value) for name, value in message.items()}, text=text)
        for recipient in recipients:
            self._on_mail(recipient, str(message["Subject"] or ""), text)


class _Session:
    """One connection: RFC 5321 as far as a client that behaves needs it."""

    def __init__(self, server, rfile, wfile):
        self.server, self.rfile, self.wfile = server, rfile, wfile
        self.sender, self.recipients = None, []
        self.greeted = False

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def run(self):
        self.say("220 world.example ESMTP")
        while True:
            line = self.rfile.readline(LINE_BYTES_MAX)
            if not line:
                return
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            if verb.upper() == "QUIT":
                self.say("221 bye")
                return
            if self.obey(verb.upper(), rest) is False:
                return

    def obey(self, verb, rest):
        if verb in ("EHLO", "HELO"):
            self.greeted = True
            self.say("250-world.example\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 1048576" if verb == "EHLO" else "250 world.example")
        elif verb == "MAIL" and self.greeted:
            self.sender, self.recipients = _address(rest), []
            self.say("250 ok")
        elif verb == "RCPT" and self.sender is not None:
            self.recipient(_address(rest))
        elif verb == "DATA" and self.recipients:
            return self.data()
        elif verb in ("RSET", "NOOP"):
            if verb == "RSET":
                self.sender, self.recipients = None, []
            self.say("250 ok")
        else:
            self.say("503 bad sequence of commands")
        return True

    def recipient(self, address):
        conduct = self.server.conduct(address)
        if conduct == BUSY:
            self.say("451 4.3.2 try again later")
            return
        if conduct == SLOW:
            time.sleep(SLOW_S)
        if conduct == REFUSE:
            self.server.ledger.add(at_ms=self.server.clock.now_ms(), sender=self.sender, recipients=[address],
                                   outcome="refused", message_id="", subject="", headers={}, text="")
            self.say("550 5.1.1 no such mailbox")
            return
        self.recipients.append(address)
        self.say("250 ok")

    def data(self):
        self.say("354 go on, end with a dot")
        data = bytearray()
        while True:
            line = self.rfile.readline(MESSAGE_BYTES_MAX)
            if not line:
                return False  # cut before the dot: nothing was taken
            if line in (b".\r\n", b".\n"):
                break
            data += line[1:] if line.startswith(b".") else line
            if len(data) > MESSAGE_BYTES_MAX:
                self.say("552 too large")
                return False
        lose = any(self.server.conduct(address) == LOSE_REPLY for address in self.recipients)
        self.server.take(self.sender, self.recipients, bytes(data), "taken, no answer" if lose else "taken")
        self.sender, self.recipients = None, []
        if lose:
            return False
        self.say("250 2.0.0 taken")
        return True


def _address(rest):
    """`FROM:<a@b> SIZE=10` -> a@b"""
    return rest.partition("<")[2].partition(">")[0]
