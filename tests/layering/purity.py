#!/usr/bin/env python3
"""Rules are pure: reads `nm` of each services/*_core archive and names each symbol it needs that is not allowed.

usage: purity.py BUILD_DIR [NM]

Allowed are what the service's own archive, the pure rooms and the generated events define, and a short list of the C library:
text and memory of fixed size, sorting, arithmetic. So clock, files, sockets, allocation, chance and output are out.
"""
import pathlib
import re
import subprocess
import sys

ROOMS = ("base", "calendar", "ids", "json", "mime", "phone", "retry", "rules", "events", "cloudevents")
C_LIBRARY = re.compile(
    r"^(_?_?(mem|str)(cpy|move|set|cmp|chr|rchr|mem|len|nlen|ncmp|cmp|casecmp|ncasecmp|spn|cspn|str|pbrk|toll?|toull?|tod)"
    r"|strto(l|ll|ul|ull|d)|__isoc23_strto(l|ll|ul|ull)|v?snprintf|__v?snprintf_chk|__(mem|str)[a-z]+_chk"
    r"|bcmp|__divti3|qsort|bsearch|abs|labs|llabs|imaxabs|l?l?div|(is|to)[a-z]+|__ctype_(b|tolower|toupper)_loc"
    r"|__assert_fail|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_"
    r"|(floor|ceil|round|trunc|sqrt|pow|exp|log|log2|log10|fabs|fmod|fmin|fmax|lround|llround|nan|isnan|isinf)f?)$")
INSTRUMENTS = ("__asan_", "__ubsan_", "__sanitizer_", "__gcov_", "__llvm_", "__sancov", "__tsan_", "__stack_chk")


def symbols(nm, archive, flag):
    out = subprocess.run([nm, flag, str(archive)], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1].split("@")[0] for line in out.splitlines() if line.strip() and not line.endswith(":")}


def violations(nm, archive, allowed):
    own = symbols(nm, archive, "--defined-only")
    return sorted(name for name in symbols(nm, archive, "--undefined-only") - own - allowed
                  if not C_LIBRARY.match(name) and not name.startswith(INSTRUMENTS))


def main():
    build, nm = pathlib.Path(sys.argv[1]), (sys.argv[2:] or ["nm"])[0]
    allowed = set()
    for room in ROOMS:
        for archive in build.rglob(f"libwaybill_{room}.a"):
            allowed |= symbols(nm, archive, "--defined-only")
    cores = sorted(build.glob("services/*/lib*_core.a"))
    if not cores:
        print(f"no services/*/lib*_core.a in {build}: build first")
        return 1
    found = [f"{core.name}: needs {name}" for core in cores for name in violations(nm, core, allowed)]
    print("\n".join(found + [f"check purity of {len(cores)} services: {'failed' if found else 'ok'}"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
