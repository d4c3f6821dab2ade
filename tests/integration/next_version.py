"""A next version of intake and stock_check, for test_upgrade.py: today's sources with changed schemas, built beside today's.

What it has that today's has not, each as schemas/README.md asks for it: a field in an event and in two states, a symbol in an enum,
a type of event, an input topic of intake. Every record that is another one by this takes a new id.
"""
import json
import os
import re
import subprocess
import sys

from world.stage import ROOT

sys.path.insert(0, str(ROOT / "schemas"))
import avsc2c  # noqa: E402

SERVICES = ("intake", "stock_check")
SOURCES = ROOT / "build" / "next" / "source"
BUILD = ROOT / "build" / "next" / "build"
BORN_NEW, DEFAULT = 0, 7  # of the states' new field: what new rules write (they leave it 0), and what who misses it reads
NEW_EVENT, NEW_INPUT = "order.audited", "feedback"
FIRST_ID = 9001


def write(path, text):
    """Leaves a file alone that is as it should be, so that nothing is built again for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_symlink():
        path.symlink_to(target)


def with_field(schema, name, kind, default):
    return schema | {"fields": schema["fields"] + [{"name": name, "type": kind, "default": default}]}


def changed(files):
    """{file name: schema} of what is other than today's, still with today's ids."""
    new = {f"{state}.avsc": with_field(files[f"{state}.avsc"], "since_next", "long", DEFAULT) for state in ("intake_order", "stock_order")}
    new["order.accepted.avsc"] = with_field(files["order.accepted.avsc"], "accepted_by", "string", "unknown")
    phase = files["intake_phase.avsc"]
    new["intake_phase.avsc"] = phase | {"symbols": phase["symbols"] + ["AUDITED"]}
    new[f"{NEW_EVENT}.avsc"] = {"type": "record", "name": NEW_EVENT.replace(".", "_"), "namespace": "waybill",
                                "doc": "Somebody looked at the order.",
                                "fields": [{"name": "order_id", "type": "string"}]}
    return new


def number_anew(today, folder):
    """Gives every record of the folder that today's vocabulary has otherwise, or not at all, an id of its own; {name: id}."""
    there, ids = avsc2c.Vocabulary(folder), {}
    before = {record.name: avsc2c.whole_schema(today, record) for record in today.standing_alone()}
    topics = json.loads((folder / "topics.json").read_text(encoding="utf-8"))
    for record in sorted(there.standing_alone(), key=lambda record: record.name):
        if before.get(record.name) == avsc2c.whole_schema(there, record):
            continue
        ids[record.name] = FIRST_ID + len(ids)
        path = folder / record.file
        if record.role == "state":
            schema = json.loads(path.read_text(encoding="utf-8"))
            schema["waybill.state"]["id"] = ids[record.name]
            path.write_text(json.dumps(schema, indent=2), encoding="utf-8")
        else:
            group = "events" if record.role == "event" else "runtime"
            topics[group][record.name]["id"] = ids[record.name]
    (folder / "topics.json").write_text(json.dumps(topics, indent=2), encoding="utf-8")
    return ids


def make_schemas(scratch):
    """The next vocabulary into the sources; {record name: its new id}."""
    today = avsc2c.Vocabulary(ROOT / "schemas")
    scratch.mkdir(parents=True)
    files = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "schemas").glob("*.avsc")}
    topics = json.loads((ROOT / "schemas" / "topics.json").read_text(encoding="utf-8"))
    topics["events"][NEW_EVENT] = {"id": FIRST_ID - 1, "topic": "orders"}
    for name, schema in {**files, **changed(files), "topics.json": topics}.items():
        (scratch / name).write_text(json.dumps(schema, indent=2), encoding="utf-8")
    ids = number_anew(today, scratch)
    for path in scratch.iterdir():
        write(SOURCES / "schemas" / path.name, path.read_text(encoding="utf-8"))
    return ids


def make_sources():
    link(SOURCES / "CMakeLists.txt", ROOT / "CMakeLists.txt")
    link(SOURCES / "common", ROOT / "common")
    for name in ("avsc2c.py", "CMakeLists.txt"):
        link(SOURCES / "schemas" / name, ROOT / "schemas" / name)
    for service in SERVICES:
        for path in (ROOT / "services" / service).iterdir():
            if path.name != "main.c" or service != "intake":
                link(SOURCES / "services" / service / path.name, path)
    text = (ROOT / "services" / "intake" / "main.c").read_text(encoding="utf-8")
    text, found = re.subn(r'(\binputs\[\] = \{[^}]*), ("intake\.operator", NULL\})', rf'\1, "{NEW_INPUT}", \2', text)
    assert found == 1, "intake's main.c has another table of inputs than next_version.py looks for"
    write(SOURCES / "services" / "intake" / "main.c", text)


def build(scratch):
    """Builds it, or what has changed of it; {record name: new id}."""
    ids = make_schemas(scratch)
    make_sources()
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["cmake", "-S", str(SOURCES), "-B", str(BUILD), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                        "-DCMAKE_C_COMPILER=gcc", "-DCMAKE_CXX_COMPILER=g++", "-DCMAKE_C_COMPILER_LAUNCHER=ccache", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"],
                       check=True, capture_output=True)
    done = subprocess.run(["ninja", "-C", str(BUILD), "-j", os.environ.get("JOBS", str(os.cpu_count())), *SERVICES], capture_output=True,
                          text=True)
    if done.returncode:
        raise AssertionError(f"the next version does not build:\n{done.stdout[-4000:]}")
    return ids
