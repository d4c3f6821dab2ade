#include "environment/environment.h"

#include "tls/tls.h"

#include <stdio.h>

enum kafka_protocol {
    PROTOCOL_PLAINTEXT,
    PROTOCOL_SSL,
    PROTOCOL_SASL_PLAINTEXT,
    PROTOCOL_SASL_SSL
};
static const char *const protocols[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL", NULL};

enum sasl_mechanism { MECHANISM_NONE };
static const char *const mechanisms[] = {"none", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", NULL};

#define AT(field) .offset = offsetof(struct environment, field)

static const struct setting rows[] = {
    {.name = "clock.epoch",
     .kind = SETTING_TIME,
     AT(clock_epoch_ms),
     .text = "Replays and demos only: what the clock shows at clock.start_wall"},
    {.name = "clock.rate",
     .kind = SETTING_DOUBLE,
     AT(clock_rate),
     .default_text = "1",
     .min = 1,
     .max = 1000000,
     .text = "Replays and demos only: how many times faster than real time the clock runs"},
    {.name = "clock.start_wall",
     .kind = SETTING_TIME,
     AT(clock_start_wall_ms),
     .text = "Replays and demos only: the real time at which the clock shows clock.epoch"},
    {.name = "kafka.bootstrap_servers",
     .kind = SETTING_STRING,
     AT(bootstrap_servers),
     .default_text = "127.0.0.1:9092",
     .text = "Where Kafka is: host:port, separated by commas"},
    {.name = "kafka.options",
     .kind = SETTING_STRING,
     AT(kafka_options),
     .text = "More librdkafka settings that have no name here: name=value,name=value"},
    {.name = "kafka.sasl_mechanism",
     .kind = SETTING_CHOICE,
     AT(sasl_mechanism),
     .default_text = "none",
     .choices = mechanisms,
     .text = "How user and password are shown; with SASL_SSL and SASL_PLAINTEXT"},
    {.name = "kafka.sasl_password",
     .kind = SETTING_SECRET,
     AT(sasl_password),
     .text = "Password for SASL"},
    {.name = "kafka.sasl_username",
     .kind = SETTING_STRING,
     AT(sasl_username),
     .text = "User for SASL; one for each service, see waybill acls"},
    {.name = "kafka.security_protocol",
     .kind = SETTING_CHOICE,
     AT(kafka_protocol),
     .default_text = "PLAINTEXT",
     .choices = protocols,
     .text = "What the broker's listener speaks"},
    {.name = "kafka.tls_ca_file",
     .kind = SETTING_STRING,
     AT(kafka_tls_ca),
     .text = "With SSL and SASL_SSL: whom we trust, PEM (unset: the system's certificates)"},
    {.name = "kafka.tls_certificate_file",
     .kind = SETTING_STRING,
     AT(kafka_tls_certificate),
     .text = "Our certificate, PEM, for brokers that ask for one (mutual TLS)"},
    {.name = "kafka.tls_key_file",
     .kind = SETTING_STRING,
     AT(kafka_tls_key),
     .text = "The private key of our certificate, PEM"},
    {.name = "kafka.tls_key_password",
     .kind = SETTING_SECRET,
     AT(kafka_tls_key_password),
     .text = "Password of the key, if it has one"},
    {.name = "prefix",
     .kind = SETTING_STRING,
     AT(prefix),
     .default_text = "waybill.",
     .text = "Of topics, group ids, transactional ids and Redis keys: one per environment"},
    {.name = "redis.password",
     .kind = SETTING_SECRET,
     AT(redis.password),
     .text = "Password of Redis, if the urls hold none"},
    {.name = "redis.tls_ca_file",
     .kind = SETTING_STRING,
     AT(redis.files.ca),
     .text = "With rediss://: whom we trust, PEM (unset: the system's certificates)"},
    {.name = "redis.tls_certificate_file",
     .kind = SETTING_STRING,
     AT(redis.files.certificate),
     .text = "Our certificate, PEM, for a Redis that asks for one"},
    {.name = "redis.tls_key_file",
     .kind = SETTING_STRING,
     AT(redis.files.key),
     .text = "The private key of our certificate, PEM"},
    {.name = "redis.tls_key_password",
     .kind = SETTING_SECRET,
     AT(redis.key_password),
     .text = "Password of the key, if it has one"},
    {.name = "redis.urls",
     .kind = SETTING_STRING,
     AT(redis_urls),
     .default_text = "redis://127.0.0.1:6379",
     .text = "One or more Redis, separated by commas; task i lives on number i modulo their count"},
    {.name = "redis.username",
     .kind = SETTING_STRING,
     AT(redis.username),
     .text = "User of Redis' ACL, see waybill acls; unset: the default user"},
};

static bool speaks_tls(const struct environment *environment)
{
    return environment->kafka_protocol == PROTOCOL_SSL ||
           environment->kafka_protocol == PROTOCOL_SASL_SSL;
}

static bool speaks_sasl(const struct environment *environment)
{
    return environment->kafka_protocol == PROTOCOL_SASL_PLAINTEXT ||
           environment->kafka_protocol == PROTOCOL_SASL_SSL;
}

static struct tls_files kafka_files(const struct environment *environment, struct str password)
{
    return (struct tls_files){.ca = environment->kafka_tls_ca,
                              .certificate = environment->kafka_tls_certificate,
                              .key = environment->kafka_tls_key,
                              .key_password = password};
}

/* A setting that would have no effect is a slip: somebody believes that it protects. */
static int check_kafka_tls(const struct environment *environment, struct error *err)
{
    const struct tls_files files =
        kafka_files(environment, environment->kafka_tls_key_password.text);
    const char *given = files.ca.ptr            ? "tls_ca_file"
                        : files.certificate.ptr ? "tls_certificate_file"
                        : files.key.ptr         ? "tls_key_file"
                                                : NULL;
    if (given && !speaks_tls(environment))
        return error_set(err, ERROR_FATAL,
                         "kafka.%s is set, but kafka.security_protocol is %s: set SSL or SASL_SSL",
                         given, protocols[environment->kafka_protocol]);
    return tls_check_files("kafka", &files, err);
}

static int check_sasl(const struct environment *environment, struct error *err)
{
    const char *protocol = protocols[environment->kafka_protocol];
    bool has_mechanism = environment->sasl_mechanism != MECHANISM_NONE;
    bool has_user = environment->sasl_username.len > 0;
    bool has_password = environment->sasl_password.text.len > 0;
    if (!speaks_sasl(environment)) {
        const char *given = has_mechanism  ? "sasl_mechanism"
                            : has_user     ? "sasl_username"
                            : has_password ? "sasl_password"
                                           : NULL;
        return given ? error_set(err, ERROR_FATAL,
                                 "kafka.%s is set, but kafka.security_protocol is %s: set SASL_SSL "
                                 "or SASL_PLAINTEXT",
                                 given, protocol)
                     : 0;
    }
    if (!has_mechanism)
        return error_set(err, ERROR_FATAL,
                         "kafka.security_protocol %s needs kafka.sasl_mechanism: PLAIN, "
                         "SCRAM-SHA-256 or SCRAM-SHA-512",
                         protocol);
    if (!has_user || !has_password)
        return error_set(err, ERROR_FATAL, "kafka.sasl_mechanism %s needs %s",
                         mechanisms[environment->sasl_mechanism],
                         has_user ? "kafka.sasl_password: set WAYBILL_KAFKA_SASL_PASSWORD, or "
                                    "kafka.sasl_password_file to a file that holds it"
                                  : "kafka.sasl_username");
    return 0;
}

/* What has a setting here stands there, and a secret stands nowhere in the open. */
static int check_option(struct str name, struct error *err)
{
    static const struct {
        const char *option, *setting;
    } own[] = {
        {"bootstrap.servers", "kafka.bootstrap_servers"},
        {"metadata.broker.list", "kafka.bootstrap_servers"},
        {"sasl.mechanism", "kafka.sasl_mechanism"},
        {"sasl.mechanisms", "kafka.sasl_mechanism"},
        {"sasl.password", "kafka.sasl_password_file"},
        {"sasl.username", "kafka.sasl_username"},
        {"security.protocol", "kafka.security_protocol"},
        {"ssl.ca.location", "kafka.tls_ca_file"},
        {"ssl.certificate.location", "kafka.tls_certificate_file"},
        {"ssl.key.location", "kafka.tls_key_file"},
        {"ssl.key.password", "kafka.tls_key_password_file"},
    };
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (str_equal(name, str_from(own[i].option)))
            return error_set(err, ERROR_FATAL, "kafka.options: for %s there is %s", own[i].option,
                             own[i].setting);
    if (memmem(name.ptr, name.len, "password", 8) || memmem(name.ptr, name.len, "secret", 6) ||
        str_equal(name, STR("ssl.key.pem")))
        return error_set(err, ERROR_FATAL, "kafka.options: %.*s: a secret does not stand here",
                         STR_ARG(name));
    return 0;
}

/* Calls add with each "name=value" of kafka.options; what is no pair is refused. */
static int each_option(const struct environment *environment,
                       int (*add)(void *self, struct str name, struct str value, struct error *err),
                       void *self, struct error *err)
{
    struct str rest = environment->kafka_options;
    while (rest.len > 0) {
        struct str pair, name, value;
        str_split(rest, ',', &pair, &rest);
        str_split(pair, '=', &name, &value);
        if (!value.ptr)
            return error_set(err, ERROR_FATAL, "kafka.options: \"%.*s\" is not name=value",
                             STR_ARG(pair));
        if (add(self, str_trim(name), str_trim(value), err))
            return -1;
    }
    return 0;
}

static int add_checked(void *self, struct str name, struct str value, struct error *err)
{
    (void)self, (void)value;
    return check_option(name, err);
}

static int split_urls(const struct environment *environment, struct arena *arena,
                      const char *urls[ENVIRONMENT_URLS_MAX], size_t *count, struct error *err)
{
    struct str url, rest = environment->redis_urls;
    for (*count = 0; rest.len > 0; ++*count) {
        str_split(rest, ',', &url, &rest);
        if (*count == ENVIRONMENT_URLS_MAX)
            return error_set(err, ERROR_FATAL, "redis.urls: more than %d", ENVIRONMENT_URLS_MAX);
        if (!(urls[*count] = arena_copy(arena, str_trim(url)).ptr))
            return error_set(err, ERROR_FATAL, "no memory for the settings of Redis");
    }
    return *count > 0 ? 0 : error_set(err, ERROR_FATAL, "redis.urls: at least one is needed");
}

/* Opens nothing: only looks at what the urls say. */
static int check_redis(const struct environment *environment, struct error *err)
{
    const struct redis_access *access = &environment->redis;
    const char *urls[ENVIRONMENT_URLS_MAX];
    struct tls_files files = access->files;
    struct arena arena;
    size_t count;
    bool speaks_tls_there = false;
    arena_init(&arena, 1 << 20);
    int failed = split_urls(environment, &arena, urls, &count, err);
    for (size_t i = 0; i < count && !failed; i++) {
        struct redis_settings redis = {.url = urls[i]};
        struct redis *opened = NULL;
        speaks_tls_there |= str_starts_with(str_from(urls[i]), STR("rediss:"));
        failed = redis_open(&opened, &redis, err);
        redis_close(opened);
    }
    files.key_password = access->key_password.text;
    if (!failed && !speaks_tls_there && (files.ca.ptr || files.certificate.ptr || files.key.ptr))
        failed = error_set(err, ERROR_FATAL,
                           "redis.tls_… files are set, but no url of redis.urls is rediss://");
    if (!failed && access->username.len > 0 && !access->password.text.ptr)
        failed = error_set(err, ERROR_FATAL,
                           "redis.username needs redis.password: set WAYBILL_REDIS_PASSWORD, or "
                           "redis.password_file to a file that holds it");
    if (!failed)
        failed = tls_check_files("redis", &files, err);
    arena_done(&arena);
    return failed;
}

static int check(const void *cfg, struct error *err)
{
    const struct environment *environment = cfg;
    if ((environment->clock_epoch_ms == 0) != (environment->clock_start_wall_ms == 0))
        return error_set(err, ERROR_FATAL,
                         "clock.epoch and clock.start_wall belong together: set both or neither");
    return each_option(environment, add_checked, NULL, err) || check_sasl(environment, err) ||
                   check_kafka_tls(environment, err) || check_redis(environment, err)
               ? -1
               : 0;
}

static int check_today(const void *cfg, struct error *err)
{
    const struct environment *environment = cfg;
    const struct tls_files files = kafka_files(environment, STR(""));
    return tls_check_dates("kafka", &files, err) ||
                   tls_check_dates("redis", &environment->redis.files, err)
               ? -1
               : 0;
}

const struct settings environment_settings = {.component = "environment",
                                              SETTINGS_ROWS(rows),
                                              .bytes = sizeof(struct environment),
                                              .check = check,
                                              .check_today = check_today};

struct adding {
    struct arena *arena;
    struct kafka_option *options;
    size_t *count;
};

static int add(void *self, struct str name, struct str value, struct error *err)
{
    struct adding *adding = self;
    struct kafka_option option = {arena_copy(adding->arena, name).ptr,
                                  arena_copy(adding->arena, value).ptr};
    if (!option.name || !option.value)
        return error_set(err, ERROR_FATAL, "no memory for the settings of Kafka");
    if (*adding->count == ENVIRONMENT_OPTIONS_MAX)
        return error_set(err, ERROR_FATAL, "kafka.options: more than %d of them",
                         ENVIRONMENT_OPTIONS_MAX - 16);
    adding->options[(*adding->count)++] = option;
    return 0;
}

static int add_if_set(struct adding *adding, const char *name, struct str value, struct error *err)
{
    return value.ptr ? add(adding, str_from(name), value, err) : 0;
}

static int add_sasl(struct adding *adding, const struct environment *environment, struct error *err)
{
    struct str password;
    if (!speaks_sasl(environment))
        return 0;
    if (secret_read(&environment->sasl_password, adding->arena, &password, err))
        return error_prefix(err, "kafka.sasl_password_file");
    const char *mechanism = mechanisms[environment->sasl_mechanism];
    return add(adding, STR("sasl.mechanisms"), str_from(mechanism), err) ||
                   add(adding, STR("sasl.username"), environment->sasl_username, err) ||
                   add(adding, STR("sasl.password"), password, err)
               ? -1
               : 0;
}

static int add_tls(struct adding *adding, const struct environment *environment, struct error *err)
{
    struct str password;
    if (!speaks_tls(environment))
        return 0;
    if (secret_read(&environment->kafka_tls_key_password, adding->arena, &password, err))
        return error_prefix(err, "kafka.tls_key_password_file");
    const struct tls_files files = kafka_files(environment, password);
    if (tls_check_files("kafka", &files, err) || tls_check_dates("kafka", &files, err))
        return -1;
    /* The broker's name is verified; not every version does so by itself. */
    return add(adding, STR("ssl.endpoint.identification.algorithm"), STR("https"), err) ||
                   add_if_set(adding, "ssl.ca.location", files.ca, err) ||
                   add_if_set(adding, "ssl.certificate.location", files.certificate, err) ||
                   add_if_set(adding, "ssl.key.location", files.key, err) ||
                   add_if_set(adding, "ssl.key.password", files.key_password, err)
               ? -1
               : 0;
}

int environment_kafka(const struct environment *environment, struct arena *arena,
                      struct kafka_option *options, size_t *count, struct error *err)
{
    struct adding adding = {arena, options, count};
    const char *protocol = protocols[environment->kafka_protocol];
    return add(&adding, STR("security.protocol"), str_from(protocol), err) ||
                   add_sasl(&adding, environment, err) || add_tls(&adding, environment, err) ||
                   each_option(environment, add, &adding, err)
               ? -1
               : 0;
}

void environment_principal(const struct environment *environment,
                           char out[ENVIRONMENT_PRINCIPAL_BYTES])
{
    char subject[TLS_SUBJECT_BYTES] = "";
    if (speaks_sasl(environment))
        snprintf(subject, sizeof(subject), "%.*s", STR_ARG(environment->sasl_username));
    else if (speaks_tls(environment) && environment->kafka_tls_certificate.ptr)
        tls_subject(environment->kafka_tls_certificate, subject);
    snprintf(out, ENVIRONMENT_PRINCIPAL_BYTES, "User:%s", *subject ? subject : "ANONYMOUS");
}

int environment_redis(const struct environment *environment, struct arena *arena,
                      struct store_settings *out, struct error *err)
{
    const char **urls = arena_alloc_array(arena, ENVIRONMENT_URLS_MAX, sizeof(*urls));
    if (!urls)
        return error_set(err, ERROR_FATAL, "no memory for the settings of Redis");
    if (split_urls(environment, arena, urls, &out->url_count, err))
        return -1;
    out->urls = urls;
    out->access = &environment->redis;
    out->prefix = environment->prefix.ptr;
    return 0;
}

int64_t environment_now_ms(const struct environment *environment, int64_t wall_ms)
{
    if (environment->clock_epoch_ms == 0)
        return wall_ms;
    int64_t since_ms = wall_ms - environment->clock_start_wall_ms;
    return environment->clock_epoch_ms + (int64_t)((double)since_ms * environment->clock_rate);
}
