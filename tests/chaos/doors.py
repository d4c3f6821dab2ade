"""Doors: a TCP proxy on one thread. What passes can be cut, held or slowed for one process, and a door's target can move.

Own code instead of toxiproxy, because the tests must run with what apt and Maven give; instead of network namespaces, because
it needs no rights and cuts one worker's way to Kafka or Redis and nobody else's. A worker is known by its pid: the kernel
says (in /proc) whose socket is at the other end of a connection.
"""
import asyncio
import contextlib
import os
import threading

CHUNK_BYTES = 65536
OPEN, CUT, HELD, SLOW = "open", "cut", "held", "slow"
SLOW_S = 0.15  # per chunk and direction


class Doors:
    def __init__(self, pids):
        """pids() = the processes that may stand before a door."""
        self._pids, self._moods, self._connections, self._targets = pids, {}, set(), {}
        self._loop = asyncio.new_event_loop()
        self._servers = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="doors", daemon=True)
        self._thread.start()

    def open(self, name, port, target):
        """A door called name (many may share one) from 127.0.0.1:port to 127.0.0.1:target."""
        self._targets[port] = target
        self._servers.append(self._call(self._serve(name, port)))

    def move(self, port, target):
        """From now on the door leads elsewhere; who stands in it is cut."""
        async def go():
            self._targets[port] = target
            self._cut(lambda connection: connection.port == port)
        self._call(go())

    def set(self, name, mood, pid=None):
        """How the doors of this name treat a process, or everybody (None)."""
        async def go():
            self._moods[name, pid] = mood
            if mood == CUT:
                self._cut(lambda connection: connection.name == name and pid in (None, connection.pid))
            for connection in self._connections:
                connection.wake.set()
        self._call(go())

    def close(self):
        async def go():
            for server in self._servers:
                server.close()
            self._cut(lambda _: True)
            for _ in range(3):
                await asyncio.sleep(0)  # so that what was cut is closed
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        self._call(go())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def _cut(self, chosen):
        for connection in [c for c in self._connections if chosen(c)]:
            connection.cut()

    def _mood(self, connection):
        general = self._moods.get((connection.name, None), OPEN)
        return general if general != OPEN else self._moods.get((connection.name, connection.pid), OPEN)

    async def _serve(self, name, port):
        async def came(reader, writer):
            with contextlib.suppress(asyncio.CancelledError):  # close() cancels what is still there
                await self._pass(name, port, reader, writer)
        return await asyncio.start_server(came, "127.0.0.1", port, backlog=256)

    async def _pass(self, name, port, reader, writer):
        connection = _Connection(name, port, writer, process_at(writer.get_extra_info("peername")[1], self._pids()))
        if self._mood(connection) == CUT:
            connection.cut()
            return
        try:
            there, to_there = await asyncio.open_connection("127.0.0.1", self._targets[port])
        except OSError:
            connection.cut()
            return
        connection.writers.append(to_there)
        self._connections.add(connection)
        try:
            await asyncio.gather(self._pump(connection, reader, to_there), self._pump(connection, there, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._connections.discard(connection)
            connection.cut()

    async def _pump(self, connection, reader, writer):
        while data := await reader.read(CHUNK_BYTES):
            while self._mood(connection) == HELD and not connection.gone:
                connection.wake.clear()
                await connection.wake.wait()
            if self._mood(connection) == SLOW:
                await asyncio.sleep(SLOW_S)
            writer.write(data)
            await writer.drain()
        connection.cut()


class _Connection:
    def __init__(self, name, port, writer, pid):
        self.name, self.port, self.pid, self.writers = name, port, pid, [writer]
        self.wake, self.gone = asyncio.Event(), False

    def cut(self):
        self.gone = True
        self.wake.set()
        for writer in self.writers:
            writer.transport.abort()


def process_at(port, pids):
    """Which of these processes has the loopback socket with this local port; None if none."""
    inode = _inode_of(port)
    if inode is None:
        return None
    wanted = f"socket:[{inode}]"
    for pid in pids:
        try:
            for entry in os.scandir(f"/proc/{pid}/fd"):
                if os.readlink(entry.path) == wanted:
                    return pid
        except OSError:
            continue
    return None


def _inode_of(port):
    local = f"0100007F:{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        for line in table:
            fields = line.split()
            if fields[1] == local and fields[3] == "01":
                return fields[9]
    return None
