#!/usr/bin/env python3
"""The guards turn red when broken on purpose: layering and purity over small planted trees."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent


class GuardsTest(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run_guard(self, script):
        done = subprocess.run([sys.executable, str(HERE / script), *[str(self.root)] * (2 if script == "runbook.py" else 1)],
                              capture_output=True, text=True)
        return done.returncode, done.stdout

    def assert_red(self, script, *words):
        status, said = self.run_guard(script)
        self.assertEqual(status, 1, said)
        for word in words:
            self.assertIn(word, said)

    def compile(self, service, text, room="services/{0}/lib{0}_core.a"):
        source = self.write("x.c", text)
        archive = self.root / room.format(service)
        archive.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-c", str(source), "-o", str(self.root / "x.o")], check=True)
        subprocess.run(["ar", "rc", str(archive), str(self.root / "x.o")], check=True)

    # layering

    def test_layering_is_green_over_the_arrows_of_the_design(self):
        self.write("common/base/str.c", '#include "base/str.h"\n')
        self.write("common/worker/loop.c", '#include "kafka/consumer.h"\n#include "rules/route.h"\n')
        self.write("services/intake/intake.c", '#include "intake/intake.h"\n#include "events.h"\n#include "calendar/dates.h"\n')
        self.write("services/intake/main.c", '#include "worker/service.h"\n')
        self.assertEqual(self.run_guard("layering.py")[0], 0)

    def test_base_may_not_include_upwards(self):
        self.write("common/base/str.c", '#include "rules/event.h"\n')
        self.assert_red("layering.py", 'common/base/str.c:1: base may not include "rules/event.h"')

    def test_rules_of_a_service_may_not_include_the_runtime(self):
        self.write("services/intake/submit.c", '\n#include "worker/service.h"\n')
        self.assert_red("layering.py", 'services/intake/submit.c:2: intake may not include "worker/service.h"')

    def test_rules_of_a_service_may_not_include_another_service(self):
        self.write("services/intake/submit.c", '#include "feedback/feedback.h"\n')
        self.assert_red("layering.py", "intake may not include")

    def test_a_door_may_not_include_another_door(self):
        self.write("common/kafka/x.c", '#include "redis/store.h"\n')
        self.assert_red("layering.py", "kafka may not include")

    def test_foreign_library_stays_behind_its_door(self):
        self.write("common/worker/x.c", "#include <librdkafka/rdkafka.h>\n")
        self.assert_red("layering.py", "librdkafka/rdkafka.h belongs behind common/kafka")

    def test_a_room_without_a_line_in_the_table_is_named(self):
        self.write("common/attic/x.c", "int x;\n")
        self.assert_red("layering.py", "the room 'attic' is not in the table")

    # purity

    def test_purity_is_green_over_text_and_sorting(self):
        self.compile("intake", "#include <stdlib.h>\n#include <string.h>\nint help(const char *);\n"
                               "int rule(char *a, const char *b) { memcpy(a, b, 9); return (int)strlen(b) + help(b); }\n")
        self.compile("rules", "int help(const char *a) { return a[0]; }\n", "common/rules/libwaybill_rules.a")
        self.assertEqual(self.run_guard("purity.py")[0], 0)

    def test_each_forbidden_call_is_named(self):
        for call, header in (("malloc(9)", "stdlib.h"), ("free(0)", "stdlib.h"), ("time(0)", "time.h"), ("rand()", "stdlib.h"),
                             ("clock_gettime(0, 0)", "time.h"), ("socket(1, 1, 0)", "sys/socket.h"), ("printf(\"%d\", 1)", "stdio.h"),
                             ("open(\"x\", 0)", "fcntl.h"), ("getenv(\"x\")", "stdlib.h"), ("usleep(1)", "unistd.h")):
            self.compile("intake", f"#define _GNU_SOURCE\n#include <{header}>\nvoid rule(void) {{ (void)!{call}; }}\n"
                         if call != "free(0)" else "#include <stdlib.h>\nvoid rule(void *p) { free(p); }\n")
            self.assert_red("purity.py", f"libintake_core.a: needs {call.split('(')[0]}")

    def test_calling_the_runtime_is_named(self):
        self.compile("intake", "int kafka_produce(void);\nint rule(void) { return kafka_produce(); }\n")
        self.compile("kafka", "int kafka_produce(void) { return 1; }\n", "common/kafka/libwaybill_kafka.a")
        self.assert_red("purity.py", "libintake_core.a: needs kafka_produce")

    def test_no_archives_is_red(self):
        self.assert_red("purity.py", "build first")

    # runbook

    def plant_programs(self, runbook):
        """A tool that has one command, `task show --quick`, and one setting; and a source with one metric and one log line."""
        helps = {"--help": "commands (each has --help):\n  task      show     tasks", "--help-settings": "  redis.urls  (text)",
                 "task": "  --quick   fast"}
        cases = "".join(f"'{word}') printf '%b\\n' '{text}' ;;\n".replace("\n  ", "\\n  ") for word, text in helps.items())
        self.write("bin/waybill", f"#!/bin/sh\ncase $1 in\n{cases}esac\n").chmod(0o755)
        for service in ("intake", "stock_check", "supplier_router", "tracking_ingest", "notifier", "feedback"):
            self.write(f"bin/{service}", "#!/bin/sh\n").chmod(0o755)
        self.write("schemas/topics.json", '{"inbound.orders": {}}')
        self.write("common/worker/x.c", 'm("waybill_batches_total"); log_info("what happened "\n    "here");\n')
        self.write("services/x.c", "")
        self.write("deploy/RUNBOOK.md", runbook)

    def test_runbook_is_green_over_what_there_is(self):
        self.plant_programs('# A way\n[a way](#a-way) `waybill task show X --quick --redis.urls=x`, `waybill_batches_total`, `redis.urls`,\n'
                            '`inbound.orders`, `msg="what happened here"`\n\n    waybill task show X | head\n')
        self.assertEqual(self.run_guard("runbook.py"), (0, "check runbook: ok\n"))

    def test_each_thing_that_the_runbook_makes_up_is_named(self):
        for text, word in (("`waybill task sow`", "waybill task sow: no such command"), ("`waybill tsk`", "waybill tsk: no such command"),
                           ("    waybill task show --fast\n", "waybill task show: no flag fast"),
                           ("`waybill_batch_total`", "waybill_batch_total: no such metric"), ("`redis.url`", "redis.url: neither"),
                           ('`msg="what happens here"`', "no such log line"), ("[x](#no-way)", "#no-way: no such section")):
            self.plant_programs(f"# A way\n\n{text}\n")
            self.assert_red("runbook.py", word)

    def test_each_alert_needs_a_severity_and_a_section_and_stands_once(self):
        self.plant_programs("# A way\n")
        good = "  - alert: A\n    expr: waybill_batches_total\n    labels: {severity: page}\n    summary: x\n    runbook_url: deploy/RUNBOOK.md#a-way\n"
        self.write("deploy/alerts.yaml", good)
        self.assertEqual(self.run_guard("runbook.py")[0], 0)
        for old, new, word in (("severity: page", "", "A: no severity"), ("#a-way", "#no-way", "#no-way: no such section"),
                               ("batches_total", "batch", "waybill_batch: no such metric")):
            self.write("deploy/alerts.yaml", good.replace(old, new))
            self.assert_red("runbook.py", word)
        self.write("deploy/alerts.yaml", good + good)
        self.assert_red("runbook.py", "A: stands more than once")


if __name__ == "__main__":
    unittest.main()
