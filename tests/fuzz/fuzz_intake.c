/* Rules of intake: what stores and other systems send. */
/* links: intake_settings rules_kit */
#define main service_main
#include "intake/main.c"
#undef main

#include "fuzz_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const words[] = {
        "shop:1", "shop:2",          "shop",           "1",    "BRL",
        "BR",     "ana@example.com", "+5511961234567", "card", NULL};
    return fuzz_rules(&intake, SOURCE_DIR "/deploy/settings/intake.yaml", words, data, size);
}
