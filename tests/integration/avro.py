"""A little Avro and Kafka from outside: enough to write records by hand, good and bad."""
import subprocess
import tempfile

MAGIC = b"\0"


def long(value):
    """Avro's zigzag varint."""
    value, out = (value << 1) ^ (value >> 63), b""
    while True:
        byte, value = value & 0x7F, value >> 7
        if not value:
            return out + bytes([byte])
        out += bytes([byte | 0x80])


def string(text):
    data = text.encode()
    return long(len(data)) + data


def framed(schema_id, payload):
    return MAGIC + schema_id.to_bytes(4, "big") + payload


def payment_captured(order_id, amount, currency, reference="", captured_at_ms=0):
    """schemas/payment.captured.avsc, id 102, field by field."""
    body = string(order_id) + long(amount) + string(currency) + long(1) + string(reference) + long(captured_at_ms)
    return framed(102, body)


def murmur2_partition(key, partitions):
    """The partition that Kafka's own default partitioner picks."""
    data, mask = key.encode(), 0xFFFFFFFF
    m, h = 0x5BD1E995, (0x9747B28C ^ len(data)) & 0xFFFFFFFF
    whole = len(data) // 4 * 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & mask
        k = (k ^ (k >> 24)) * m & mask
        h = (h * m & mask) ^ k
    tail = data[whole:]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    h ^= h >> 15
    return (h & 0x7FFFFFFF) % partitions


def produce(broker, topic, key, value, partition, headers=None):
    """One record, byte by byte, by kcat."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(value)
        file.flush()
        command = ["kcat", "-P", "-b", broker, "-t", topic, "-k", key, "-p", str(partition), "-X", "message.max.bytes=20000000"]
        for name, text in (headers or {}).items():
            command += ["-H", f"{name}={text}"]
        subprocess.run([*command, file.name], check=True, capture_output=True)
