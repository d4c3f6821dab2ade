/* Rules of feedback: deliveries, ratings, returns, observations. */
/* links: feedback_settings rules_kit */
#define main service_main
#include "feedback/main.c"
#undef main

#include "fuzz_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const words[] = {"shop:1",    "shop:2",   "supplier/north", "shop:1/0",
                                        "northgate", "artisans", "RUG-DHURRIE",    "acme/T1",
                                        "BR",        NULL};
    return fuzz_rules(&feedback, SOURCE_DIR "/deploy/settings/feedback.yaml", words, data, size);
}
