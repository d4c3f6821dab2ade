/* From what a shop submitted to one normal order, or every reason why not (F02, F08). */
#ifndef WAYBILL_INTAKE_VALIDATE_H
#define WAYBILL_INTAKE_VALIDATE_H

#include "intake/intake.h"

enum { REASONS_MAX = 64, LINE_QUANTITY_MAX = 100000 };
#define AMOUNT_MINOR_MAX INT64_C(10000000000000) /* of any single amount */

/* out_order is complete when out_reasons is empty, and not to be used else. Reasons stand in the
 * order of the fields; beyond REASONS_MAX they are left out. What is only unusual becomes a flag of
 * the order. All of it lives in ctx->arena or is borrowed from submitted. */
void validate_order(struct str key, const struct order_submitted *submitted,
                    const struct context *ctx, struct order *out_order,
                    struct reject_reason_list *out_reasons);

#endif
