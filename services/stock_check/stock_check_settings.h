/* The settings table of stock_check, for main.c and for tests that load the real files. */
#ifndef WAYBILL_STOCK_CHECK_SETTINGS_H
#define WAYBILL_STOCK_CHECK_SETTINGS_H

#include "config/settings.h"

extern const struct settings stock_check_settings;

#endif
