/* Rules of tracking_ingest: scans and carriers' payloads. */
/* links: tracking_ingest_settings rules_kit */
#define main service_main
#include "tracking_ingest/main.c"
#undef main

#include "fuzz_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const words[] = {"acme/T1", "acme/T2",      "acme",      "T1",
                                        "shop:1",  "shop:1/0",     "northgate", "artisans",
                                        "BR",      "Asia/Kolkata", NULL};
    return fuzz_rules(&tracking_ingest, SOURCE_DIR "/deploy/settings/tracking_ingest.yaml", words,
                      data, size);
}
