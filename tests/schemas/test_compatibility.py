"""The compatibility check bites. Expected verdicts: Avro 1.11, "Schema Resolution"."""
import unittest

from compatibility import cannot_read, complaints, resolved


def record(*fields, name="r", **more):
    return {"type": "record", "name": name, "fields": list(fields)} | more


def field(name, schema, **more):
    return {"name": name, "type": schema} | more


def enum(*symbols, **more):
    return {"type": "enum", "name": "e", "symbols": list(symbols)} | more


class Reading(unittest.TestCase):
    def cannot(self, reader, writer, why):
        self.assertIn(why, cannot_read(reader, writer) or "")

    def can(self, reader, writer):
        self.assertIsNone(cannot_read(reader, writer))

    def test_a_new_field_needs_a_default(self):
        self.cannot(record(field("a", "int")), record(), "a: is not in the other and has no default")
        self.can(record(field("a", "int", default=0)), record())

    def test_a_field_may_go_and_move(self):
        self.can(record(field("a", "int")), record(field("b", "int"), field("a", "int")))

    def test_a_type_may_only_widen(self):
        self.can(record(field("a", "long")), record(field("a", "int")))
        self.cannot(record(field("a", "int")), record(field("a", "long")), "a: long became int")
        self.can("bytes", "string")
        self.cannot("string", "long", "long became string")

    def test_null_may_come_but_not_go(self):
        self.can(["null", "string"], "string")
        self.cannot("string", ["null", "string"], "null became string")
        self.cannot(["null", "int"], ["null", "long"], "long has no place in the union")

    def test_a_new_symbol_needs_a_default_at_the_reader(self):
        self.cannot(enum("A"), enum("A", "B"), "B unknown")
        self.can(enum("A", default="A"), enum("A", "B"))
        self.can(enum("B", "A"), enum("A", "B"))

    def test_names_are_kept(self):
        self.cannot(record(name="r"), record(name="s"), "s became r")

    def test_the_path_is_told(self):
        inner, wider = record(field("n", "int"), name="i"), record(field("n", "long"), name="i")
        lists = [record(field("list", {"type": "array", "items": part})) for part in (inner, wider)]
        self.cannot(*lists, "list[].n: long became int")

    def test_a_type_used_twice_is_followed(self):
        part = record(field("n", "long"), name="i")
        writer = resolved(record(field("a", part), field("b", "waybill.i")))
        self.cannot(record(field("b", record(field("n", "int"), name="i"))), writer, "b.n: long became int")


class Releases(unittest.TestCase):
    def state(self, major, *fields):
        return record(*fields, **{"waybill.state": {"id": 1, "major": major}})

    def test_a_released_schema_does_not_change_under_its_id(self):
        old = record(field("a", "int"))
        new = record(field("a", "int"), field("b", "int", default=0))
        self.assertIn("give it a new id", " ".join(complaints("r", 1, new, {1: old})))
        self.assertEqual([], list(complaints("r", 2, new, {1: old})))
        self.assertEqual([], list(complaints("r", 1, old | {"doc": "words"}, {1: old})))

    def test_every_released_version_counts(self):
        versions = {1: record(), 2: record(field("a", "int", default=0))}
        self.assertIn("with id 1", " ".join(complaints("r", 3, record(field("a", "int")), versions)))

    def test_a_state_is_read_by_old_workers_too(self):
        old, new = self.state(1, field("a", "int")), self.state(1)
        self.assertIn("a worker with id 1 cannot read this state", " ".join(complaints("r", 2, new, {1: old})))
        self.assertEqual([], list(complaints("r", 2, self.state(2), {1: old})))

    def test_an_event_may_lose_what_old_readers_need(self):
        self.assertEqual([], list(complaints("r", 2, record(), {1: record(field("a", "int"))})))


if __name__ == "__main__":
    unittest.main()
