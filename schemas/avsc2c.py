#!/usr/bin/env python3
"""Makes events.h and events.c from the .avsc files and topics.json: C structs, enums, the descriptor
tables that the codec walks, and typed as_/emit_ helpers.

    avsc2c.py SCHEMAS_DIR OUT_DIR

Same input, same output, byte for byte. What cannot be said in our C shape is refused with the file and
the field that say it. README.md beside this file tells how to change a schema.
"""
import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

NAMESPACE = "waybill"
SNAKE = re.compile(r"[a-z][a-z0-9_]*\Z")
SYMBOL = re.compile(r"[A-Z][A-Z0-9_]*\Z")
C_WORDS = set(
    "auto bool break case char const continue default do double else enum extern false float for goto if "
    "inline int long register restrict return short signed sizeof static struct switch true typedef union "
    "unsigned void volatile while asm typeof".split())
SCALARS = {  # Avro name: (FIELD_…, C type, list struct)
    "boolean": ("BOOLEAN", "bool", "bool_list"),
    "int": ("INT", "int32_t", "int32_list"),
    "long": ("LONG", "int64_t", "int64_list"),
    "double": ("DOUBLE", "double", "double_list"),
    "string": ("STRING", "struct str", "str_list"),
    "bytes": ("BYTES", "struct str", "str_list"),
}
LOGICALS = {("int", "date"): "DATE", ("long", "timestamp-millis"): "TIMESTAMP_MS"}


class SchemaError(Exception):
    """What is wrong, with the file and the field, for the person who wrote it."""


@dataclass
class Value:
    """What a field or a list's item is."""
    kind: str
    c_type: str
    list_type: str
    avro: str = ""  # the Avro primitive, for checks of defaults
    logical: str = "NONE"
    nullable: bool = False
    named: "Named | None" = None
    item: "Value | None" = None

    @property
    def has_flag(self):
        return self.nullable and self.kind not in ("STRING", "BYTES", "RECORD")


@dataclass
class Field:
    name: str
    value: Value
    doc: str
    default: str | None  # as JSON text


@dataclass
class Named:
    """One .avsc file: a record or an enum."""
    file: str
    schema: dict
    role: str = "part"  # or enum, event, runtime, state
    name: str = ""  # "order.accepted"
    c_name: str = ""  # "order_accepted"
    topic: str | None = None
    schema_id: int = 0
    major: int = 0
    fields: list[Field] = field(default_factory=list)

    @property
    def descriptor(self):
        return self.c_name + "_record" if self.role == "part" else self.c_name


def fail(where, what):
    raise SchemaError(f"{where}: {what}")


def read_json(path):
    def no_twice(pairs):
        names = [name for name, _ in pairs]
        for name in names:
            if names.count(name) > 1:
                fail(path.name, f'"{name}" stands twice in one object')
        return dict(pairs)

    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=no_twice)
    except (OSError, ValueError) as e:
        fail(path.name, e)


class Vocabulary:
    """All types of the folder, checked."""

    def __init__(self, folder):
        self.topics_file = read_json(folder / "topics.json")
        self.named = {}
        for path in sorted(folder.glob("*.avsc")):
            self.add(path)
        self.assign_roles()
        for record in self.records():
            record.fields = self.read_fields(record)
        self.check_numbers()

    def records(self):
        return [n for n in self.named.values() if n.role != "enum"]

    def enums(self):
        return [n for n in self.named.values() if n.role == "enum"]

    def standing_alone(self):
        return [n for n in self.records() if n.role != "part"]

    def add(self, path):
        schema = read_json(path)
        name = path.name.removesuffix(".avsc")
        c_name = name.replace(".", "_")
        if not isinstance(schema, dict) or schema.get("type") not in ("record", "enum"):
            fail(path.name, "must hold one record or one enum")
        if not SNAKE.match(c_name) or c_name in C_WORDS:
            fail(path.name, f'"{c_name}" is not a usable C name (lower case, digits, _)')
        if schema.get("name") != c_name:
            fail(path.name, f'"name" must be "{c_name}", as the file says, not "{schema.get("name")}"')
        if schema.get("namespace") != NAMESPACE:
            fail(path.name, f'"namespace" must be "{NAMESPACE}"')
        if c_name in self.named:
            fail(path.name, f"{self.named[c_name].file} has the same name in C")
        entry = Named(path.name, schema, name=name, c_name=c_name)
        if schema["type"] == "enum":
            entry.role = "enum"
            check_enum(entry)
        self.named[c_name] = entry

    def assign_roles(self):
        for group, role in (("events", "event"), ("runtime", "runtime")):
            for name, info in self.topics_file[group].items():
                entry = self.named.get(name.replace(".", "_"))
                if not entry or entry.name != name or entry.role == "enum":
                    fail("topics.json", f'{group} "{name}": there is no record in {name}.avsc')
                topic = info.get("topic")
                if topic is not None and topic not in self.topics_file["topics"]:
                    fail("topics.json", f'{group} "{name}": no topic "{topic}"')
                entry.role, entry.topic, entry.schema_id = role, topic, info.get("id")
        for entry in self.named.values():
            state = entry.schema.get("waybill.state")
            if state is None:
                if entry.role == "part" and "." in entry.name:
                    fail(entry.file, "is an event by its name: give it an id and a topic in topics.json")
                continue
            if entry.role != "part":
                fail(entry.file, f'"waybill.state" on an {entry.role}')
            if not isinstance(state, dict) or set(state) != {"id", "major"} or state["major"] < 1:
                fail(entry.file, '"waybill.state" must be {"id": N, "major": N from 1}')
            entry.role, entry.schema_id, entry.major = "state", state["id"], state["major"]

    def check_numbers(self):
        seen = {}
        for entry in self.standing_alone():
            n = entry.schema_id
            if not isinstance(n, int) or not 0 < n < 2**31:
                fail(entry.file, f"its schema id is {n!r}, must be a positive number")
            if n in seen:
                fail(entry.file, f"schema id {n} is taken by {seen[n]}")
            seen[n] = entry.file

    def read_fields(self, record):
        fields, names = [], set()
        for entry in record.schema.get("fields") or fail(record.file, "a record needs fields"):
            name = entry.get("name", "")
            where = f'{record.file}: field "{name}"'
            if not SNAKE.match(name) or name in C_WORDS:
                fail(where, "is not a usable C name (lower case, digits, _)")
            unknown = set(entry) - {"name", "type", "doc", "default"}
            if unknown:
                fail(where, f"does not know {sorted(unknown)}")
            value = self.read_type(entry.get("type"), where)
            for c_name in [name] + (["has_" + name] if value.has_flag else []):
                if c_name in names:
                    fail(where, f'there is already a "{c_name}"')
                names.add(c_name)
            default = None
            if "default" in entry:
                check_default(value, entry["default"], where)
                default = json_text(entry["default"])
            elif value.nullable:
                fail(where, 'may be null: needs "default": null')
            fields.append(Field(name, value, entry.get("doc", ""), default))
        return fields

    def read_type(self, avro, where):
        if isinstance(avro, list):
            if len(avro) != 2 or avro[0] != "null":
                fail(where, 'a union must be ["null", T]')
            value = self.read_type(avro[1], where)
            if value.kind == "LIST" or value.nullable:
                fail(where, "a list cannot be null: let it be empty" if value.kind == "LIST" else "null twice")
            value.nullable = True
            return value
        if isinstance(avro, dict) and avro.get("type") == "array":
            item = self.read_type(avro.get("items"), where)
            if item.nullable or item.kind == "LIST":
                fail(where, "a list's items cannot be null or lists: put them into a record of their own")
            return Value("LIST", "struct " + item.list_type, "", item=item)
        if isinstance(avro, dict) and set(avro) == {"type", "logicalType"}:
            logical = LOGICALS.get((avro["type"], avro["logicalType"]))
            if not logical:
                fail(where, "the logical types are date (int) and timestamp-millis (long)")
            value = self.read_type(avro["type"], where)
            value.logical = logical
            return value
        if avro in SCALARS if isinstance(avro, str) else False:
            return Value(*SCALARS[avro], avro=avro)
        named = None
        if isinstance(avro, str) and avro.startswith(NAMESPACE + "."):
            named = self.named.get(avro.removeprefix(NAMESPACE + "."))
        if not named:
            fail(where, f"type {json_text(avro)} is not one of ours: {', '.join(SCALARS)}, array, "
                        f'["null", T], or "{NAMESPACE}.<name>" with a file of its own')
        if named.role == "enum":
            return Value("ENUM", "enum " + named.c_name, named.c_name + "_list", named=named)
        return Value("RECORD", "struct " + named.c_name, named.c_name + "_list", named=named)

    def in_order(self):
        """The records, each after what it is made of."""
        done, doing = [], []

        def visit(record):
            if record in done:
                return
            if record in doing:
                fail(record.file, "contains itself: " + " -> ".join(r.c_name for r in doing + [record]))
            doing.append(record)
            for f in record.fields:
                for value in (f.value, f.value.item):
                    if value and value.kind == "RECORD":
                        visit(value.named)
            doing.pop()
            done.append(record)

        for record in self.records():
            visit(record)
        return done


def check_enum(entry):
    symbols = entry.schema.get("symbols") or fail(entry.file, "an enum needs symbols")
    for symbol in symbols:
        if not SYMBOL.match(symbol) or symbols.count(symbol) > 1:
            fail(entry.file, f'symbol "{symbol}" is not upper case, or stands twice')
    if "default" in entry.schema and entry.schema["default"] not in symbols:
        fail(entry.file, f'default "{entry.schema["default"]}" is not one of the symbols')


def check_default(value, default, where):
    if value.nullable:
        good = default is None
    elif value.kind == "LIST":
        good = default == []
    elif value.kind == "ENUM":
        good = default in value.named.schema["symbols"]
    elif value.kind == "BOOLEAN":
        good = isinstance(default, bool)
    elif value.kind in ("INT", "LONG"):
        bits = 31 if value.kind == "INT" else 63
        good = type(default) is int and -2**bits <= default < 2**bits
    elif value.kind == "DOUBLE":
        good = type(default) in (int, float)
    elif value.kind == "BYTES":
        good = default == ""
    else:
        good = value.kind == "STRING" and isinstance(default, str)
    if not good:
        fail(where, f"{json_text(default)} cannot be its default (unions: null, lists: [], bytes: \"\", "
                    "records: none)")


def json_text(value):
    return json.dumps(value, separators=(",", ":"))


def whole_schema(vocabulary, record):
    """The record's schema, complete: parts stand where they are first used."""
    seen = set()

    def expand(avro):
        if isinstance(avro, list):
            return [expand(branch) for branch in avro]
        if isinstance(avro, dict) and avro.get("type") == "array":
            return avro | {"items": expand(avro["items"])}
        if isinstance(avro, str) and avro.startswith(NAMESPACE + "."):
            c_name = avro.removeprefix(NAMESPACE + ".")
            return avro if c_name in seen else inline(vocabulary.named[c_name])
        return avro

    def inline(named):
        seen.add(named.c_name)
        if named.role == "enum":
            return named.schema
        return named.schema | {"fields": [f | {"type": expand(f["type"])} for f in named.schema["fields"]]}

    return json_text(inline(record))


def c_string(text, indent="        "):
    """A C literal, broken into lines; text is ASCII without control characters."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("??", "?\\?")
    lines, line = [], ""
    for piece in re.findall(r"\\.|[^\\]", escaped):
        if len(line) + len(piece) > 90:
            lines.append(line)
            line = ""
        line += piece
    return ("\n" + indent).join(f'"{part}"' for part in lines + [line])


def c_comment(text):
    return "/* " + text.replace("*/", "* /") + " */"


# ---- events.h ----

def declare_enum(entry):
    upper = entry.c_name.upper()
    out = [c_comment(entry.schema["doc"])] if entry.schema.get("doc") else []
    out.append(f"enum {entry.c_name} {{")
    out += [f"    {upper}_{symbol}," for symbol in entry.schema["symbols"]]
    out += ["};", f"extern const struct enum_type {entry.c_name}_symbols;",
            f"const char *{entry.c_name}_name(enum {entry.c_name} value);", ""]
    return out


def declare_list(c_name, c_type):
    return [f"struct {c_name} {{", f"    {c_type} *ptr;", "    size_t len;", "};", ""]


def declare_record(record):
    out = [c_comment(record.schema["doc"])] if record.schema.get("doc") else []
    out.append(f"struct {record.c_name} {{")
    for f in record.fields:
        if f.value.has_flag:
            out.append(f"    bool has_{f.name};")
        star = "const " + f.value.c_type + " *" if f.value.nullable and f.value.kind == "RECORD" \
            else f.value.c_type + " "
        out.append(f"    {star}{f.name};" + (" " + c_comment(f.doc) if f.doc else ""))
    out += ["};", f"extern const struct record_type {record.descriptor};", ""]
    return out


def declare_event(record):
    name = record.c_name
    return [
        f"static inline const struct {name} *as_{name}(const struct event *ev)", "{",
        f"    assert(ev->type == &{name});", "    return ev->body;", "}",
        f"static inline void emit_{name}(struct effects *out, struct str key, const struct {name} *body)",
        "{", f"    effects_emit(out, &{name}, key, body);", "}", ""]


def header(vocabulary):
    records = vocabulary.in_order()
    out = ["/* Every event, part and state of Waybill. Generated by schemas/avsc2c.py: change the .avsc files. */",
           "#ifndef WAYBILL_EVENTS_H", "#define WAYBILL_EVENTS_H", "",
           '#include "rules/effects.h"', '#include "rules/event.h"', '#include "rules/record.h"', "",
           "#include <assert.h>", ""]
    in_lists = {f.value.item.list_type: f.value.item for r in records for f in r.fields if f.value.item}
    for list_type, item in sorted(in_lists.items()):
        if not item.named:
            out += declare_list(list_type, item.c_type)
    for entry in vocabulary.enums():
        out += declare_enum(entry)
        if entry.c_name + "_list" in in_lists:
            out += declare_list(entry.c_name + "_list", "enum " + entry.c_name)
    for record in records:
        out += declare_record(record)
        if record.c_name + "_list" in in_lists:
            out += declare_list(record.c_name + "_list", "struct " + record.c_name)
    for record in vocabulary.records():
        if record.role == "event":
            out += declare_event(record)
    out += ["/* Events, runtime records and states. */",
            "extern const struct record_type *const record_types[];",
            "extern const size_t record_type_count;", "",
            "struct topic_info {",
            "    const char *name; /* without prefix */",
            '    const char *key;  /* what the key is, for a person: "order id" */',
            "    bool compacted;",
            "    int32_t partitions; /* 0 = as the settings say */", "};",
            "extern const struct topic_info topics[];", "extern const size_t topic_count;", "",
            "/* Each has its own <service>.changelog and <service>.dlq. NULL ends the list. */",
            "extern const char *const service_names[];", "extern const size_t service_count;", "",
            "#endif"]
    return "\n".join(out) + "\n"


# ---- events.c ----

def define_enum(entry):
    symbols = entry.schema["symbols"]
    default = symbols.index(entry.schema["default"]) if "default" in entry.schema else -1
    name = entry.c_name
    return ([f"static const char *const {name}_texts[] = {{"] + [f'    "{s}",' for s in symbols] + ["};",
            f"const struct enum_type {name}_symbols = {{", f'    .name = "{name}",',
            f"    .symbols = {name}_texts,", f"    .symbol_count = {len(symbols)},",
            f"    .default_symbol = {default},", "};",
            f"const char *{name}_name(enum {name} value)", "{",
            f'    return (unsigned)value < {len(symbols)}u ? {name}_texts[value] : "?";', "}", ""])


def value_initialiser(value, item_name):
    parts = [f".kind = FIELD_{value.kind}"]
    if value.logical != "NONE":
        parts.append(f".logical = LOGICAL_{value.logical}")
    if value.nullable:
        parts.append(".nullable = true")
    if value.kind == "RECORD":
        parts.append(f".record = &{value.named.descriptor}")
    if value.kind == "ENUM":
        parts.append(f".symbols = &{value.named.c_name}_symbols")
    if value.kind == "LIST":
        parts += [f".item = &{item_name}", f".item_bytes = sizeof({value.item.c_type})"]
    return "{" + ", ".join(parts) + "}"


def define_record(vocabulary, record):
    c, out = record.c_name, []
    for f in record.fields:
        if f.value.item:
            out.append(f"static const struct value_type {c}_{f.name}_item = {value_initialiser(f.value.item, '')};")
    out.append(f"static const struct field {c}_fields[] = {{")
    for f in record.fields:
        out += [f'    {{.name = "{f.name}",', f"     .type = {value_initialiser(f.value, f'{c}_{f.name}_item')},"]
        if f.value.has_flag:
            out.append(f"     .has_offset = offsetof(struct {c}, has_{f.name}),")
        if f.default is not None:
            out.append(f"     .default_json = {c_string(f.default)},")
        out.append(f"     .offset = offsetof(struct {c}, {f.name})}},")
    out += ["};", f"const struct record_type {record.descriptor} = {{", f'    .name = "{record.name}",']
    if record.topic:
        out.append(f'    .topic = "{record.topic}",')
    if record.role != "part":
        out += [f"    .schema_id = {record.schema_id},", f"    .state_major = {record.major},"]
        out.append(f"    .schema_json =\n        {c_string(whole_schema(vocabulary, record))},")
    out += [f"    .bytes = sizeof(struct {c}),", f"    .fields = {c}_fields,",
            f"    .field_count = {len(record.fields)},", "};", ""]
    return out


def source(vocabulary):
    out = ["/* The descriptors of events.h. Generated by schemas/avsc2c.py: change the .avsc files. */",
           '#include "events.h"', "",
           "/* Whole schemas are longer than what ISO C promises to take. */",
           '#pragma GCC diagnostic ignored "-Woverlength-strings"', "",
           '_Static_assert(sizeof(enum outcome) == sizeof(int), "the codec moves enums as int");', ""]
    for entry in vocabulary.enums():
        out += define_enum(entry)
    for record in vocabulary.in_order():
        out += define_record(vocabulary, record)
    alone = sorted(vocabulary.standing_alone(), key=lambda r: r.schema_id)
    out += ["const struct record_type *const record_types[] = {"] + [f"    &{r.descriptor}," for r in alone] + [
            "};", f"const size_t record_type_count = {len(alone)};", "", "const struct topic_info topics[] = {"]
    for name, info in vocabulary.topics_file["topics"].items():
        out.append(f'    {{.name = "{name}", .key = "{info["key"]}", .compacted = '
                   f'{"true" if info.get("compacted") else "false"}, .partitions = {info.get("partitions", 0)}}},')
    services = vocabulary.topics_file["services"]
    out += ["};", f'const size_t topic_count = {len(vocabulary.topics_file["topics"])};', "",
            "const char *const service_names[] = {"] + [f'    "{s}",' for s in services] + [
            "    NULL,", "};", f"const size_t service_count = {len(services)};"]
    return "\n".join(out) + "\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        vocabulary = Vocabulary(Path(sys.argv[1]))
        texts = {"events.h": header(vocabulary), "events.c": source(vocabulary)}
    except SchemaError as e:
        sys.exit(f"avsc2c: {e}")
    for name, text in texts.items():
        (Path(sys.argv[2]) / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
