/* What a person sends to one service stands on its topic `<service>.operator`: records that it is
 * to decide again. These headers say what each is and where it first stood; all else of the record
 * is as it first was. The tool writes them, the runtime reads them. */
#ifndef WAYBILL_TOPICS_OPERATOR_H
#define WAYBILL_TOPICS_OPERATOR_H

#define OPERATOR_SUFFIX ".operator"

/* What they may add to a record's own. */
enum { OPERATOR_HEADERS_MAX = 16, OPERATOR_HEADER_BYTES_MAX = 8 * 1024 };

#define OPERATOR_HEADERS     "waybill_operator" /* all of them begin so */
#define OPERATOR_WHAT_HEADER "waybill_operator" /* "requeue", "replay" or "answer" */
/* Names what was sent: "intake.dlq/3/17", or run/topic/partition/offset. A dead letter that comes
 * of it names its forebear so. */
#define OPERATOR_ID_HEADER "waybill_operator_id"
/* Where the record first stood: topic without prefix, partition, offset. */
#define OPERATOR_TOPIC_HEADER     "waybill_operator_topic"
#define OPERATOR_PARTITION_HEADER "waybill_operator_partition"
#define OPERATOR_OFFSET_HEADER    "waybill_operator_offset"
/* Makes another event of it than the first one was, so that one that was decided may be decided
 * again: a name for each time. Without it the event is the first one, and counts once. */
#define OPERATOR_AGAIN_HEADER "waybill_operator_again"
/* "off": the calls that its rule asks for are parked, not made. */
#define OPERATOR_EFFECTS_HEADER "waybill_operator_effects"
#define OPERATOR_BY_HEADER      "waybill_operator_by"
#define OPERATOR_WHY_HEADER     "waybill_operator_why"
#define OPERATOR_AT_HEADER      "waybill_operator_at" /* RFC 3339 */

#endif
