#!/usr/bin/env python3
"""Arrows point down only: reads the #include lines of common/ and services/ and names each one that points elsewhere.

usage: layering.py ROOT
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
PURE = {"calendar", "cloudevents", "ids", "json", "mime", "phone", "retry"}  # doors that rules may call; no I/O
LEAVES = PURE | {"base"}
MIDDLE = {"avro", "config", "log", "metrics", "tls"}
DOORS = {"http", "kafka", "redis", "smtp"}
# room: the rooms that it may include, besides its own. A new room needs a line here.
ARROWS = {
    "base": set(),
    **{room: {"base"} for room in PURE},
    "rules": {"base"},
    **{room: LEAVES | {"rules"} for room in MIDDLE},
    **{room: LEAVES | MIDDLE | {"rules"} for room in DOORS},
    "environment": LEAVES | MIDDLE | {"rules", "kafka", "redis"},
    "topics": LEAVES | MIDDLE | {"rules", "kafka"},
    "worker": LEAVES | MIDDLE | DOORS | {"rules", "topics", "environment"},
}
RULES_OF_A_SERVICE = {"base", "rules"} | PURE
PARTS = {"main.c": {"worker", "config"}, "settings.c": {"config"}}  # what these files of a service may include, too
# Foreign libraries stay behind their door.
FOREIGN = {
    "librdkafka/": {"kafka"}, "hiredis/": {"redis"}, "curl/": {"http", "smtp"}, "avro.h": {"avro"}, "jansson.h": {"json"},
    "microhttpd.h": {"metrics"}, "cyaml/": {"config"}, "yaml.h": {"config"}, "unicode/": {"calendar"}, "phonenumbers/": {"phone"},
}
TOOLS = {"waybill"}  # services/ folders that are tools, not services: they may use every room


def includes(path):
    """(line number, what, in quotes or not) of each include."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found.group(1) or found.group(2), found.group(1) is not None


def allowed(area, room, name):
    """The rooms that this file may include; None = the room is not in the table."""
    if area == "common":
        return ARROWS.get(room)
    if room in TOOLS:
        return set(ARROWS)
    return RULES_OF_A_SERVICE | PARTS.get(name, set()) | ({"config"} if name.endswith("_settings.h") else set())


def violations(root):
    found = []
    for area in ("common", "services"):
        for path in sorted((root / area).glob("*/**/*")):
            if path.suffix in (".c", ".h", ".cc", ".hpp"):
                found += check(root, area, path)
    return found


def check(root, area, path):
    room = path.relative_to(root / area).parts[0]
    may = allowed(area, room, path.name)
    place = path.relative_to(root)
    if may is None:
        return [f"{place}: the room '{room}' is not in the table of tests/layering/layering.py"]
    found = []
    for number, what, quoted in includes(path):
        target = what.split("/")[0]
        if quoted and "/" in what and target != room and target not in may:
            found.append(f"{place}:{number}: {room} may not include \"{what}\"")
        for prefix, doors in FOREIGN.items():
            if what.startswith(prefix) and not (area == "common" and room in doors):
                found.append(f"{place}:{number}: {what} belongs behind common/{' or '.join(sorted(doors))}")
    return found


def main():
    found = violations(pathlib.Path(sys.argv[1]))
    print("\n".join(found + [f"check layering: {'failed' if found else 'ok'}"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
