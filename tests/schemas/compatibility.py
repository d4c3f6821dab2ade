#!/usr/bin/env python3
"""Holds the schemas to what was released: tests/golden/schemas has every released version, whole, as
<record>.<schema id>.avsc.

    compatibility.py             checks schemas/*.avsc against all of them
    compatibility.py --release   keeps the schemas of today as released, if they pass

Events: who has the new schema reads what was written with every old one. States: also the other way round,
so that an old worker and a new one may take turns at a task; a higher major ends that on purpose.
A released schema never changes under its id; only words ("doc") may.
"""
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RELEASED = ROOT / "tests" / "golden" / "schemas"
sys.path.insert(0, str(ROOT / "schemas"))
sys.dont_write_bytecode = True
import avsc2c  # noqa: E402

PROMOTIONS = {"int": {"long", "float", "double"}, "long": {"float", "double"}, "float": {"double"},
              "string": {"bytes"}, "bytes": {"string"}}


def kind_of(schema):
    """A schema's type word: "union", "record", "long"."""
    if isinstance(schema, list):
        return "union"
    return schema["type"] if isinstance(schema, dict) else schema


def resolved(schema):
    """The schema with every use of a named type replaced by the type itself; ours hold none in itself."""
    named = {}

    def expand(part):
        if isinstance(part, list):
            return [expand(branch) for branch in part]
        if isinstance(part, str):
            return named.get(part.rpartition(".")[2], part)
        part = dict(part)
        if part["type"] == "record":
            part["fields"] = [f | {"type": expand(f["type"])} for f in part["fields"]]
        elif part["type"] == "array":
            part["items"] = expand(part["items"])
        if "name" in part:
            named[part["name"]] = part
        return part

    return expand(schema)


def cannot_read(reader, writer, path=""):
    """Why who has `reader` cannot read everything that was written with `writer`; None if he can."""
    here = path or "the record"
    if kind_of(writer) == "union":
        return next(filter(None, (cannot_read(reader, branch, path) for branch in writer)), None)
    if kind_of(reader) == "union":
        reasons = [cannot_read(branch, writer, path) for branch in reader]
        return None if None in reasons else f"{here}: {kind_of(writer)} has no place in the union"
    kind, wrote = kind_of(reader), kind_of(writer)
    if kind != wrote:
        return None if kind in PROMOTIONS.get(wrote, ()) else f"{here}: {wrote} became {kind}"
    if kind in ("record", "enum") and reader["name"] != writer["name"]:
        return f"{here}: {writer['name']} became {reader['name']}"
    if kind == "array":
        return cannot_read(reader["items"], writer["items"], path + "[]")
    if kind == "enum" and "default" not in reader:
        gone = [s for s in writer["symbols"] if s not in reader["symbols"]]
        return f"{here}: {', '.join(gone)} unknown, and the enum has no default" if gone else None
    if kind == "record":
        theirs = {f["name"]: f for f in writer["fields"]}
        for field in reader["fields"]:
            where = f"{path}.{field['name']}".lstrip(".")
            if field["name"] in theirs:
                reason = cannot_read(field["type"], theirs[field["name"]]["type"], where)
            else:
                reason = None if "default" in field else f"{where}: is not in the other and has no default"
            if reason:
                return reason
    return None


def without_words(schema):
    """What counts under an id: all but "doc"."""
    if isinstance(schema, list):
        return [without_words(part) for part in schema]
    if isinstance(schema, dict):
        return {name: without_words(part) for name, part in schema.items() if name != "doc"}
    return schema


def major_of(schema):
    return schema.get("waybill.state", {}).get("major", 0)


def complaints(name, schema_id, today, released):
    """What is wrong with one record; `released` maps ids to its released schemas."""
    same = released.get(schema_id)
    if same is not None and without_words(same) != without_words(today):
        yield f"{name}: has changed under its id {schema_id}: give it a new id (schemas/README.md)"
    for old_id, old in sorted(released.items()):
        reason = cannot_read(resolved(today), resolved(old))
        if reason and major_of(today) <= major_of(old):
            yield f"{name}: cannot read what was written with id {old_id}: {reason}"
        reason = cannot_read(resolved(old), resolved(today))
        if reason and major_of(today) and major_of(today) <= major_of(old):
            yield f"{name}: a worker with id {old_id} cannot read this state: {reason}; or raise its major"


def released_versions(folder):
    versions = {}
    for path in sorted(folder.glob("*.avsc")):
        name, schema_id = path.name.removesuffix(".avsc").rsplit(".", 1)
        versions.setdefault(name, {})[int(schema_id)] = json.loads(path.read_text(encoding="utf-8"))
    return versions


def check(vocabulary, versions):
    today = {record.name: record for record in vocabulary.standing_alone()}
    problems = [f"{name}: was released and is gone" for name in versions if name not in today]
    taken = {schema_id: name for name, ids in versions.items() for schema_id in ids}
    for name, record in today.items():
        if taken.get(record.schema_id, name) != name:
            problems.append(f"{name}: its id {record.schema_id} was released for {taken[record.schema_id]}")
        schema = json.loads(avsc2c.whole_schema(vocabulary, record))
        problems += complaints(name, record.schema_id, schema, versions.get(name, {}))
    return problems


def release(vocabulary, folder):
    folder.mkdir(exist_ok=True)
    for record in vocabulary.standing_alone():
        schema = json.loads(avsc2c.whole_schema(vocabulary, record))
        text = json.dumps(schema, indent=1, ensure_ascii=False)
        (folder / f"{record.name}.{record.schema_id}.avsc").write_text(text + "\n", encoding="utf-8")


def main():
    if sys.argv[1:] not in ([], ["--release"]):
        sys.exit(__doc__)
    try:
        vocabulary = avsc2c.Vocabulary(ROOT / "schemas")
    except avsc2c.SchemaError as e:
        sys.exit(f"check schemas: failed: {e}")
    versions = released_versions(RELEASED)
    print(f"{sum(map(len, versions.values()))} released versions of {len(versions)} records")
    problems = check(vocabulary, versions)
    for problem in problems:
        print(problem)
    if not problems and sys.argv[1:]:
        release(vocabulary, RELEASED)
    print(f"check schemas: {'failed' if problems else 'ok'}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
