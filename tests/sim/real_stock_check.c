/* stock_check as it is, its table of routes included. */
#define main stock_check_main
#include "stock_check/main.c"
#undef main

extern const struct service *const real_stock_check;
const struct service *const real_stock_check = &stock_check;
