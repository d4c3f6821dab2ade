#!/usr/bin/env python3
"""What deploy/RUNBOOK.md, deploy/alerts.yaml and README.md name exists: commands and flags of `waybill`, metrics, settings, log lines, sections.

usage: runbook.py ROOT BUILD_DIR
"""
import functools
import pathlib
import re
import subprocess
import sys

DOCUMENTS = ("deploy/RUNBOOK.md", "deploy/alerts.yaml", "README.md")
CODE = re.compile(r"```.*?```|`([^`\n]+)`|^(?: {4}|\t)(.+)$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:^|[\s;(|])waybill ([^|;`#]*)")
SAID = re.compile(r'msg="[^"]*"?')
FLAG = re.compile(r"(?<![\w-])--?([a-z][\w.-]*)")
METRIC = re.compile(r"\bwaybill_[a-z_]+\b")
DOTTED = re.compile(r"`([a-z_]+(?:\.[a-z_]+)+)`")
LOG_LINE = re.compile(r'msg=(?:"([^"`]+)|([a-z]+))')
ANCHOR = re.compile(r"(?:\]\(|RUNBOOK\.md)#([a-z0-9-]+)")
SUFFIXES = ("_bucket", "_sum", "_count")
SERVICES = ("intake", "stock_check", "supplier_router", "tracking_ingest", "notifier", "feedback")
NOT_OURS = {"isolation.level"}  # of Kafka's clients
LEDGERS = {f"{name}.jsonl" for name in ("mail", "sms", "suppliers", "parcels")}  # what a run of the demo leaves


def sources(root):
    """All C sources of the programs as one text, literals that are written in pieces joined."""
    text = "".join(path.read_text(encoding="utf-8") for area in ("common", "services")
                   for path in sorted((root / area).glob("**/*.[ch]")))
    return re.sub(r'"\s*\n\s*"', "", text)


def snippets(text):
    """(line number, code): what stands in backticks or is indented."""
    for found in CODE.finditer(text):
        yield text.count("\n", 0, found.start()) + 1, found.group(1) or found.group(2) or found.group(0)


class Programs:
    """What the built programs say of themselves."""

    def __init__(self, build):
        self.build = build

    @functools.lru_cache(maxsize=None)
    def say(self, *words):
        return subprocess.run([str(self.build / "bin" / words[0]), *words[1:]], capture_output=True, text=True).stdout

    @functools.cached_property
    def commands(self):
        rows = re.findall(r"^  (\w+) {1,8}(\w*) {2,}\S", self.say("waybill", "--help").partition("commands (")[2], re.MULTILINE)
        return {(first, second) if second else (first,) for first, second in rows}

    @functools.cached_property
    def settings(self):
        return {name for program in ("waybill", *SERVICES)
                for name in re.findall(r"^  ([a-z_.]+)  \(", self.say(program, "--help-settings"), re.MULTILINE)}


def check_command(words, programs):
    """Why `waybill WORDS` cannot be said; None = it can."""
    flags = FLAG.findall(" ".join(words))
    names = [word for word in words if re.fullmatch(r"[a-z]+", word)]
    if not names:
        return None if not words or words[0].startswith("-") else f"waybill {words[0]}: no command"
    command = next((command for command in (tuple(names[:2]), tuple(names[:1])) if command in programs.commands), None)
    if not command and any(len(known) == 2 and known[0] == names[0] for known in programs.commands) and len(names) == 1:
        return None  # "waybill dlq" as such
    if not command:
        return f"waybill {' '.join(names[:2])}: no such command"
    known = set(FLAG.findall(programs.say("waybill", *command, "--help"))) | programs.settings
    bad = [flag for flag in flags if flag not in known]
    return f"waybill {' '.join(command)}: no flag {bad[0]}" if bad else None


def check_text(name, text, programs, code, topics, files):
    for number, snippet in snippets(text):
        for line in snippet.splitlines():
            for found in COMMAND.finditer(SAID.sub("", line)):
                words = re.sub(r"'[^']*'|\"[^\"]*\"", "X", found.group(1)).split()
                wrong = check_command(words, programs)
                if wrong:
                    yield f"{name}:{number}: {wrong}"
    for number, line in enumerate(text.splitlines(), 1):
        for metric in METRIC.findall(line):
            bare = next((metric[: -len(suffix)] for suffix in SUFFIXES if metric.endswith(suffix)), metric)
            if f'"{metric}"' not in code and f'"{bare}"' not in code:
                yield f"{name}:{number}: {metric}: no such metric"
        for dotted in DOTTED.findall(line):
            if not (dotted in programs.settings or dotted in topics or f'"{dotted}' in code or dotted in NOT_OURS or
                    dotted in LEDGERS or dotted in files):
                yield f"{name}:{number}: {dotted}: neither a setting nor a topic, an event, a file, or in the sources"
        for quoted, word in LOG_LINE.findall(line):
            said = quoted or f'{word}"'
            if f'"{said}' not in code:
                yield f"{name}:{number}: msg=\"{said}\": no such log line"


def anchors(text):
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def check_alerts(text):
    """Each alert stands once, wakes somebody or not, and says where to read on."""
    blocks = re.split(r"^ *- alert: ", text, flags=re.MULTILINE)[1:]
    names = [block.split()[0] for block in blocks]
    yield from (f"deploy/alerts.yaml: {name}: stands more than once" for name in sorted(set(names)) if names.count(name) > 1)
    for block in blocks:
        for word in ("expr: ", "severity: page}", "summary: ", "runbook_url: deploy/RUNBOOK.md#"):
            if word not in block.replace("severity: ticket}", "severity: page}"):
                yield f"deploy/alerts.yaml: {block.split()[0]}: no {word.strip(': }')}"


def violations(root, build):
    programs, code = Programs(build), sources(root)
    files = {path.name for area in ("common", "deploy", "schemas", "services", "tests") for path in (root / area).glob("**/*")}
    names = re.findall(r'"([a-z_.]+)":', (root / "schemas" / "topics.json").read_text(encoding="utf-8"))
    topics = {*names, *(f"waybill.{name}" for name in names)}
    runbook = (root / "deploy" / "RUNBOOK.md").read_text(encoding="utf-8")
    found = []
    if not programs.commands or not programs.settings:
        return [f"{build}/bin/waybill says nothing of itself: build first"]
    for name in DOCUMENTS:
        if not (root / name).exists():
            continue
        text = (root / name).read_text(encoding="utf-8")
        found += check_text(name, text, programs, code, topics, files)
        found += check_alerts(text) if name.endswith("alerts.yaml") else []
        known = anchors(runbook if name.endswith("alerts.yaml") else text)
        found += [f"{name}: #{anchor}: no such section" for anchor in ANCHOR.findall(text)
                  if anchor not in known | (anchors(runbook) if "RUNBOOK.md#" in text else set())]
    return found


def main():
    found = violations(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
    print("\n".join(found + [f"check runbook: {'failed' if found else 'ok'}"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
