/* Reads the parked calls of all services, and what the orders' lives say of them. */
#ifndef WAYBILL_TOOL_PARKING_H
#define WAYBILL_TOOL_PARKING_H

#include "waybill/parked.h"

enum { PARKED_MAX = 10000 };

struct parking {
    struct tool *tool;
    struct decoder decoder;
    struct arena arena; /* of one record, or of what is printed */
    struct parked_call calls[PARKED_MAX];
    size_t count;
    bool overflow; /* there are more, or some are too large */
};

/* What is kept lives in the tool's arena. parking_close is due in any case. */
MUST_CHECK int parking_open(struct parking *parking, struct tool *tool, struct error *err);
void parking_close(struct parking *parking);

/* The one of that intent id (and key, if that is not NULL); NULL with err if there is none, or more
 * than one. */
const struct parked_call *parking_find(struct parking *parking, const char *intent, const char *key,
                                       struct error *err);

#endif
