/* Rules of notifier: what happens to orders, what providers and customers answer. */
/* links: notifier_settings rules_kit */
#define main service_main
#include "notifier/main.c"
#undef main

#include "fuzz_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const words[] = {"shop:1",
                                        "0f8fad5b-d9cb-569f-a165-70867728950e",
                                        "shop:1/0",
                                        "ana@example.com",
                                        "+5511961234567",
                                        "Asia/Kolkata",
                                        "en",
                                        "BRL",
                                        "acme/T1",
                                        "STOP",
                                        NULL};
    return fuzz_rules(&notifier, SOURCE_DIR "/deploy/settings/notifier.yaml", words, data, size);
}
