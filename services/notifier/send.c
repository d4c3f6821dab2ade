/* How a message is handed over: a whole e-mail over SMTP, or an SMS as JSON over HTTP. */
#include "mime/mime.h"
#include "notifier/contact.h"
#include "notifier/wording.h"
#include "json/json_writer.h"

struct str send_intent_id(const struct contact *contact, const struct contact_message *message)
{
    return arena_printf(contact->ctx->arena, "%.*s/%s/%d", STR_ARG(message->message_id),
                        message->channel == MESSAGE_CHANNEL_SMS ? "sms" : "email", message->tries);
}

static struct str mail_id(const struct contact *contact, struct str message_id)
{
    struct str local, domain;
    str_split(contact->cfg->mail_from, '@', &local, &domain);
    return arena_printf(contact->ctx->arena, "%.*s@%.*s", STR_ARG(message_id), STR_ARG(domain));
}

static struct str unsubscribe_link(const struct contact *contact)
{
    const struct notifier_settings *cfg = contact->cfg;
    if (cfg->unsubscribe_url.len > 0)
        return wording_link(contact->ctx->arena, cfg->unsubscribe_url, "contact_id", contact->id);
    return arena_printf(contact->ctx->arena, "mailto:%.*s?subject=unsubscribe%%20%.*s",
                        STR_ARG(cfg->mail_from), STR_ARG(contact->id));
}

static bool send_email(const struct contact *contact, const struct contact_message *message)
{
    struct arena *arena = contact->ctx->arena;
    /* One order, one thread: all follow its confirmation. */
    struct str first = policy_message_id(arena, message->order_id, MESSAGE_KIND_ORDER_CONFIRMED,
                                         (struct str){NULL, 0}, 0);
    bool is_first = str_equal(first, message->message_id);
    struct mime_message mail = {.from = contact->cfg->mail_from,
                                .from_name = contact->cfg->brand,
                                .to = message->email,
                                .subject = message->subject,
                                .text = message->text,
                                .message_id = mail_id(contact, message->message_id),
                                .thread_id =
                                    is_first ? (struct str){NULL, 0} : mail_id(contact, first),
                                .unsubscribe = unsubscribe_link(contact),
                                .date_ms = contact->ctx->now_ms};
    struct str bytes = mime_build(arena, &mail);
    if (!bytes.ptr)
        return false;
    intend(contact->out, &(struct intent){.id = send_intent_id(contact, message),
                                          .name = "message_reply",
                                          .endpoint = STR("email"),
                                          .expires_ms = message->expires_at_ms,
                                          .body = bytes,
                                          .mail_from = contact->cfg->mail_from,
                                          .mail_to = message->email});
    return true;
}

/* The provider knows a message by our id, whichever try it is: it honours Idempotency-Key. */
static bool send_sms(const struct contact *contact, const struct contact_message *message)
{
    struct json_writer json;
    json_writer_init(&json, contact->ctx->arena);
    struct str none = {NULL, 0};
    json_open_object(&json, none);
    json_add_text(&json, STR("to"), message->phone);
    json_add_text(&json, STR("from"), contact->cfg->sms_from);
    json_add_text(&json, STR("text"), message->sms_text);
    json_add_text(&json, STR("message_id"), message->message_id);
    json_add_text(&json, STR("contact_id"), contact->id);
    json_close_object(&json);
    struct str body = json_writer_done(&json);
    if (!body.ptr)
        return false;
    intend(contact->out, &(struct intent){.id = send_intent_id(contact, message),
                                          .name = "message_reply",
                                          .endpoint = STR("sms"),
                                          .expires_ms = message->expires_at_ms,
                                          .method = "POST",
                                          .path = STR("/messages"),
                                          .content_type = STR("application/json"),
                                          .body = body,
                                          .idempotency_key = message->message_id});
    return true;
}

bool send_message(const struct contact *contact, const struct contact_message *message)
{
    return message->channel == MESSAGE_CHANNEL_SMS ? send_sms(contact, message)
                                                   : send_email(contact, message);
}
