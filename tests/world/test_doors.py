"""The stand-ins keep the contracts that the real suppliers, SMS providers and mail servers keep."""
import http.client
import json
import smtplib
import threading
import types
import unittest

from world.clock import Clock
from world.door import Door, http_handler
from world.ledger import Ledger
from world.mail import LOSE_REPLY, OK, REFUSE, MailServer
from world.sms import SmsProvider
from world.suppliers import SHIPPED, Conduct, Suppliers

CLOCK = Clock(0, 0, 1)
ORDER = {"reference_id": "demo:1/1", "lines": [{"line_id": "1", "supplier_sku": "LAMP-BRASS", "quantity": 2}]}


class SupplierTest(unittest.TestCase):
    def setUp(self):
        self.ledger, self.taken, self.cancelled, self.sold_out = Ledger(), [], [], []
        self.behave = Conduct()
        player = types.SimpleNamespace(conduct=lambda *_: self.behave, on_taken=self.taken.append, on_cancelled=self.cancelled.append,
                                       on_sold_out=lambda *pair: self.sold_out.append(pair))
        self.suppliers = Suppliers(CLOCK, self.ledger, player)
        self.door = Door(http_handler(self.suppliers.answer))
        self.addCleanup(self.door.shut)

    def call(self, method, path, body=None, key=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.door.port, timeout=10)
        self.addCleanup(connection.close)
        headers = {"Idempotency-Key": f'"{key}"'} if key else {}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())

    def order(self, key="k1", body=ORDER, supplier="artisans"):
        return self.call("POST", f"/{supplier}/orders", body, key)

    def outcomes(self):
        return [entry["outcome"] for entry in self.ledger.lines]

    def test_refuses_an_order_without_key(self):
        self.assertEqual(self.order(key=None)[0], 400)

    def test_refuses_an_unreadable_order(self):
        self.assertEqual(self.order(body={"lines": 5})[0], 400)

    def test_same_key_and_body_get_the_same_answer_and_one_order(self):
        first, second = self.order(), self.order()
        self.assertEqual(first[0], 201)
        self.assertEqual(first, second)
        self.assertEqual(len(self.taken), 1)
        self.assertEqual(self.outcomes(), ["taken", "repeated"])

    def test_same_key_with_another_body_is_refused(self):
        self.order()
        self.assertEqual(self.order(body={**ORDER, "notes": "x"})[0], 422)

    def test_same_key_in_progress_gets_409(self):
        self.behave = Conduct(wait_s=0.5)
        slow = threading.Thread(target=self.order)
        slow.start()
        while not self.suppliers._keys:
            pass
        self.assertEqual(self.order()[0], 409)
        slow.join()
        self.assertEqual(self.order()[0], 201)

    def test_taken_without_an_answer_is_not_taken_again(self):
        self.behave = Conduct(drop_answer=True)
        with self.assertRaises((http.client.RemoteDisconnected, ConnectionResetError)):
            self.order()
        self.behave = Conduct()
        self.assertEqual(self.order()[0], 201)
        self.assertEqual(len(self.taken), 1)

    def test_unavailable_takes_nothing(self):
        self.behave = Conduct(unavailable=True)
        self.assertEqual(self.order()[0], 503)
        self.behave = Conduct()
        self.assertEqual(self.order()[0], 201)

    def test_out_of_stock_names_the_sku(self):
        many = {**ORDER, "lines": [{"line_id": "1", "supplier_sku": "LAMP-BRASS", "quantity": 10**6}]}
        status, answer = self.order(body=many)
        self.assertEqual((status, answer["reasons"][0]["code"], answer["reasons"][0]["sku"]), (422, "out_of_stock", "LAMP-BRASS"))
        self.assertEqual(self.sold_out, [("artisans", "LAMP-BRASS")])

    def test_stock_goes_down_with_an_order(self):
        before = self.suppliers.stock["artisans", "LAMP-BRASS"]
        self.order()
        self.assertEqual(self.suppliers.stock["artisans", "LAMP-BRASS"], before - 2)

    def test_unknown_sku_is_refused(self):
        self.assertEqual(self.order(supplier="hillside")[1]["reasons"][0]["code"], "unknown_sku")

    def test_look_up_by_reference(self):
        self.assertEqual(self.call("GET", "/artisans/orders?reference_id=demo%3A1%2F1")[0], 404)
        self.order()
        self.assertEqual(self.call("GET", "/artisans/orders?reference_id=demo%3A1%2F1")[1]["state"], "ACCEPTED")

    def test_cancel_is_idempotent(self):
        self.order()
        for _ in range(2):
            self.assertEqual(self.call("POST", "/artisans/orders/demo%3A1%2F1/cancel", {}), (200, {"reference_id": "demo:1/1", "supplier_order_id": "ART-1000", "state": "CANCELLED"}))
        self.assertEqual(len(self.cancelled), 1)

    def test_cancel_after_shipping_is_refused(self):
        self.order()
        self.assertTrue(self.suppliers.move(self.taken[0], SHIPPED))
        self.assertEqual(self.call("POST", "/artisans/orders/demo%3A1%2F1/cancel", {})[0], 422)

    def test_cancel_of_an_unknown_order(self):
        self.assertEqual(self.call("POST", "/artisans/orders/demo%3A9%2F1/cancel", {})[0], 404)

    def test_a_cancelled_order_does_not_ship(self):
        self.order()
        self.call("POST", "/artisans/orders/demo%3A1%2F1/cancel", {})
        self.assertFalse(self.suppliers.move(self.taken[0], SHIPPED))

    def test_door_opens_again_after_an_outage(self):
        self.door.shut()
        with self.assertRaises(ConnectionError):
            self.order()
        self.door.open()
        self.assertEqual(self.order()[0], 201)

    def test_connection_is_kept_alive(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.door.port, timeout=10)
        self.addCleanup(connection.close)
        for _ in range(2):
            connection.request("GET", "/artisans/orders?reference_id=x")
            connection.getresponse().read()
            socket = connection.sock
        self.assertIs(connection.sock, socket)
        self.assertIsNotNone(socket)


class SmsTest(unittest.TestCase):
    def setUp(self):
        self.texts, self.ledger = [], Ledger()
        self.provider = SmsProvider(CLOCK, self.ledger, lambda *text: self.texts.append(text))

    def send(self, key, text="hello"):
        raw = json.dumps({"to": "+919812345678", "text": text}).encode()
        return self.provider.answer("POST", "/sms/messages", {}, {"Idempotency-Key": key} if key else {}, raw)

    def test_refuses_without_key(self):
        self.assertEqual(self.send("")[0], 400)

    def test_same_key_goes_out_once(self):
        first, second = self.send("k"), self.send("k")
        self.assertEqual((first[0], second[0]), (201, 200))
        self.assertEqual(first[1], second[1])
        self.assertEqual(len(self.texts), 1)

    def test_same_key_with_another_text_is_refused(self):
        self.send("k")
        self.assertEqual(self.send("k", "other")[0], 422)


class MailTest(unittest.TestCase):
    def setUp(self):
        self.read, self.ledger = [], Ledger()
        conduct = {"gone@mail.example": REFUSE, "mute@mail.example": LOSE_REPLY}
        self.server = MailServer(CLOCK, self.ledger, lambda address: conduct.get(address, OK), lambda *mail: self.read.append(mail))
        self.door = Door(self.server.handler())
        self.addCleanup(self.door.shut)

    def send(self, to, text="Guten Tag\r\n.with a dot\r\n"):
        with smtplib.SMTP("127.0.0.1", self.door.port, timeout=10) as client:
            client.sendmail("shop@waybill.example", [to], f"Message-ID: <m1@waybill.example>\r\nSubject: Hi\r\n\r\n{text}")

    def test_keeps_the_message_with_its_envelope(self):
        self.send("a@mail.example")
        entry = self.ledger.lines[0]
        self.assertEqual((entry["recipients"], entry["message_id"], entry["subject"], entry["outcome"]),
                         (["a@mail.example"], "<m1@waybill.example>", "Hi", "taken"))
        self.assertIn(".with a dot", entry["text"])
        self.assertNotIn("..with", entry["text"])

    def test_does_not_deduplicate(self):
        self.send("a@mail.example")
        self.send("a@mail.example")
        self.assertEqual(len(self.read), 2)

    def test_refuses_an_unknown_mailbox(self):
        with self.assertRaises(smtplib.SMTPRecipientsRefused):
            self.send("gone@mail.example")
        self.assertEqual(self.read, [])

    def test_takes_and_forgets_to_answer(self):
        with self.assertRaises(smtplib.SMTPServerDisconnected):
            self.send("mute@mail.example")
        self.assertEqual(self.ledger.lines[0]["outcome"], "taken, no answer")

    def test_commands_out_of_order_are_refused(self):
        with smtplib.SMTP("127.0.0.1", self.door.port, timeout=10) as client:
            self.assertEqual(client.docmd("DATA")[0], 503)

    def test_door_opens_again_after_an_outage(self):
        self.door.shut()
        with self.assertRaises(OSError):
            self.send("a@mail.example")
        self.door.open()
        self.send("a@mail.example")
        self.assertEqual(len(self.read), 1)


if __name__ == "__main__":
    unittest.main()
