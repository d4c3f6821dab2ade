"""The generator says which file and field it cannot take, and makes the same code from the same schemas."""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
TOPICS = {"topics": {"t": {"key": "k"}}, "services": ["s"], "events": {"a.b": {"id": 1, "topic": "t"}},
          "runtime": {}}
EVENT = {"type": "record", "name": "a_b", "namespace": "waybill", "fields": [{"name": "x", "type": "int"}]}


class Generator(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.write("topics.json", TOPICS)
        self.write("a.b.avsc", EVENT)

    def write(self, name, content):
        text = content if isinstance(content, str) else json.dumps(content)
        (self.folder / name).write_text(text, encoding="utf-8")

    def run_it(self, schemas=None):
        command = [sys.executable, "-B", SCHEMAS / "avsc2c.py", schemas or self.folder, self.folder]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def refuses(self, says):
        done = self.run_it()
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stderr.strip().split("\n")[0][:len("avsc2c: " + says)], "avsc2c: " + says)

    def refuses_field(self, says, **entry):
        self.write("a.b.avsc", EVENT | {"fields": [{"name": "x", "type": "int"} | entry]})
        self.refuses('a.b.avsc: field "x": ' + says)

    def test_refuses_types_that_have_no_c_shape(self):
        for schema in ("float", "map", "waybill.nobody", {"type": "map", "values": "int"}, 7, None,
                       {"type": "fixed", "name": "f", "size": 4}):
            self.refuses_field("type", type=schema)
        self.refuses_field('a union must be ["null", T]', type=["string", "null"])
        self.refuses_field("the logical types are", type={"type": "int", "logicalType": "time-millis"})
        self.refuses_field("a list cannot be null", type=["null", {"type": "array", "items": "int"}])
        self.refuses_field("a list's items", type={"type": "array", "items": ["null", "int"]})

    def test_refuses_defaults_of_another_type(self):
        self.refuses_field('"7" cannot be its default', default="7")
        self.refuses_field("2147483648 cannot be its default", default=2**31)
        self.refuses_field('"" cannot be its default', type=["null", "string"], default="")
        self.refuses_field('may be null: needs "default": null', type=["null", "string"])

    def test_refuses_names_that_c_cannot_have(self):
        self.write("a.b.avsc", EVENT | {"fields": [{"name": "default", "type": "int"}]})
        self.refuses('a.b.avsc: field "default": is not a usable C name')
        twice = [{"name": "x", "type": ["null", "int"], "default": None}, {"name": "has_x", "type": "boolean"}]
        self.write("a.b.avsc", EVENT | {"fields": twice})
        self.refuses('a.b.avsc: field "has_x": there is already a "has_x"')
        self.write("a.b.avsc", EVENT | {"name": "a_c"})
        self.refuses('a.b.avsc: "name" must be "a_b"')

    def test_refuses_events_without_an_id_or_a_topic(self):
        self.write("c.d.avsc", EVENT | {"name": "c_d"})
        self.refuses("c.d.avsc: is an event by its name: give it an id")
        self.write("topics.json", TOPICS | {"events": {"a.b": {"id": 1, "topic": "u"}}})
        self.refuses('topics.json: events "a.b": no topic "u"')
        self.write("topics.json", TOPICS | {"runtime": {"e": {"id": 2}}})
        self.refuses('topics.json: runtime "e": there is no record in e.avsc')

    def test_refuses_an_id_that_is_taken(self):
        self.write("s.avsc", EVENT | {"name": "s", "waybill.state": {"id": 1, "major": 1}})
        self.refuses("s.avsc: schema id 1 is taken by a.b.avsc")

    def test_refuses_a_record_that_holds_itself(self):
        self.write("p.avsc", EVENT | {"name": "p", "fields": [
            {"name": "p", "type": {"type": "array", "items": "waybill.p"}, "default": []}]})
        self.refuses("p.avsc: contains itself: p -> p")

    def test_refuses_what_is_not_json_or_says_a_thing_twice(self):
        self.write("a.b.avsc", "{")
        self.refuses("a.b.avsc: ")
        self.write("a.b.avsc", '{"type": "record", "type": "enum"}')
        self.refuses('a.b.avsc: "type" stands twice')

    def test_makes_the_same_code_from_the_same_schemas(self):
        texts = []
        for _ in range(2):
            self.assertEqual(self.run_it(SCHEMAS).returncode, 0)
            texts.append((self.folder / "events.h").read_text() + (self.folder / "events.c").read_text())
        self.assertEqual(*texts)
        self.assertIn("static inline const struct order_accepted *as_order_accepted(", texts[0])


if __name__ == "__main__":
    unittest.main()
