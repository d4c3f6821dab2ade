"""Gives and takes rights in Kafka by its own protocol (CreateAcls and DeleteAcls, version 1): no JVM for each."""
import collections
import re
import socket
import struct

Right = collections.namedtuple("Right", "operation resource name prefixed")
RESOURCES = {"Topic": 2, "Group": 3, "Cluster": 4, "TransactionalId": 5}
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Alter": 7, "Describe": 8, "DescribeConfigs": 10}
ALLOW, LITERAL, PREFIXED = 3, 3, 4
CREATE, DELETE = 30, 31


def parse(text):
    """What `waybill acls list WHO` says."""
    found = re.findall(r"^  (\w+) +(\w+) +([^ ]*?)(\*?) ", text, re.M)
    return [Right(operation, resource, name, bool(star)) for operation, resource, name, star in found]


def _string(text):
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def _entry(right, principal):
    return (struct.pack(">b", RESOURCES[right.resource]) + _string(right.name) + struct.pack(">b", PREFIXED if right.prefixed else LITERAL) +
            _string(principal) + _string("*") + struct.pack(">bb", OPERATIONS[right.operation], ALLOW))


def _ask(address, api, rights, principal):
    host, port = address.split(":")
    body = struct.pack(">hhi", api, 1, 7) + _string("tests") + struct.pack(">i", len(rights)) + b"".join(_entry(right, principal) for right in rights)
    with socket.create_connection((host, int(port)), timeout=20) as door:
        door.sendall(struct.pack(">i", len(body)) + body)
        stream = door.makefile("rb")
        answer = stream.read(struct.unpack(">i", stream.read(4))[0])
    at = 4 + 4  # correlation id, throttle time
    count = struct.unpack_from(">i", answer, at)[0]
    code = struct.unpack_from(">h", answer, at + 4)[0]
    if count != len(rights) or code:
        raise AssertionError(f"rights of {principal}: {count} answers, error {code}")


def allow(address, principal, rights):
    _ask(address, CREATE, rights, principal)


def take_back(address, principal, rights):
    _ask(address, DELETE, rights, principal)
