"""What a person wants to read after a run: from the ledgers, the workers' logs and the findings."""
import collections
import json
import math
import re
import statistics

from chaos.oracle import LOST

TAKEN_OVER = re.compile(r'"?task taken over"?.* took_ms=(\d+)')
COUNTED = {  # what the summary says: sign in a log line
    "stores rebuilt from the changelog": "store is rebuilt from the changelog",
    "batches thrown away": "batch is thrown away",
    "members fenced or written off": "enced",
    "begun anew within the process": "beginning anew",
    "take-overs that name what the last owner died at": "the task's last owner died at this",
    "take-overs put off": "task cannot be taken over yet",
}
# What sanitizers and assertions say: a bug, whatever came of it.
REPORTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:", "ssertion")
FINDINGS_SHOWN = 40


def read_logs(files):
    """({what: number}, [took_ms], [error lines], [lines of sanitizers and assertions]) of the workers' logs."""
    counts, took, errors, reports = collections.Counter(), [], [], []
    for path in files:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                match = TAKEN_OVER.search(line)
                if match:
                    took.append(int(match.group(1)))
                for what, sign in COUNTED.items():
                    counts[what] += sign in line
                if any(sign in line for sign in REPORTS):
                    reports.append(f"{path.name}: {line.strip()}")
                elif "level=error" in line:
                    errors.append(f"{path.name}: {line.strip()}")
    return counts, took, errors, reports


def percentile(numbers, share):
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)] if ordered else 0


def times(took):
    return {"count": len(took), "median_ms": round(statistics.median(took)) if took else 0, "p95_ms": percentile(took, 0.95),
            "max_ms": max(took, default=0)}


def decided_on(fates):
    """How many inputs have a fate."""
    return sum(number for name, number in fates.items() if name.rpartition("|")[2] != LOST)


def render(told):
    """The summary (see __main__.conclude) as text."""
    lines = [f"{told['plan']}: {told['minutes']:g} minutes {'with faults' if told['plan'] == 'run' else 'of full load, then a burst'}, seed {told['seed']}; {told['orders']} orders; logs and ledgers in {told['out']}", ""]
    lines.append(f"faults: {sum(told['faults'].values())} of {len(told['faults'])} kinds, each with begin, end and target in faults.jsonl")
    lines += _table(told["faults"])
    lines += ["", f"inputs by topic, reader and fate: {sum(told['fates'].values())} in, {decided_on(told['fates'])} out"]
    by_line = collections.defaultdict(list)
    for name, number in told["fates"].items():
        topic, service, fate = name.split("|")
        by_line[f"{topic} → {service}"].append(f"{fate} {number}")
    lines += [f"  {line:<36}{', '.join(sorted(parts))}" for line, parts in sorted(by_line.items())]
    lines += ["", "what became of the orders and of what they caused"]
    lines += _table(told["ends"])
    lines += ["", "dead letters by reason"] + (_table(told["dead_letters"]) or ["  none"])
    took = told["takeovers"]
    lines += ["", f"take-overs: {took['count']}, median {took['median_ms']} ms, p95 {took['p95_ms']} ms, max {took['max_ms']} ms"]
    lines += _table(told["logs"])
    lines += [f"  {'workers started again':<52}{sum(told['restarts'].values()):>8}   by exit status: "
              f"{', '.join(f'{code}: {number}' for code, number in sorted(told['restarts'].items())) or 'none'}"]
    lines += [f"  {'parked: a person decides':<52}{told['parked']:>8}   (at most {told['parked_most']})"]
    if told.get("memory"):
        lines += ["", "memory of the workers"] + [f"  {line}" for line in told["memory"]]
    if told["notes"]:
        lines += ["", "notes"] + [f"  {note}" for note in told["notes"]]
    lines += ["", f"lost {told['lost']}, doubled {told['doubled']}, violations {len(told['findings'])}"]
    for finding in told["findings"][:FINDINGS_SHOWN]:
        lines.append(f"  violation: {finding}")
    if len(told["findings"]) > FINDINGS_SHOWN:
        lines.append(f"  ... and {len(told['findings']) - FINDINGS_SHOWN} more in summary.json")
    return "\n".join(lines)


def _table(counts):
    return [f"  {what:<52}{number:>8}" for what, number in sorted(counts.items())]


def write(told, out):
    (out / "summary.json").write_text(json.dumps(told, indent=1, ensure_ascii=False))
    text = render(told)
    (out / "summary.txt").write_text(text + "\n")
    return text
