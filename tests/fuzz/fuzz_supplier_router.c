/* Rules of supplier_router: orders, stock, what suppliers answer and call back. */
/* links: supplier_router_settings rules_kit */
#define main service_main
#include "supplier_router/main.c"
#undef main

#include "fuzz_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const words[] = {
        "shop:1", "shop:2", "shop:1/0",    "shop:1/1", "shop:1/0:0", "northgate", "artisans",
        "l1",     "l2",     "RUG-DHURRIE", "BRL",      "acme",       "T1",        NULL};
    return fuzz_rules(&supplier_router, SOURCE_DIR "/deploy/settings/supplier_router.yaml", words,
                      data, size);
}
