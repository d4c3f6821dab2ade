#!/usr/bin/env python3
"""The table of rights (common/topics/rights.c) says what the services do: their inputs and tables, and the topics of what they emit."""
import json
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def words(text, name):
    """The strings of the list after `name`."""
    found = re.search(name + r"\s*=\s*\{(.*?)\}", text, re.S)
    return set(re.findall(r'"([^"]+)"', found.group(1))) if found else set()


def of_table(service):
    text = (ROOT / "common/topics/rights.c").read_text()
    row = re.search(r'\{"' + service + r'",\s*"[^"]*",(.*?\})\}', text, re.S).group(1)
    return {name: words(row, r"\." + name) for name in ("reads", "tables", "writes")}


def of_code(service):
    events = json.loads((ROOT / "schemas/topics.json").read_text())["events"]
    topic_of = {name.replace(".", "_"): event.get("topic") for name, event in events.items()}
    folder = ROOT / "services" / service
    main = (folder / "main.c").read_text()
    emitted = set(re.findall(r"\bemit_(\w+)\(", "\n".join(path.read_text() for path in folder.rglob("*.c"))))
    return {"reads": words(main, r"inputs\[\]") - {f"{service}.operator"}, "tables": words(main, r"tables\[\]"),
            "writes": {topic_of[event] for event in emitted if topic_of.get(event)}}


class RightsTest(unittest.TestCase):
    def test_each_service_has_the_rights_that_its_code_needs_and_no_more(self):
        services = json.loads((ROOT / "schemas/topics.json").read_text())["services"]
        self.assertEqual(len(services), 6)
        for service in services:
            with self.subTest(service=service):
                self.assertEqual(of_table(service), of_code(service))

    def test_what_every_service_reads_beside_its_own_is_in_the_runtime(self):
        runtime = (ROOT / "common/worker/ports_real.c").read_text()
        tables = set(re.findall(r'real->tables\[real->table_count\+\+\] = named\(arena, cfg, "(\w+)"', runtime))
        rights = (ROOT / "common/topics/rights.c").read_text()
        common = rights[rights.index("static void of_service"):rights.index("int rights_of")]
        self.assertEqual({topic for topic in re.findall(r'"Read", "Topic", "(\w+)"', common)}, tables)


if __name__ == "__main__":
    unittest.main()
