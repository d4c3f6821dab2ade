/* When a message goes: quiet hours by the recipient's clock, DST included, and caps. */
/* links: notifier_settings notifier_core rules_kit waybill_calendar */
#include "test_notifier_contact.h"

#include "calendar/calendar.h"

/* ---- quiet hours ---- */

static void test_message_waits_for_the_morning_when_it_is_night_at_the_recipient(void)
{
    /* zone, when it is planned, when it may go; from Python's zoneinfo */
    static const struct {
        const char *zone;
        int64_t now_ms, due_ms;
    } cases[] = {
        {"Asia/Kolkata", 1768491000000, 1768530600000},      /* Jan 15 21:00 -> Jan 16 08:00 */
        {"Asia/Kolkata", 1768530599000, 1768530600000},      /* 07:59:59 */
        {"America/Sao_Paulo", 1768532400000, 1768561200000}, /* Jan 16 00:00 -> 08:00 */
        {"Europe/Paris", 1768517999000, 1768546800000},      /* Jan 15 23:59:59 -> 08:00 */
        {"Mars/Olympus", 1768510800000, 1768550400000},      /* counts as UTC: 21:00 -> 08:00 */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin();
        kit.ctx.now_ms = cases[i].now_ms;
        struct message_planned message = a_message("m1", MESSAGE_KIND_DISPATCHED);
        message.time_zone = str_from(cases[i].zone);
        plan_message(message);
        CU_ASSERT_PTR_NULL(call(0));
        CU_ASSERT_EQUAL(release_due(), cases[i].due_ms);
        kit_advance(&kit, cases[i].due_ms - cases[i].now_ms - 1);
        CU_ASSERT_PTR_NULL(call(0));
        kit_advance(&kit, 1);
        CU_ASSERT_TRUE(is_calling("m1/email/1"));
        kit_done(&kit);
    }
}

static void test_message_goes_when_it_is_just_not_night(void)
{
    static const struct {
        const char *zone;
        int64_t now_ms;
    } cases[] = {{"Asia/Kolkata", 1768530600000},      /* 08:00 */
                 {"Asia/Kolkata", 1768490999000},      /* 20:59:59 */
                 {"America/Sao_Paulo", 1768521599000}, /* 20:59:59 */
                 {"Europe/Paris", 1768546800000}};     /* 08:00 */
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin();
        kit.ctx.now_ms = cases[i].now_ms;
        struct message_planned message = a_message("m1", MESSAGE_KIND_DISPATCHED);
        message.time_zone = str_from(cases[i].zone);
        plan_message(message);
        CU_ASSERT_TRUE(is_calling("m1/email/1"));
        kit_done(&kit);
    }
}

static void test_morning_is_the_clock_on_the_wall_when_the_clocks_change_overnight(void)
{
    /* Paris, quiet from 2026-03-28 21:00 CET: 08:00 CEST is 06:00 UTC, ten hours later */
    begin();
    kit.ctx.now_ms = 1774728000000;
    plan("m1", MESSAGE_KIND_DISPATCHED);
    CU_ASSERT_EQUAL(release_due(), 1774764000000);
    kit_done(&kit);
    /* and from 2026-10-24 21:00 CEST: 08:00 CET is 07:00 UTC, twelve hours later */
    begin();
    kit.ctx.now_ms = 1792868400000;
    plan("m1", MESSAGE_KIND_DISPATCHED);
    CU_ASSERT_EQUAL(release_due(), 1792911600000);
    kit_done(&kit);
}

static void test_message_waits_for_the_second_pass_when_quiet_ends_in_a_repeated_hour(void)
{
    begin();
    cfg.quiet_until_minutes = 150; /* 02:30, twice on 2026-10-25 in Paris: 00:30 and 01:30 UTC */
    kit.ctx.now_ms = 1792888200000 - 60000; /* 02:29, first pass */
    plan("m1", MESSAGE_KIND_DISPATCHED);
    CU_ASSERT_EQUAL(release_due(), 1792888200000);
    kit_advance(&kit, 60000);
    CU_ASSERT_TRUE(is_calling("m1/email/1"));
    kit.ctx.now_ms = 1792890000000 + 600000; /* 02:10, second pass */
    plan("m2", MESSAGE_KIND_DISPATCHED);
    CU_ASSERT_EQUAL(release_due(), 1792891800000);
    CU_ASSERT_EQUAL(kit_advance(&kit, 1200000), 1);
    CU_ASSERT_TRUE(is_text(call(1)->id, "m2/email/1"));
    kit_done(&kit);
}

static void test_message_goes_after_the_gap_when_quiet_ends_inside_it(void)
{
    begin();
    cfg.quiet_until_minutes = 150; /* 02:30 does not exist on 2026-03-29 in Paris */
    kit.ctx.now_ms = 1774728000000;
    plan("m1", MESSAGE_KIND_DISPATCHED);
    CU_ASSERT_EQUAL(release_due(), 1774747800000); /* 03:30, 01:30 UTC */
    kit_advance(&kit, 1774747800000 - 1774728000000);
    CU_ASSERT_TRUE(is_calling("m1/email/1"));
    kit_done(&kit);
}

static void test_quiet_hours_hold_when_they_lie_within_a_day_or_are_off(void)
{
    begin();
    cfg.quiet_from_minutes = 11 * 60; /* 11:00 to 15:00; it is 11:00 in Paris */
    cfg.quiet_until_minutes = 15 * 60;
    plan("m1", MESSAGE_KIND_DISPATCHED);
    CU_ASSERT_EQUAL(release_due(), KIT_START_MS + 4 * HOUR_MS);
    kit_done(&kit);
    begin();
    cfg.quiet_from_minutes = cfg.quiet_until_minutes = 0;
    kit.ctx.now_ms = KIT_START_MS + 13 * HOUR_MS;
    plan("m1", MESSAGE_KIND_DISPATCHED);
    CU_ASSERT_TRUE(is_calling("m1/email/1"));
    kit_done(&kit);
}

static void test_confirmation_goes_at_night_by_mail_but_not_by_sms(void)
{
    begin();
    kit.ctx.now_ms = KIT_START_MS + 13 * HOUR_MS; /* midnight in Paris */
    plan("m1", MESSAGE_KIND_ORDER_CONFIRMED);
    CU_ASSERT_TRUE(is_calling("m1/email/1"));
    reply("m1/email/1", OUTCOME_REFUSED);
    CU_ASSERT_PTR_NULL(call(0)); /* the SMS waits */
    CU_ASSERT_EQUAL(release_due(), 1768546800000);
    kit_advance(&kit, DAY_MS);
    CU_ASSERT_TRUE(is_calling("m1/sms/2"));
    kit_done(&kit);
}

static void test_critical_message_goes_when_it_is_night(void)
{
    begin();
    kit.ctx.now_ms = KIT_START_MS + 13 * HOUR_MS;
    struct message_planned message = a_message("m1", MESSAGE_KIND_DELAYED);
    message.message_class = MESSAGE_CLASS_CRITICAL;
    plan_message(message);
    CU_ASSERT_TRUE(is_calling("m1/email/1"));
    kit_done(&kit);
}

static void test_no_message_goes_in_quiet_hours_whenever_it_is_planned(void)
{
    static const char *const zones[] = {"Asia/Kolkata", "America/Sao_Paulo", "Europe/Paris",
                                        "Pacific/Apia", "UTC"};
    begin();
    for (int i = 0; i < 400; i++) {
        char id[20];
        snprintf(id, sizeof(id), "m%d", i);
        struct message_planned message = a_message(id, MESSAGE_KIND_DISPATCHED);
        message.time_zone = str_from(zones[i % 5]);
        plan_message(message);
        while (release_due() >= 0 && !call(0))
            kit_advance(&kit, release_due() - kit.ctx.now_ms);
        int hour = calendar_local_minutes(str_from(zones[i % 5]), kit.ctx.now_ms) / 60;
        CU_ASSERT_TRUE_FATAL(call(0) && hour >= 8 && hour < 21);
        reply_with((struct call_reply){.intent_id = call(0)->id, .outcome = OUTCOME_OK});
        kit_advance(&kit, 7 * HOUR_MS + 13 * MINUTE_MS);
    }
    kit_done(&kit);
}

/* ---- caps ---- */

static void test_messages_wait_for_the_next_day_when_the_contact_had_enough(void)
{
    begin();
    cfg.cap_per_day = 2;
    static char ids[5][8];
    for (int i = 0; i < 5; i++) {
        snprintf(ids[i], sizeof(ids[i]), "m%d", i);
        plan(ids[i], MESSAGE_KIND_DISPATCHED);
    }
    CU_ASSERT_PTR_NULL(call(2));
    CU_ASSERT_EQUAL(release_due(), 1768518000000); /* midnight in Paris, Jan 16 */
    reply("m0/email/1", OUTCOME_OK);
    reply("m1/email/1", OUTCOME_OK);
    kit_advance(&kit, 1768546800000 - KIT_START_MS); /* 08:00 */
    CU_ASSERT_TRUE(is_text(call(0)->id, "m2/email/1"));
    CU_ASSERT_TRUE(is_text(call(1)->id, "m3/email/1"));
    CU_ASSERT_PTR_NULL(call(2));
    kit_advance(&kit, DAY_MS);
    CU_ASSERT_TRUE(is_text(call(2)->id, "m4/email/1"));
    CU_ASSERT_EQUAL(kit_count(&kit, &message_suppressed), 0);
    kit_done(&kit);
}

static void test_confirmation_and_critical_go_when_the_cap_is_reached(void)
{
    begin();
    cfg.cap_per_day = 1;
    plan("m1", MESSAGE_KIND_DISPATCHED);
    plan("m2", MESSAGE_KIND_ORDER_CONFIRMED);
    struct message_planned message = a_message("m3", MESSAGE_KIND_DELAYED);
    message.message_class = MESSAGE_CLASS_CRITICAL;
    plan_message(message);
    CU_ASSERT_PTR_NOT_NULL(call(2));
    kit_done(&kit);
}

static void test_oldest_held_are_given_up_when_their_texts_grow_too_large(void)
{
    begin();
    kit.ctx.now_ms = KIT_START_MS + 13 * HOUR_MS;
    static char text[50 * 1024];
    memset(text, 'x', sizeof(text));
    static char ids[5][8];
    for (int i = 0; i < 5; i++) {
        snprintf(ids[i], sizeof(ids[i]), "m%d", i);
        struct message_planned message = a_message(ids[i], MESSAGE_KIND_DISPATCHED);
        message.text = (struct str){text, sizeof(text)};
        plan_message(message);
    }
    CU_ASSERT_TRUE(is_suppressed(0, "m0", "cap"));
    CU_ASSERT_EQUAL(kit_count(&kit, &message_suppressed), 3);
    CU_ASSERT_TRUE(kit_state_bytes(&kit, &contact_state, CONTACT) < STATE_BYTES_MAX);
    kit_done(&kit);
}
