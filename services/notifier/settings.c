/* The settings of the notifier: one row each, alphabetical; then its sections. */
#include "config/settings.h"

#include "mime/mime.h"
#include "notifier/notifier.h"

#define AT(field) offsetof(struct notifier_settings, field)

static const struct setting rows[] = {
    {.name = "notifier.brand",
     .kind = SETTING_STRING,
     .default_text = "Your shop",
     .offset = AT(brand),
     .text = "What customers know the shop by: {brand} in messages, the sender's name of e-mails"},
    {.name = "notifier.cap_per_day",
     .kind = SETTING_INT,
     .unit = "messages",
     .default_text = "10",
     .min = 1,
     .max = 200,
     .offset = AT(cap_per_day),
     .text = "How many messages one customer gets on a day; more wait for the next day, CRITICAL "
             "ones excepted"},
    {.name = "notifier.feedback_url",
     .kind = SETTING_STRING,
     .offset = AT(feedback_url),
     .text = "Where customers answer: {feedback_url} in messages; {order_id} is filled in"},
    {.name = "notifier.help",
     .kind = SETTING_STRING,
     .offset = AT(help),
     .text = "How to get help, returns included: {help} in messages"},
    {.name = "notifier.keep",
     .kind = SETTING_DURATION,
     .default_text = "120d",
     .min = 1000,
     .max = 3650 * SETTING_DAY_MS,
     .offset = AT(keep_ms),
     .text = "How long orders and messages are remembered after their last news; a repeat after "
             "that is new"},
    {.name = "notifier.locale",
     .kind = SETTING_STRING,
     .default_text = "en",
     .offset = AT(locale),
     .text = "BCP 47 locale of customers whose order names none"},
    {.name = "notifier.mail_from",
     .kind = SETTING_STRING,
     .default_text = "orders@shop.example",
     .offset = AT(mail_from),
     .text = "Sender of e-mails; its domain ends their Message-IDs"},
    {.name = "notifier.quiet_from",
     .kind = SETTING_TIME_OF_DAY,
     .default_text = "21:00",
     .max = 24 * 60 - 1,
     .offset = AT(quiet_from_minutes),
     .text = "From when, by the recipient's clock, messages wait for the morning"},
    {.name = "notifier.quiet_until",
     .kind = SETTING_TIME_OF_DAY,
     .default_text = "08:00",
     .max = 24 * 60 - 1,
     .offset = AT(quiet_until_minutes),
     .text = "When messages go again; the same as quiet_from: at any hour"},
    {.name = "notifier.retry_after",
     .kind = SETTING_DURATION,
     .default_text = "15m",
     .min = 1000,
     .max = SETTING_DAY_MS,
     .offset = AT(retry_after_ms),
     .text = "When a message is tried again that was certainly not sent"},
    {.name = "notifier.sms_from",
     .kind = SETTING_STRING,
     .default_text = "SHOP",
     .offset = AT(sms_from),
     .text = "Sender of SMS, as the provider knows it"},
    {.name = "notifier.unsubscribe_url",
     .kind = SETTING_STRING,
     .offset = AT(unsubscribe_url),
     .text = "https address for List-Unsubscribe; {contact_id} is filled in; without it, by mail "
             "to mail_from"},
};

static const char *const sections[] = {"messages", "templates", "tracking_urls", NULL};

static int read_kind(const struct yaml_node *node, enum message_kind *out, struct error *err)
{
    for (int32_t i = 1; i < message_kind_symbols.symbol_count; i++) {
        if (str_equal(node->key, str_from(message_kind_symbols.symbols[i]))) {
            *out = (enum message_kind)i;
            return 0;
        }
    }
    return yaml_fail(node, err, "\"%.*s\" is no kind of message (ORDER_CONFIRMED, DISPATCHED, …)",
                     STR_ARG(node->key));
}

/* messages: {KIND: {channel, class, expires_after, immediate}} */
static int read_policy(const struct yaml_node *node, struct notifier_settings *cfg,
                       struct error *err)
{
    static const char *const keys[] = {"channel", "class", "expires_after", "immediate", NULL};
    static const char *const channels[] = {"email", "sms", NULL};
    static const char *const classes[] = {"critical", "transactional", "feedback", NULL};
    enum message_kind kind;
    if (read_kind(node, &kind, err) || yaml_check_keys(node, keys, err))
        return -1;
    struct message_policy policy = policy_of(cfg, kind);
    int channel = policy.first == MESSAGE_CHANNEL_SMS;
    int class = (int)policy.message_class;
    if (yaml_maybe_choice(node, "channel", channels, &channel, err) ||
        yaml_maybe_choice(node, "class", classes, &class, err) ||
        yaml_maybe_duration(node, "expires_after", 1000, (int64_t)(365 * SETTING_DAY_MS),
                            &policy.expires_after_ms, err) ||
        yaml_maybe_bool(node, "immediate", &policy.immediate, err))
        return -1;
    policy.is_set = true;
    policy.first = channel ? MESSAGE_CHANNEL_SMS : MESSAGE_CHANNEL_EMAIL;
    policy.message_class = (enum message_class) class;
    cfg->policies[kind] = policy;
    return 0;
}

static int check_text(const struct yaml_node *node, const char *key, enum message_kind kind,
                      struct str text, struct error *err)
{
    struct error why;
    if (template_check(text, kind, &why))
        return yaml_fail(yaml_find(node, key), err, "%s", why.text);
    return 0;
}

/* templates: {KIND: {locale: {subject, text, sms}}} */
static int read_template(const struct yaml_node *node, enum message_kind kind,
                         struct notifier_settings *cfg, struct error *err)
{
    static const char *const keys[] = {"sms", "subject", "text", NULL};
    struct message_template template = {.kind = kind, .locale = node->key};
    if (yaml_check_keys(node, keys, err) || yaml_get_str(node, "subject", &template.subject, err) ||
        yaml_get_str(node, "text", &template.text, err) ||
        yaml_get_str(node, "sms", &template.sms, err) ||
        check_text(node, "subject", kind, template.subject, err) ||
        check_text(node, "text", kind, template.text, err) ||
        check_text(node, "sms", kind, template.sms, err))
        return -1;
    if (cfg->template_count == TEMPLATES_MAX)
        return yaml_fail(node, err, "more than %d templates", TEMPLATES_MAX);
    cfg->templates[cfg->template_count++] = template;
    return 0;
}

static int read_templates(const struct yaml_node *section, struct notifier_settings *cfg,
                          struct arena *arena, struct error *err)
{
    cfg->templates = arena_alloc_array(arena, TEMPLATES_MAX, sizeof(*cfg->templates));
    if (!cfg->templates)
        return yaml_fail(section, err, "no memory for templates");
    for (const struct yaml_node *of_kind = yaml_items(section); of_kind; of_kind = of_kind->next) {
        enum message_kind kind;
        if (read_kind(of_kind, &kind, err))
            return -1;
        for (const struct yaml_node *one = yaml_items(of_kind); one; one = one->next) {
            if (read_template(one, kind, cfg, err))
                return -1;
        }
    }
    return 0;
}

/* tracking_urls: {carrier: "https://…/{tracking_number}", default: …} */
static int read_carriers(const struct yaml_node *section, struct notifier_settings *cfg,
                         struct arena *arena, struct error *err)
{
    if (section->kind != YAML_MAP || section->count > CARRIERS_MAX)
        return yaml_fail(section, err, "must be a map of at most %d carriers", CARRIERS_MAX);
    cfg->carriers = arena_alloc_array(arena, section->count, sizeof(*cfg->carriers));
    for (const struct yaml_node *one = yaml_items(section); one && cfg->carriers; one = one->next) {
        struct carrier_link link = {.carrier = one->key};
        if (yaml_as_str(one, &link.url, err))
            return -1;
        if (!str_starts_with(link.url, STR("https://")) &&
            !str_starts_with(link.url, STR("http://")))
            return yaml_fail(one, err, "must begin with https:// or http://");
        cfg->carriers[cfg->carrier_count++] = link;
    }
    return 0;
}

static int load_section(const struct yaml_node *root, void *target, struct arena *arena,
                        struct error *err)
{
    struct notifier_settings *cfg = target;
    const struct yaml_node *messages = yaml_find(root, "messages");
    const struct yaml_node *templates = yaml_find(root, "templates");
    const struct yaml_node *carriers = yaml_find(root, "tracking_urls");
    for (const struct yaml_node *one = yaml_items(messages); one; one = one->next) {
        if (read_policy(one, cfg, err))
            return -1;
    }
    if (templates && read_templates(templates, cfg, arena, err))
        return -1;
    return carriers ? read_carriers(carriers, cfg, arena, err) : 0;
}

static int check(const void *target, struct error *err)
{
    const struct notifier_settings *cfg = target;
    if (!mime_address_is_usable(cfg->mail_from))
        return error_set(err, ERROR_FATAL, "notifier.mail_from: \"%.*s\" is no e-mail address",
                         STR_ARG(cfg->mail_from));
    if (cfg->brand.len == 0 || cfg->brand.len > MIME_NAME_BYTES_MAX)
        return error_set(err, ERROR_FATAL, "notifier.brand must have 1 to %d bytes",
                         MIME_NAME_BYTES_MAX);
    return 0;
}

const struct settings notifier_settings = {
    .component = "notifier",
    SETTINGS_ROWS(rows),
    .bytes = sizeof(struct notifier_settings),
    .sections = sections,
    .load_section = load_section,
    .check = check,
};
