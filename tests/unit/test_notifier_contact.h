/* What the tests of the dispatcher share: a contact, messages to it, and what becomes of them. */
#ifndef WAYBILL_TESTS_TEST_NOTIFIER_CONTACT_H
#define WAYBILL_TESTS_TEST_NOTIFIER_CONTACT_H

#include "test_notifier.h"

#define CONTACT STR("0f8fad5b-d9cb-569f-a165-70867728950e")

static struct notifier_settings cfg;
static struct kit kit;

static inline void begin(void)
{
    cfg = a_cfg();
    open_kit(&kit, &cfg);
}

/* KIT_START_MS is 2026-01-15T10:00Z: day in Paris and Sao Paulo, afternoon in Kolkata. */
static inline struct message_planned a_message(const char *id, enum message_kind kind)
{
    return (struct message_planned){.message_id = str_from(id),
                                    .contact_id = CONTACT,
                                    .order_id = ORDER,
                                    .kind = kind,
                                    .message_class = kind == MESSAGE_KIND_FEEDBACK_REQUEST
                                                         ? MESSAGE_CLASS_FEEDBACK
                                                         : MESSAGE_CLASS_TRANSACTIONAL,
                                    .email = STR("ana@example.org"),
                                    .phone = STR("+5511987654321"),
                                    .time_zone = STR("Europe/Paris"),
                                    .subject = STR("Subject"),
                                    .text = STR("Text of the mail\n"),
                                    .sms_text = STR("Text of the SMS")};
}

static inline void plan_message(struct message_planned message)
{
    CU_ASSERT_EQUAL(kit_event(&kit, &message_planned, CONTACT, &message), DONE);
}

static inline void plan(const char *id, enum message_kind kind)
{
    plan_message(a_message(id, kind));
}

static inline void withdraw_message(const char *id)
{
    kit_event(&kit, &message_withdrawn, CONTACT,
              &(struct message_withdrawn){.message_id = str_from(id),
                                          .contact_id = CONTACT,
                                          .order_id = ORDER,
                                          .reason = STR("overtaken")});
}

static inline enum verdict opt_out(enum message_channel channel)
{
    return kit_event(&kit, &contact_opted_out, CONTACT,
                     &(struct contact_opted_out){.contact_id = CONTACT, .channel = channel});
}

static inline enum verdict report(const char *id, enum report_outcome outcome)
{
    return kit_event(&kit, &message_reported, CONTACT,
                     &(struct message_reported){.message_id = str_from(id),
                                                .contact_id = CONTACT,
                                                .provider = STR("p"),
                                                .outcome = outcome,
                                                .occurred_at_ms = 5});
}

static inline void reply_with(struct call_reply reply)
{
    reply.detail = reply.detail.ptr ? reply.detail : STR("why");
    CU_ASSERT_EQUAL(kit_reply(&kit, &contact_state, CONTACT, &reply), DONE);
}

static inline void reply(const char *intent_id, enum outcome outcome)
{
    reply_with((struct call_reply){.intent_id = str_from(intent_id), .outcome = outcome});
}

/* The nth call that is under way. */
static inline const struct intent *call(size_t nth)
{
    const struct kit_intent *pending = kit_intent_pending(&kit, nth);
    return pending ? &pending->intent : NULL;
}

static inline bool is_calling(const char *intent_id)
{
    return call(0) && !call(1) && is_text(call(0)->id, intent_id);
}

static inline bool is_suppressed(size_t nth, const char *id, const char *reason)
{
    const struct message_suppressed *suppressed = kit_emitted(&kit, &message_suppressed, nth);
    return suppressed && str_equal(suppressed->message_id, str_from(id)) &&
           is_text(suppressed->reason, reason) &&
           str_equal(kit_emitted_key(&kit, &message_suppressed, nth), ORDER);
}

static inline int64_t release_due(void)
{
    return kit_timer_due(&kit, &contact_state, CONTACT, "release");
}

#endif
