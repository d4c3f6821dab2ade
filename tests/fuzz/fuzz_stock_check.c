/* Rules of stock_check: orders, holds, what suppliers report. */
/* links: stock_check_settings rules_kit */
#define main service_main
#include "stock_check/main.c"
#undef main

#include "fuzz_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const words[] = {"northgate/RUG-DHURRIE",
                                        "shop:1",
                                        "shop:2",
                                        "artisans/LAMP-BRASS",
                                        "northgate",
                                        "artisans",
                                        "RUG-DHURRIE",
                                        "LAMP-BRASS",
                                        "l1",
                                        "l2",
                                        "shop:1/0",
                                        NULL};
    return fuzz_rules(&stock_check, SOURCE_DIR "/deploy/settings/stock_check.yaml", words, data,
                      size);
}
