/* The settings table of intake, for main.c and for tests that load the real files. */
#ifndef WAYBILL_INTAKE_SETTINGS_H
#define WAYBILL_INTAKE_SETTINGS_H

#include "config/settings.h"

extern const struct settings intake_settings;

#endif
