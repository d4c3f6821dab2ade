#!/usr/bin/env python3
"""Makes <event>.json beside this file: per event and runtime record its schema and some records, as JSON
of ours and as the bytes that fastavro (1.13.1, an independent implementation) writes for them.

    python3 -m venv v && v/bin/pip install fastavro && v/bin/python make.py [EVENT ...]

The test needs only the files. Files of earlier schemas stay good: they show that what was written then is
still read. So make only those of a new event, or of one that nobody has written yet.
"""
import base64
import datetime
import io
import json
import random
import sys
from pathlib import Path

import fastavro

HERE = Path(__file__).parent
SCHEMAS = HERE.parents[2] / "schemas"
sys.path.insert(0, str(SCHEMAS))
import avsc2c  # noqa: E402

WORDS = ["", "a", "SKU-1", "Jos\u00e9", "\u6771\u4eac\u90fd", "\U0001f4e6", 'say "hi"\\\n', "x" * 70]


def sample(chance, schema, named, sparse):
    """A random value of that schema: what fastavro takes, and the same as JSON of ours."""
    if isinstance(schema, list):
        return (None, None) if sparse else sample(chance, schema[1], named, sparse)
    if isinstance(schema, str) and schema in named:
        schema = named[schema]
    if isinstance(schema, dict) and "name" in schema:
        named[f"waybill.{schema['name']}"] = schema
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "record":
        pairs = {f["name"]: sample(chance, f["type"], named, sparse) for f in schema["fields"]}
        return {n: v for n, (v, _) in pairs.items()}, {n: j for n, (_, j) in pairs.items()}
    if kind == "array":
        pairs = [sample(chance, schema["items"], named, False) for _ in range(0 if sparse else chance.randint(1, 3))]
        return [v for v, _ in pairs], [j for _, j in pairs]
    if kind == "enum":
        value = chance.choice(schema["symbols"])
    elif kind == "bytes":
        value = chance.choice([b"", b"plain", "\u00fc".encode(), bytes(range(250, 256)), b"\xff\x00"])
        try:
            return value, {"text": value.decode()}
        except UnicodeDecodeError:
            return value, {"base64": base64.b64encode(value).decode()}
    elif kind == "boolean":
        value = chance.random() < 0.5
    elif kind == "double":
        value = chance.choice([0.1, -2.5, 19.99, 1 / 3])
    elif isinstance(schema, dict) and schema.get("logicalType") == "date":
        value = chance.choice([0, -1, 19500, 20781])
        return value, (datetime.date(1970, 1, 1) + datetime.timedelta(value)).isoformat()
    elif isinstance(schema, dict) and schema.get("logicalType") == "timestamp-millis":
        value = chance.choice([0, -1, 1709164800000, 1795419082123])  # one on a leap day
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=value)
        return value, moment.isoformat(timespec="milliseconds") + "Z"
    elif kind in ("int", "long"):
        bits = 31 if kind == "int" else 63
        value = chance.choice([0, 1, -1, 63, 64, -65, 300, 2**bits - 1, -2**bits])
    else:
        value = chance.choice(WORDS)
    return value, value


def main():
    vocabulary = avsc2c.Vocabulary(SCHEMAS)
    for record in vocabulary.standing_alone():
        if record.role == "state" or (sys.argv[1:] and record.name not in sys.argv[1:]):
            continue
        text = avsc2c.whole_schema(vocabulary, record)
        parsed = fastavro.parse_schema(json.loads(text))
        chance = random.Random(record.name)
        records = []
        for sparse in (True, False, False):
            value, ours = sample(chance, json.loads(text), {}, sparse)
            out = io.BytesIO()
            fastavro.schemaless_writer(out, parsed, value)
            records.append({"json": json.dumps(ours, ensure_ascii=False, separators=(",", ":")),
                            "hex": out.getvalue().hex()})
        golden = {"schema": text, "records": records}
        (HERE / f"{record.name}.json").write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
