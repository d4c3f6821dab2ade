/* One librdkafka handle: settings, log, last error, records and end. */
#include "kafka/client.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LEVEL_DEBUG = 7 }; /* as in syslog */

const char *kafka_version(void)
{
    return rd_kafka_version_str();
}

int64_t client_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void client_free_names(const char **names, size_t count)
{
    for (size_t i = 0; names && i < count; i++)
        free((char *)(uintptr_t)names[i]);
    free(names);
}

const char **client_copy_names(const char *const *names, size_t count)
{
    const char **copy = calloc(count + 1, sizeof(*copy));
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = strdup(names[i]);
        if (!copy[i]) {
            client_free_names(copy, count);
            return NULL;
        }
    }
    return copy;
}

/* Failed to add partition "waybill.orders" [1] to transaction: Broker: Topic authorization failed
 */
static void note_denied_topic(struct client *client, const char *text)
{
    const char *from = strchr(text, '"'), *until = from ? strchr(from + 1, '"') : NULL;
    int none = DENIED_NONE;
    if (!until || !strstr(until, "Topic authorization failed") ||
        !atomic_compare_exchange_strong(&client->denied_state, &none, DENIED_BEING_WRITTEN))
        return;
    snprintf(client->denied_topic, sizeof(client->denied_topic), "%.*s", (int)(until - from - 1),
             from + 1);
    atomic_store(&client->denied_state, DENIED_KNOWN);
}

/* What failed comes to the caller, too, by on_error or as a call's result, and is told from there.
 */
static bool is_told_otherwise(const char *facility)
{
    static const char *const facilities[] = {"FAIL", "ERROR", "SSL", "ADDPARTS", "TXNERR"};
    for (size_t i = 0; i < sizeof(facilities) / sizeof(facilities[0]); i++)
        if (strcmp(facility, facilities[i]) == 0)
            return true;
    return false;
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    struct client *client = rd_kafka_opaque(rk);
    if (strcmp(facility, "ADDPARTS") == 0)
        note_denied_topic(client, text);
    /* Settings of a producer given to a consumer, and the reverse: one list serves all handles. */
    if (!client->log || strcmp(facility, "CONFWARN") == 0)
        return;
    if (is_told_otherwise(facility))
        level = LEVEL_DEBUG;
    char line[512];
    snprintf(line, sizeof(line), "%s: %s", facility, text);
    client->log(level, line);
}

/* The client's reason without what differs each time or is advice for others. */
static int plain_length(const char *reason)
{
    static const char *const tails[] = {" (after ", ": broker certificate could not be verified"};
    size_t len = strlen(reason);
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        const char *tail = strstr(reason, tails[i]);
        if (tail && (size_t)(tail - reason) < len)
            len = (size_t)(tail - reason);
    }
    return (int)len;
}

/* What a person may look at. Before 2.6.1 the client's nonce stands twice in its last message of
 * SCRAM, and Kafka 4 looks at it. */
static const char *hint_of(const char *reason)
{
    enum { SCRAM_IS_RIGHT = 0x02060100 };
    if (strstr(reason, "SCRAM") && rd_kafka_version() < SCRAM_IS_RIGHT)
        return "; if they are right: Kafka 4 refuses SCRAM of librdkafka below 2.6.1";
    if (strstr(reason, "certificate verify failed"))
        return "; is kafka.tls_ca_file its CA, and this address a name in its certificate?";
    return "";
}

/* TLS 1.3 tells us after the handshake that our certificate is not taken: no code says so. */
static bool is_refusal(int code, const char *reason)
{
    return code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL ||
           (code == RD_KAFKA_RESP_ERR__TRANSPORT && strstr(reason, "SSL alert number"));
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    (void)rk;
    struct client *client = opaque;
    bool is_denied = is_refusal(code, reason);
    if (client->is_denied && !is_denied)
        return; /* "all brokers are down" is no news after that */
    client->has_error = true;
    client->is_denied = is_denied;
    if (is_denied) {
        /* Said by the broker, and so long that the hint would be cut off. */
        static const char wordy[] = "Authentication failed during authentication due to ";
        const char *at = strstr(reason, wordy), *rest = at ? at + sizeof(wordy) - 1 : reason;
        snprintf(client->error, sizeof(client->error), "does not let %s in: %.*s%.*s%s",
                 client->principal, (int)(at ? at - reason : 0), reason, plain_length(rest), rest,
                 hint_of(reason));
    } else {
        snprintf(client->error, sizeof(client->error), "%.*s (%s)", plain_length(reason), reason,
                 rd_kafka_err2name((rd_kafka_resp_err_t)code));
    }
}

int client_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct error *err)
{
    char text[160];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        return error_set(err, ERROR_FATAL, "Kafka client setting %s: %s", name, text);
    return 0;
}

static int set_all(rd_kafka_conf_t *conf, const struct client_setting *settings, struct error *err)
{
    for (; settings->name; settings++) {
        if (settings->if_known)
            rd_kafka_conf_set(conf, settings->name, settings->value, NULL, 0);
        else if (client_set(conf, settings->name, settings->value, err))
            return -1;
    }
    return 0;
}

int client_configure(struct client *client, const struct kafka_settings *settings,
                     const struct client_setting *defaults, const struct client_setting *fixed,
                     rd_kafka_conf_t **out, struct error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (set_all(conf, defaults, err))
        goto refused;
    if (settings->client_id && client_set(conf, "client.id", settings->client_id, err))
        goto refused;
    for (size_t i = 0; i < settings->option_count; i++)
        if (client_set(conf, settings->options[i].name, settings->options[i].value, err))
            goto refused;
    if (client_set(conf, "bootstrap.servers", settings->bootstrap_servers, err) ||
        set_all(conf, fixed, err))
        goto refused;
    client->log = settings->log;
    snprintf(client->principal, sizeof(client->principal), "%s",
             settings->principal ? settings->principal : "this client");
    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    *out = conf;
    return 0;
refused:
    rd_kafka_conf_destroy(conf);
    return -1;
}

int client_open(struct client *client, rd_kafka_type_t type, rd_kafka_conf_t *conf,
                struct error *err)
{
    char text[160];
    client->rk = rd_kafka_new(type, conf, text, sizeof(text));
    if (client->rk)
        return 0;
    rd_kafka_conf_destroy(conf);
    return error_set(err, ERROR_FATAL, "Kafka client: %s", text);
}

static void *end(void *rk)
{
    rd_kafka_destroy(rk); /* leaves the group first */
    return NULL;
}

bool client_close(struct client *client, int timeout_ms)
{
    assert(client->records == 0); /* with one alive the handle would never end */
    if (!client->rk)
        return true;
    pthread_t thread;
    if (pthread_create(&thread, NULL, end, client->rk) != 0)
        return false;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) == 0)
        return true;
    pthread_detach(thread);
    return false;
}

int client_take_error(struct client *client, struct error *err)
{
    char text[160];
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(client->rk, text, sizeof(text));
    if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR)
        return error_set(err, ERROR_FATAL, "Kafka client: %s", text);
    if (!client->has_error)
        return 0;
    bool is_denied = client->is_denied;
    client->has_error = client->is_denied = false;
    return error_set(err, is_denied ? ERROR_DENIED : ERROR_RETRY, "Kafka%s%s",
                     is_denied ? " " : ": ", client->error);
}

bool client_lacks_right(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
}

int client_refused(const struct client *client, const char *operation, const char *kind,
                   const char *name, struct error *err)
{
    return error_set(err, ERROR_DENIED, "Kafka does not let %s %s %s %s", client->principal,
                     operation, kind, name);
}

enum error_action client_action(rd_kafka_resp_err_t code)
{
    if (client_lacks_right(code))
        return ERROR_DENIED;
    return code == RD_KAFKA_RESP_ERR__FATAL || code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID
               ? ERROR_FATAL
               : ERROR_RETRY;
}

int client_message_error(const struct client *client, const rd_kafka_message_t *message,
                         struct error *err)
{
    if (message->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
        return client_refused(client, "Read", "group", client->group, err);
    if (client_lacks_right(message->err) && message->rkt)
        return client_refused(client, "Read", "topic", rd_kafka_topic_name(message->rkt), err);
    bool gone = message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
    return error_set(err, gone ? ERROR_ABORT_BATCH : client_action(message->err), "Kafka %s/%d: %s",
                     message->rkt ? rd_kafka_topic_name(message->rkt) : "client",
                     (int)message->partition, rd_kafka_message_errstr(message));
}

/* What kafka_record.owner points to. */
struct owner {
    struct client *client;
    rd_kafka_message_t *message;
    struct event_header headers[];
};

static size_t count_headers(rd_kafka_message_t *message, rd_kafka_headers_t **out)
{
    if (rd_kafka_message_headers(message, out) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    size_t count = rd_kafka_header_cnt(*out);
    return count < KAFKA_HEADERS_MAX ? count : KAFKA_HEADERS_MAX;
}

int client_record(struct client *client, rd_kafka_message_t *message, int32_t topic,
                  struct kafka_record *out, struct error *err)
{
    rd_kafka_headers_t *headers = NULL;
    size_t count = count_headers(message, &headers);
    struct owner *owner = malloc(sizeof(*owner) + count * sizeof(owner->headers[0]));
    if (!owner) {
        rd_kafka_message_destroy(message);
        return error_set(err, ERROR_FATAL, "out of memory for a Kafka record");
    }
    *owner = (struct owner){.client = client, .message = message};
    for (size_t i = 0; i < count; i++) {
        const char *name = "";
        const void *value = NULL;
        size_t len = 0;
        rd_kafka_header_get_all(headers, i, &name, &value, &len);
        owner->headers[i] = (struct event_header){str_from(name), {value, len}};
    }
    client->records++;
    *out = (struct kafka_record){
        .topic = topic,
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = rd_kafka_message_timestamp(message, NULL),
        .key = {message->key, message->key_len},
        .value = {message->payload, message->len},
        .headers = owner->headers,
        .header_count = count,
        .owner = owner,
    };
    return 0;
}

void kafka_record_free(struct kafka_record *record)
{
    struct owner *owner = record->owner;
    if (owner) {
        owner->client->records--;
        rd_kafka_message_destroy(owner->message);
        free(owner);
    }
    *record = (struct kafka_record){0};
}
