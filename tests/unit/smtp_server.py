"""A real SMTP server for test_smtp.c: STARTTLS and AUTH required; prints "ready", then one line per mail.

Arguments: certificate, key, port. Ends when its standard input does."""
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


class Handler:
    async def handle_DATA(self, server, session, envelope):
        print("mail", envelope.mail_from, *envelope.rcpt_tos, len(envelope.content), flush=True)
        return "250 stored"


def authenticate(server, session, envelope, mechanism, data):
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"shop", b"s3cret")
    return AuthResult(success=known, handled=False)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
controller = Controller(Handler(), hostname="127.0.0.1", port=int(sys.argv[3]), tls_context=context, require_starttls=True,
                        authenticator=authenticate, auth_required=True)
controller.start()
print("ready", flush=True)
sys.stdin.read()
