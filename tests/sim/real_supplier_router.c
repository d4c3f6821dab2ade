/* supplier_router as it is, its table of routes included. */
#define main supplier_router_main
#include "supplier_router/main.c"
#undef main

extern const struct service *const real_supplier_router;
const struct service *const real_supplier_router = &supplier_router;
