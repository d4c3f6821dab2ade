"""The doors: pass, cut, hold, slow, lead elsewhere; for one process or for all."""
import os
import socket
import socketserver
import threading
import time
import unittest

from chaos.doors import CUT, HELD, OPEN, SLOW, SLOW_S, Doors
from world.stage import free_ports

WAIT_S = 10


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(self.server.name + line)


def echo(name):
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo)
    server.daemon_threads, server.name = True, name
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


class DoorsTest(unittest.TestCase):
    def setUp(self):
        self.servers = [echo(b"one "), echo(b"two ")]
        self.port = free_ports(1)[0]
        self.doors = Doors(lambda: [os.getpid()])
        self.doors.open("kafka", self.port, self.servers[0].server_address[1])

    def tearDown(self):
        self.doors.close()
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S)
        self.addCleanup(connection.close)
        return connection

    @staticmethod
    def say(connection, text=b"hello\n"):
        """What comes back; b"" if the connection was cut."""
        try:
            connection.sendall(text)
            return connection.recv(100)
        except ConnectionError:
            return b""

    def test_an_open_door_passes(self):
        self.assertEqual(self.say(self.connect()), b"one hello\n")

    def test_a_cut_ends_what_is_there_and_what_comes_until_it_is_over(self):
        connection = self.connect()
        self.say(connection)
        self.doors.set("kafka", CUT, os.getpid())
        self.assertEqual(self.say(connection), b"")
        self.assertEqual(self.say(self.connect()), b"")
        self.doors.set("kafka", OPEN, os.getpid())
        self.assertEqual(self.say(self.connect()), b"one hello\n")

    def test_another_process_is_not_cut(self):
        self.doors.set("kafka", CUT, os.getpid() + 1)
        self.doors.set("redis", CUT)
        self.assertEqual(self.say(self.connect()), b"one hello\n")

    def test_what_is_held_comes_when_the_door_opens(self):
        connection = self.connect()
        self.say(connection)
        self.doors.set("kafka", HELD)
        connection.sendall(b"wait\n")
        connection.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            connection.recv(100)
        self.doors.set("kafka", OPEN)
        connection.settimeout(WAIT_S)
        self.assertEqual(connection.recv(100), b"one wait\n")

    def test_a_slow_door_takes_its_time_in_both_directions(self):
        connection = self.connect()
        self.say(connection)
        self.doors.set("kafka", SLOW, os.getpid())
        began = time.monotonic()
        self.assertEqual(self.say(connection), b"one hello\n")
        self.assertGreaterEqual(time.monotonic() - began, 2 * SLOW_S)

    def test_a_door_that_moves_cuts_and_leads_elsewhere(self):
        connection = self.connect()
        self.say(connection)
        self.doors.move(self.port, self.servers[1].server_address[1])
        self.assertEqual(self.say(connection), b"")
        self.assertEqual(self.say(self.connect()), b"two hello\n")


if __name__ == "__main__":
    unittest.main()
