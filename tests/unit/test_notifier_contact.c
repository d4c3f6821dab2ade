/* The dispatcher of a contact: by which channel a message goes, and what becomes of it. */
/* links: notifier_settings notifier_core rules_kit waybill_json */
#include "test_notifier_contact.h"

#include "json/json.h"

/* ---- sending ---- */

static void test_mail_goes_at_once_when_it_is_day(void)
{
    begin();
    plan("m1", MESSAGE_KIND_DISPATCHED);
    CU_ASSERT_TRUE(is_calling("m1/email/1"));
    CU_ASSERT_TRUE(is_text(call(0)->endpoint, "email"));
    CU_ASSERT_TRUE(is_text(call(0)->mail_from, "orders@shop.example"));
    CU_ASSERT_TRUE(is_text(call(0)->mail_to, "ana@example.org"));
    CU_ASSERT_TRUE(says(call(0)->body, "Message-ID: <m1@shop.example>\r\n"));
    CU_ASSERT_TRUE(says(call(0)->body, "Subject: Subject\r\n"));
    CU_ASSERT_TRUE(says(call(0)->body, "In-Reply-To: <"));
    CU_ASSERT_TRUE(says(call(0)->body, "List-Unsubscribe: <mailto:orders@shop.example?subject="
                                       "unsubscribe%200f8fad5b-d9cb-569f-a165-70867728950e>"));
    CU_ASSERT_TRUE(says(call(0)->body, "\r\n\r\nText of the mail\r\n"));
    reply("m1/email/1", OUTCOME_OK);
    const struct message_sent *sent = kit_emitted(&kit, &message_sent, 0);
    CU_ASSERT_EQUAL(sent->channel, MESSAGE_CHANNEL_EMAIL);
    CU_ASSERT_EQUAL(sent->sent_at_ms, KIT_START_MS);
    CU_ASSERT_TRUE(str_equal(kit_emitted_key(&kit, &message_sent, 0), ORDER));
    CU_ASSERT_PTR_NULL(call(0));
    kit_done(&kit);
}

static void test_confirmation_begins_the_thread_when_mails_of_an_order_follow(void)
{
    begin();
    struct arena kept = {.bytes_max = 4096};
    struct str first =
        policy_message_id(&kept, ORDER, MESSAGE_KIND_ORDER_CONFIRMED, (struct str){NULL, 0}, 0);
    struct message_planned message = a_message("x", MESSAGE_KIND_ORDER_CONFIRMED);
    message.message_id = first;
    plan_message(message);
    CU_ASSERT_PTR_NULL(memmem(call(0)->body.ptr, call(0)->body.len, "In-Reply-To", 11));
    plan("m2", MESSAGE_KIND_DISPATCHED);
    char expected[100];
    snprintf(expected, sizeof(expected), "In-Reply-To: <%.*s@shop.example>\r\n", STR_ARG(first));
    CU_ASSERT_TRUE(says(call(1)->body, expected));
    arena_done(&kept);
    kit_done(&kit);
}

static void test_sms_goes_when_there_is_no_email(void)
{
    begin();
    struct message_planned message = a_message("m1", MESSAGE_KIND_DISPATCHED);
    message.email = (struct str){NULL, 0};
    message.sms_text = STR("say \"hi\"\n");
    plan_message(message);
    CU_ASSERT_TRUE(is_calling("m1/sms/1"));
    CU_ASSERT_TRUE(is_text(call(0)->endpoint, "sms"));
    CU_ASSERT_STRING_EQUAL(call(0)->method, "POST");
    CU_ASSERT_TRUE(is_text(call(0)->path, "/messages"));
    CU_ASSERT_TRUE(is_text(call(0)->idempotency_key, "m1"));
    struct arena kept = {.bytes_max = 1 << 16};
    const struct json_node *body = json_parse(&kept, call(0)->body, NULL);
    CU_ASSERT_TRUE(is_text(json_text(json_member(body, STR("to"))), "+5511987654321"));
    CU_ASSERT_TRUE(is_text(json_text(json_member(body, STR("from"))), "SHOP"));
    CU_ASSERT_TRUE(is_text(json_text(json_member(body, STR("text"))), "say \"hi\"\n"));
    CU_ASSERT_TRUE(is_text(json_text(json_member(body, STR("message_id"))), "m1"));
    arena_done(&kept);
    reply_with((struct call_reply){
        .intent_id = STR("m1/sms/1"), .outcome = OUTCOME_OK, .body = STR("{\"id\": \"p-9\"}")});
    const struct message_sent *sent = kit_emitted(&kit, &message_sent, 0);
    CU_ASSERT_EQUAL(sent->channel, MESSAGE_CHANNEL_SMS);
    CU_ASSERT_TRUE(is_text(sent->provider_message_id, "p-9"));
    kit_done(&kit);
}

static void test_message_counts_as_sent_when_the_providers_answer_is_no_json(void)
{
    begin();
    struct message_planned message = a_message("m1", MESSAGE_KIND_DISPATCHED);
    message.email = (struct str){NULL, 0};
    plan_message(message);
    reply_with((struct call_reply){
        .intent_id = STR("m1/sms/1"), .outcome = OUTCOME_OK, .body = STR("<html>")});
    const struct message_sent *sent = kit_emitted(&kit, &message_sent, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sent);
    CU_ASSERT_PTR_NULL(sent->provider_message_id.ptr);
    kit_done(&kit);
}

static void test_nothing_more_happens_when_planned_or_answered_again(void)
{
    begin();
    plan("m1", MESSAGE_KIND_DISPATCHED);
    plan("m1", MESSAGE_KIND_DISPATCHED);
    CU_ASSERT_TRUE(is_calling("m1/email/1"));
    reply("m1/email/1", OUTCOME_OK);
    plan("m1", MESSAGE_KIND_DISPATCHED);
    CU_ASSERT_PTR_NULL(call(0));
    CU_ASSERT_EQUAL(kit_count(&kit, &message_sent), 1);
    kit_done(&kit);
}

static void test_first_channel_is_sms_when_the_settings_say_so(void)
{
    begin();
    cfg.policies[MESSAGE_KIND_OUT_FOR_DELIVERY] =
        (struct message_policy){.is_set = true,
                                .message_class = MESSAGE_CLASS_TRANSACTIONAL,
                                .first = MESSAGE_CHANNEL_SMS,
                                .expires_after_ms = DAY_MS};
    plan("m1", MESSAGE_KIND_OUT_FOR_DELIVERY);
    CU_ASSERT_TRUE(is_calling("m1/sms/1"));
    kit_done(&kit);
}

static void test_only_so_many_calls_are_under_way_when_many_messages_come(void)
{
    begin();
    static char ids[12][8];
    for (int i = 0; i < 12; i++) {
        snprintf(ids[i], sizeof(ids[i]), "m%d", i);
        plan(ids[i], MESSAGE_KIND_ORDER_CONFIRMED);
    }
    CU_ASSERT_PTR_NOT_NULL(call(7));
    CU_ASSERT_PTR_NULL(call(8));
    reply("m0/email/1", OUTCOME_OK);
    CU_ASSERT_TRUE(is_text(call(7)->id, "m8/email/1"));
    kit_done(&kit);
}

/* ---- outcomes ---- */

static void test_other_channel_is_tried_when_the_first_definitely_refused(void)
{
    begin();
    plan("m1", MESSAGE_KIND_DISPATCHED);
    reply("m1/email/1", OUTCOME_REFUSED);
    CU_ASSERT_TRUE(is_calling("m1/sms/2"));
    CU_ASSERT_EQUAL(kit_count(&kit, &message_failed), 0);
    reply_with((struct call_reply){.intent_id = STR("m1/sms/2"),
                                   .outcome = OUTCOME_REFUSED,
                                   .detail = STR("400 no such number")});
    const struct message_failed *failed = kit_emitted(&kit, &message_failed, 0);
    CU_ASSERT_EQUAL(kit_count(&kit, &message_failed), 1);
    CU_ASSERT_TRUE(is_text(failed->detail, "400 no such number"));
    CU_ASSERT_TRUE(str_equal(kit_emitted_key(&kit, &message_failed, 0), ORDER));
    CU_ASSERT_PTR_NULL(call(0));
    kit_done(&kit);
}

static void test_no_other_channel_is_tried_when_the_outcome_is_unknown(void)
{
    begin();
    plan("m1", MESSAGE_KIND_DISPATCHED);
    reply_with((struct call_reply){
        .intent_id = STR("m1/email/1"), .outcome = OUTCOME_UNKNOWN, .parked = true});
    CU_ASSERT_PTR_NOT_NULL(kit_emitted(&kit, &message_outcome_unknown, 0));
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 1);
    CU_ASSERT_EQUAL(release_due(), -1);
    reply("m1/email/1", OUTCOME_OK); /* a person looked */
    CU_ASSERT_EQUAL(kit_count(&kit, &message_sent), 1);
    kit_done(&kit);
}

static void test_parked_message_takes_the_other_channel_when_a_person_says_it_did_not_go(void)
{
    begin();
    plan("m1", MESSAGE_KIND_DISPATCHED);
    reply_with((struct call_reply){
        .intent_id = STR("m1/email/1"), .outcome = OUTCOME_UNKNOWN, .parked = true});
    reply("m1/email/1", OUTCOME_REFUSED);
    CU_ASSERT_TRUE(is_calling("m1/sms/2"));
    kit_done(&kit);
}

/* F75: what has become untrue while a person looked is not sent, by whatever channel. */
static void test_parked_message_is_not_sent_when_it_was_overtaken_before_a_person_answered(void)
{
    static const enum outcome answers[] = {OUTCOME_REFUSED, OUTCOME_NOT_SENT};
    for (size_t i = 0; i < 2; i++) {
        begin();
        plan("m1", MESSAGE_KIND_DISPATCHED);
        reply_with((struct call_reply){
            .intent_id = STR("m1/email/1"), .outcome = OUTCOME_UNKNOWN, .parked = true});
        withdraw_message("m1");
        reply("m1/email/1", answers[i]);
        kit_advance(&kit, HOUR_MS);
        CU_ASSERT_PTR_NULL(call(0));
        CU_ASSERT_TRUE(is_suppressed(0, "m1", "expired"));
        kit_done(&kit);
    }
    begin();
    plan("m1", MESSAGE_KIND_DISPATCHED);
    reply_with((struct call_reply){
        .intent_id = STR("m1/email/1"), .outcome = OUTCOME_UNKNOWN, .parked = true});
    withdraw_message("m1");
    reply("m1/email/1", OUTCOME_OK);
    CU_ASSERT_EQUAL(kit_count(&kit, &message_sent), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &message_suppressed), 0);
    kit_done(&kit);
}

static void test_same_channel_is_tried_later_when_it_was_certainly_not_sent(void)
{
    begin();
    plan("m1", MESSAGE_KIND_DISPATCHED);
    reply("m1/email/1", OUTCOME_NOT_SENT);
    CU_ASSERT_PTR_NULL(call(0));
    CU_ASSERT_EQUAL(release_due(), KIT_START_MS + 15 * MINUTE_MS);
    kit_advance(&kit, 15 * MINUTE_MS);
    CU_ASSERT_TRUE(is_calling("m1/email/2"));
    CU_ASSERT_TRUE(says(call(0)->body, "Message-ID: <m1@shop.example>\r\n"));
    kit_done(&kit);
}

static void test_message_fails_when_it_was_not_sent_too_often(void)
{
    begin();
    plan("m1", MESSAGE_KIND_ORDER_CONFIRMED);
    int tries = 0;
    for (; tries < 50 && call(0); tries++) {
        reply_with((struct call_reply){.intent_id = call(0)->id, .outcome = OUTCOME_NOT_SENT});
        kit_advance(&kit, HOUR_MS);
    }
    CU_ASSERT_EQUAL(tries, 10);
    CU_ASSERT_EQUAL(kit_count(&kit, &message_failed), 1);
    kit_done(&kit);
}

static void test_sms_goes_when_the_mail_address_cannot_be_written(void)
{
    begin();
    struct message_planned message = a_message("m1", MESSAGE_KIND_DISPATCHED);
    message.email = STR("ana@example.org\r\nBcc: all@example.org");
    plan_message(message);
    CU_ASSERT_TRUE(is_calling("m1/sms/2"));
    message = a_message("m2", MESSAGE_KIND_DISPATCHED);
    message.email = STR("not an address");
    message.phone = (struct str){NULL, 0};
    plan_message(message);
    CU_ASSERT_EQUAL(kit_count(&kit, &message_failed), 1);
    kit_done(&kit);
}

static void test_message_is_suppressed_when_there_is_no_channel(void)
{
    begin();
    struct message_planned message = a_message("m1", MESSAGE_KIND_DISPATCHED);
    message.email = message.phone = (struct str){NULL, 0};
    plan_message(message);
    CU_ASSERT_TRUE(is_suppressed(0, "m1", "no_channel"));
    kit_done(&kit);
}

/* ---- withdrawn, expired, opted out ---- */

static void test_held_message_never_goes_when_withdrawn(void)
{
    begin();
    kit.ctx.now_ms = KIT_START_MS + 12 * HOUR_MS; /* 23:00 in Paris */
    plan("m1", MESSAGE_KIND_OUT_FOR_DELIVERY);
    withdraw_message("m1");
    CU_ASSERT_TRUE(is_suppressed(0, "m1", "overtaken"));
    CU_ASSERT_EQUAL(release_due(), -1);
    kit_advance(&kit, DAY_MS);
    CU_ASSERT_PTR_NULL(call(0));
    kit_done(&kit);
}

static void test_call_is_withdrawn_when_the_message_is(void)
{
    begin();
    plan("m1", MESSAGE_KIND_OUT_FOR_DELIVERY);
    withdraw_message("m1");
    CU_ASSERT_TRUE(kit_intent_find(&kit, STR("m1/email/1"))->withdrawn);
    CU_ASSERT_TRUE(is_suppressed(0, "m1", "overtaken"));
    withdraw_message("m1");
    CU_ASSERT_EQUAL(kit_count(&kit, &message_suppressed), 1);
    kit_done(&kit);
}

static void test_it_is_told_that_it_went_when_withdrawn_too_late(void)
{
    begin();
    plan("m1", MESSAGE_KIND_OUT_FOR_DELIVERY);
    withdraw_message("m1");
    kit.intents[0].withdrawn = false; /* it had started */
    reply("m1/email/1", OUTCOME_OK);
    CU_ASSERT_EQUAL(kit_count(&kit, &message_sent), 1);
    kit_done(&kit);
}

static void test_nothing_is_tried_when_a_withdrawn_message_is_refused(void)
{
    begin();
    plan("m1", MESSAGE_KIND_OUT_FOR_DELIVERY);
    withdraw_message("m1");
    kit.intents[0].withdrawn = false;
    reply("m1/email/1", OUTCOME_REFUSED);
    CU_ASSERT_PTR_NULL(call(0));
    CU_ASSERT_EQUAL(kit_count(&kit, NULL), 1);
    kit_done(&kit);
}

static void test_nothing_happens_when_withdrawn_after_it_went_or_never_planned(void)
{
    begin();
    withdraw_message("m0");
    CU_ASSERT_PTR_NULL(kit_state(&kit, &contact_state, CONTACT));
    plan("m1", MESSAGE_KIND_DISPATCHED);
    reply("m1/email/1", OUTCOME_OK);
    withdraw_message("m1");
    CU_ASSERT_EQUAL(kit_count(&kit, &message_suppressed), 0);
    kit_done(&kit);
}

static void test_message_is_suppressed_when_it_is_stale_at_release(void)
{
    begin();
    kit.ctx.now_ms = KIT_START_MS + 12 * HOUR_MS; /* 23:00 in Paris; quiet until 08:00 */
    struct message_planned message = a_message("m1", MESSAGE_KIND_OUT_FOR_DELIVERY);
    message.expires_at_ms = kit.ctx.now_ms + 8 * HOUR_MS;
    plan_message(message);
    kit_advance(&kit, 9 * HOUR_MS);
    CU_ASSERT_PTR_NULL(call(0));
    CU_ASSERT_TRUE(is_suppressed(0, "m1", "expired"));
    kit_done(&kit);
}

static void test_call_carries_the_expiry_when_there_is_one(void)
{
    begin();
    struct message_planned message = a_message("m1", MESSAGE_KIND_OUT_FOR_DELIVERY);
    message.expires_at_ms = KIT_START_MS + HOUR_MS;
    plan_message(message);
    CU_ASSERT_EQUAL(call(0)->expires_ms, KIT_START_MS + HOUR_MS);
    kit_advance(&kit, 2 * HOUR_MS);
    reply("m1/email/1", OUTCOME_NOT_SENT);
    CU_ASSERT_PTR_NULL(call(0));
    kit_advance(&kit, HOUR_MS);
    CU_ASSERT_TRUE(is_suppressed(0, "m1", "expired"));
    kit_done(&kit);
}

static void test_other_channel_is_used_when_one_is_opted_out(void)
{
    begin();
    CU_ASSERT_EQUAL(opt_out(MESSAGE_CHANNEL_EMAIL), DONE);
    plan("m1", MESSAGE_KIND_DISPATCHED);
    CU_ASSERT_TRUE(is_calling("m1/sms/1"));
    opt_out(MESSAGE_CHANNEL_SMS);
    CU_ASSERT_TRUE(is_suppressed(0, "m1", "opted_out")); /* withdrawn before it started */
    CU_ASSERT_PTR_NULL(call(0));
    struct message_planned critical = a_message("m2", MESSAGE_KIND_DELAYED);
    critical.message_class = MESSAGE_CLASS_CRITICAL;
    plan_message(critical);
    CU_ASSERT_TRUE(is_suppressed(1, "m2", "opted_out"));
    kit_done(&kit);
}

static void test_held_message_never_goes_when_opted_out_overnight(void)
{
    begin();
    kit.ctx.now_ms = KIT_START_MS + 12 * HOUR_MS;
    plan("m1", MESSAGE_KIND_DISPATCHED);
    opt_out(MESSAGE_CHANNEL_UNKNOWN); /* every channel */
    CU_ASSERT_TRUE(is_suppressed(0, "m1", "opted_out"));
    kit_advance(&kit, DAY_MS);
    CU_ASSERT_PTR_NULL(call(0));
    kit_done(&kit);
}

static void test_opt_out_is_remembered_when_all_else_is_forgotten(void)
{
    begin();
    opt_out(MESSAGE_CHANNEL_UNKNOWN);
    kit_advance(&kit, 1000 * DAY_MS);
    plan("m1", MESSAGE_KIND_DISPATCHED);
    CU_ASSERT_TRUE(is_suppressed(0, "m1", "opted_out"));
    kit_advance(&kit, 1000 * DAY_MS);
    CU_ASSERT_PTR_NOT_NULL(kit_state(&kit, &contact_state, CONTACT));
    kit_done(&kit);
}

static void test_opt_out_is_set_aside_when_it_names_another_contact(void)
{
    begin();
    CU_ASSERT_EQUAL(kit_event(&kit, &contact_opted_out, CONTACT,
                              &(struct contact_opted_out){.contact_id = STR("other")}),
                    SET_ASIDE);
    kit_done(&kit);
}

/* ---- reports ---- */

static void test_report_is_set_aside_when_nobody_knows_the_message(void)
{
    begin();
    CU_ASSERT_EQUAL(report("m1", REPORT_OUTCOME_DELIVERED), SET_ASIDE);
    kit.ctx.now_ms = KIT_START_MS + 13 * HOUR_MS;
    plan("m1", MESSAGE_KIND_DISPATCHED);
    CU_ASSERT_EQUAL(report("m1", REPORT_OUTCOME_DELIVERED), SET_ASIDE); /* not sent yet */
    kit_done(&kit);
}

static void test_arrival_is_told_once_when_reported_often(void)
{
    begin();
    plan("m1", MESSAGE_KIND_DISPATCHED);
    report("m1", REPORT_OUTCOME_DELIVERED); /* the report overtook the answer */
    reply("m1/email/1", OUTCOME_OK);
    report("m1", REPORT_OUTCOME_READ);
    report("m1", REPORT_OUTCOME_FAILED);
    report("m1", REPORT_OUTCOME_UNKNOWN);
    CU_ASSERT_EQUAL(kit_count(&kit, &message_delivered), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &message_sent), 1);
    CU_ASSERT_EQUAL(kit_count(&kit, &message_failed), 0);
    const struct message_delivered *delivered = kit_emitted(&kit, &message_delivered, 0);
    CU_ASSERT_EQUAL(delivered->occurred_at_ms, 5);
    CU_ASSERT_TRUE(str_equal(kit_emitted_key(&kit, &message_delivered, 0), ORDER));
    kit_done(&kit);
}

static void test_failure_is_told_once_and_a_later_arrival_too(void)
{
    begin();
    plan("m1", MESSAGE_KIND_DISPATCHED);
    reply("m1/email/1", OUTCOME_OK);
    report("m1", REPORT_OUTCOME_FAILED);
    report("m1", REPORT_OUTCOME_FAILED);
    CU_ASSERT_EQUAL(kit_count(&kit, &message_failed), 1);
    CU_ASSERT_PTR_NULL(call(0)); /* another channel only after a definite no to the call */
    report("m1", REPORT_OUTCOME_DELIVERED);
    CU_ASSERT_EQUAL(kit_count(&kit, &message_delivered), 1);
    kit_done(&kit);
}

/* ---- memory ---- */

static void test_contact_is_forgotten_when_its_messages_are_old(void)
{
    begin();
    plan("m1", MESSAGE_KIND_DISPATCHED);
    reply("m1/email/1", OUTCOME_OK);
    kit_advance(&kit, 100 * DAY_MS);
    plan("m2", MESSAGE_KIND_DISPATCHED);
    reply("m2/email/1", OUTCOME_OK);
    kit_advance(&kit, 21 * DAY_MS);
    const struct contact_state *state = kit_state(&kit, &contact_state, CONTACT);
    CU_ASSERT_EQUAL(state->messages.len, 1);
    CU_ASSERT_TRUE(is_text(state->messages.ptr[0].message_id, "m2"));
    CU_ASSERT_PTR_NULL(state->messages.ptr[0].email.ptr);
    CU_ASSERT_TRUE(str_is_empty(state->messages.ptr[0].text));
    kit_advance(&kit, 100 * DAY_MS);
    CU_ASSERT_PTR_NULL(kit_state(&kit, &contact_state, CONTACT));
    kit_done(&kit);
}

static void test_list_stays_short_when_a_contact_buys_very_often(void)
{
    begin();
    char id[40];
    for (int i = 0; i < 700; i++) {
        snprintf(id, sizeof(id), "message-with-a-long-id-%013d", i);
        plan(id, MESSAGE_KIND_ORDER_CONFIRMED);
        reply_with((struct call_reply){.intent_id = call(0)->id, .outcome = OUTCOME_OK});
        kit_forget(&kit);
    }
    const struct contact_state *state = kit_state(&kit, &contact_state, CONTACT);
    CU_ASSERT_EQUAL(state->messages.len, 500);
    CU_ASSERT_TRUE(kit_state_bytes(&kit, &contact_state, CONTACT) < STATE_BYTES_MAX / 2);
    kit_done(&kit);
}
