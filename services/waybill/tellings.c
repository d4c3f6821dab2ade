/* The templates: see telling.h. */
#include "waybill/telling.h"

#define SAY(name, text)                                                                            \
    {                                                                                              \
        name, text, false                                                                          \
    }
#define ASIDE(name, text)                                                                          \
    {                                                                                              \
        name, text, true                                                                           \
    }

const struct telling tellings[] = {
    SAY("candidate", "{supplier_id}"),
    SAY("exclusion", "{supplier_id}[ {sku}]"),
    SAY("hold", "{supplier_id} {quantity}×{sku}"),
    SAY("line_quantity", "{quantity}×{sku}"),
    SAY("order_line", "{quantity}×{sku}"),
    SAY("parcel", "{carrier} {tracking_number}"),
    SAY("reject_reason", "{code}[ ({field})]"),
    SAY("rejection", "{code}[ {sku}]"),
    SAY("short_sku", "{sku} {held} of {wanted}"),
    SAY("sku_quantity", "{quantity}×{sku}"),

    SAY("call.answered", "{intent_id}: {answer}, says {by}: {why}"),
    SAY("cancel.submitted", "by {requested_by}[: {reason}]"),
    SAY("contact.opted_out", "[{channel}][: {reason}]"),
    SAY("delivery.disputed", "{tracking_number}: a failed attempt after the delivery"),
    SAY("endpoint.switched", "{service}/{endpoint} {stopped?stopped }by {by}: {why}"),
    SAY("feedback.rated", "{rating} of 5[: {text}]"),
    SAY("feedback.received", "{rating} of 5[: {text}]"),
    SAY("feedback.requested", "how was it?"),
    SAY("fulfilment.accepted", "{fulfilment_order_id}: {supplier_id} will do it"),
    SAY("fulfilment.cancel_refused", "[{fulfilment_order_id}: ]{reason}"),
    SAY("fulfilment.cancelled", "[{fulfilment_order_id}: ]{reason}"),
    SAY("fulfilment.exhausted", "nobody left for {lines}[: {reason}]"),
    SAY("fulfilment.failed_over", "{supplier_id} → {to_supplier_id}, {to_fulfilment_order_id}"),
    SAY("fulfilment.outcome_unknown", "{fulfilment_order_id}: {supplier_id}, {detail}"),
    SAY("fulfilment.rejected", "{fulfilment_order_id}: {supplier_id} says {reasons}"),
    SAY("fulfilment.requested", "{fulfilment_order_id}: {lines} from {supplier_id}, "
                                "{cost_minor:money}; chosen among {candidates}"),
    SAY("fulfilment.stock_requested", "{lines}[, not at {excluded}][: {reason}]"),
    SAY("fulfilment.submitted",
        "{fulfilment_order_id}: {supplier_id} has it[ as {supplier_order_id}]"),
    SAY("fulfilment.unwanted", "{fulfilment_order_id}: {supplier_id} {what}, though it was {was}"
                               "[: {carrier} {tracking_number}]"),
    SAY("lane.measured", "{lane}: {days_median:days}, {samples} samples"),
    SAY("message.delivered", "{kind} by {channel}"),
    SAY("message.failed", "{kind} by {channel}: {detail}"),
    SAY("message.outcome_unknown", "{kind} by {channel}: {detail}"),
    ASIDE("message.planned", "{kind}[ of {shipment}][, not before {not_before_ms}]"),
    SAY("message.reported", "{provider}: {outcome}[, {detail}]"),
    SAY("message.sent", "{kind} by {channel}"),
    SAY("message.suppressed", "{kind}: {reason}"),
    ASIDE("message.withdrawn", "{reason}"),
    ASIDE("observation.recorded", "{subject}: {kind} {value}"),
    SAY("order.accepted", "{order.lines}, {order.total_minor:money} {order.payment.status}, to "
                          "{order.ship_to.city} {order.ship_to.country}[, promised "
                          "{order.promised_on}]"),
    SAY("order.cancel_requested", "by {requested_by}[: {reason}]"),
    SAY("order.cancelled",
        "{reason}{was_accepted?, after it was accepted}{refund_due?, refund due}"),
    SAY("order.payment_pending", "{order.payment.status}, until {expires_at_ms}"),
    SAY("order.rejected", "{reasons}"),
    SAY("order.submitted",
        "{lines}, {total_minor:money}[ {payment.status}][, promised {promised_on}]"),
    SAY("order.updated", "changed: {changed}"),
    SAY("payload.received", "{source}[ {topic}], {body}"),
    SAY("payment.captured", "{amount_minor:money}"),
    SAY("payment.failed", "[{reason}]"),
    SAY("scan.reported", "{tracking_number}: [{leg} ]{status}[ ({reason})][ at {location}]"),
    SAY("shipment.created", "{fulfilment_order_id}: {lines} by {carrier} {tracking_number}"
                            "{order_complete?, order complete}"),
    SAY("shipment.delay_predicted", "{tracking_number}: promised {promised_on}[, expected "
                                    "{expected_on}][, {days_late:days} late]{confirmed?, certain}"),
    SAY("shipment.delivered",
        "{tracking_number} on {delivered_on}{promise_met?, as promised}[, {days_late:days} late]"),
    SAY("shipment.ndr_raised", "{tracking_number}: attempt {attempt_no} failed[ ({reason})]"),
    ASIDE("shipment.registered", "{tracking_number}[, promised {promised_on}], {time_zone}"),
    SAY("shipment.rto_delivered", "{tracking_number} is back at its origin"),
    SAY("shipment.rto_started", "{tracking_number} goes back[ ({reason})]"),
    SAY("shipment.stalled", "{tracking_number}: no scan since {last_scan_at_ms}"),
    SAY("shipment.status_changed",
        "{tracking_number}: [{leg} ]{status}[ ({reason})][ at {location}]"),
    SAY("stock.backordered", "[expected {expected_on}]"),
    ASIDE("stock.hold_answered", "{supplier_id} {outcome} {quantity}×{sku}"),
    ASIDE("stock.hold_confirmed", "{supplier_id} {quantity}×{sku} for {fulfilment_order_id}"),
    ASIDE("stock.hold_released", "{supplier_id} {sku} ({reason})"),
    ASIDE("stock.hold_requested", "{supplier_id} {quantity}×{sku}"),
    ASIDE("stock.level_reported", "{supplier_id} has {available}×{sku}"),
    SAY("stock.mismatch_detected", "{supplier_id} has no {sku} after all[: {reason}]"),
    SAY("stock.released", "{reason}"),
    SAY("stock.reserved", "{holds}, until {expires_at_ms}"),
    SAY("stock.short", "{shortages}"),
    SAY("supplier.order_accepted", "{fulfilment_order_id}: {supplier_id} will do it"),
    SAY("supplier.order_cancelled", "{fulfilment_order_id}: {supplier_id}[, {reason}]"),
    SAY("supplier.order_rejected", "{fulfilment_order_id}: {supplier_id} says {reasons}"),
    SAY("supplier.order_shipped", "{fulfilment_order_id}: {supplier_id} by {parcels}"),
    SAY("supplier.overdue", "{fulfilment_order_id}: {supplier_id} should {what} by {due_at_ms}"),
    SAY("supplier.scored", "{supplier_id}: {on_time} of {shipments} on time"),
};
const size_t telling_count = sizeof(tellings) / sizeof(tellings[0]);
