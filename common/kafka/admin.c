/* Topics, their configuration and the ends of their logs. */
#include "kafka/admin.h"
#include "kafka/client.h"

#include <stdio.h>
#include <stdlib.h>

enum { COUNTS_MAX = 256, VISIBLE_POLL_MS = 50, SLICE_MS = 500 };

struct kafka_admin {
    struct client client;
    struct {
        char *topic;
        int32_t count;
    } counts[COUNTS_MAX];
    size_t counted;
};

static const struct client_setting defaults[] = {{0}};

static const struct client_setting fixed[] = {
    {"isolation.level", "read_uncommitted", false}, /* else the high watermark is not the end */
    {0},
};

int kafka_admin_open(struct kafka_admin **out, const struct kafka_settings *settings,
                     struct error *err)
{
    struct kafka_admin *admin = calloc(1, sizeof(*admin));
    rd_kafka_conf_t *conf = NULL;
    if (!admin)
        return error_set(err, ERROR_FATAL, "out of memory for a Kafka client");
    if (client_configure(&admin->client, settings, defaults, fixed, &conf, err) ||
        client_open(&admin->client, RD_KAFKA_CONSUMER, conf, err)) {
        free(admin);
        return -1;
    }
    *out = admin;
    return 0;
}

bool kafka_admin_close(struct kafka_admin *admin, int timeout_ms)
{
    if (!admin)
        return true;
    if (!client_close(&admin->client, timeout_ms))
        return false;
    for (size_t i = 0; i < admin->counted; i++)
        free(admin->counts[i].topic);
    free(admin);
    return true;
}

/* what: "Describe". */
static int failed(struct kafka_admin *admin, const char *what, const char *topic,
                  rd_kafka_resp_err_t code, struct error *err)
{
    struct error told = {0};
    rd_kafka_poll(admin->client.rk, 0);
    bool is_told = client_take_error(&admin->client, &told) != 0;
    if (is_told && told.action == ERROR_DENIED)
        return error_set(err, ERROR_DENIED, "%s", told.text);
    if (client_lacks_right(code))
        return client_refused(&admin->client, what, "topic", topic, err);
    return error_set(err, client_action(code), "Kafka %s topic %s: %s%s%s", what, topic,
                     rd_kafka_err2str(code), is_told ? ": " : "", told.text);
}

static void remember_count(struct kafka_admin *admin, const char *topic, int32_t count)
{
    char *copy = admin->counted < COUNTS_MAX ? strdup(topic) : NULL;
    if (copy) {
        admin->counts[admin->counted].topic = copy;
        admin->counts[admin->counted++].count = count;
    }
}

/* In slices, ever longer: the client goes on trying when it is refused, but that is known soon. */
static rd_kafka_resp_err_t ask_for_metadata(struct kafka_admin *admin, rd_kafka_topic_t *topic,
                                            int timeout_ms, const rd_kafka_metadata_t **out)
{
    int64_t until = client_now_ms() + timeout_ms;
    for (int slice_ms = SLICE_MS;; slice_ms *= 2) {
        int64_t left = until - client_now_ms();
        int wait_ms = left < 1 ? 1 : left < slice_ms ? (int)left : slice_ms;
        rd_kafka_resp_err_t code = rd_kafka_metadata(admin->client.rk, 0, topic, out, wait_ms);
        bool is_late = code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT;
        rd_kafka_poll(admin->client.rk, 0);
        if (!is_late || admin->client.is_denied || client_now_ms() >= until)
            return code;
    }
}

int kafka_admin_partitions(struct kafka_admin *admin, const char *topic, int timeout_ms,
                           int32_t *out_count, struct error *err)
{
    for (size_t i = 0; i < admin->counted; i++)
        if (strcmp(admin->counts[i].topic, topic) == 0) {
            *out_count = admin->counts[i].count;
            return 0;
        }
    rd_kafka_topic_t *handle = rd_kafka_topic_new(admin->client.rk, topic, NULL);
    if (!handle)
        return error_set(err, ERROR_FATAL, "Kafka: '%s' is not a topic's name", topic);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = ask_for_metadata(admin, handle, timeout_ms, &metadata);
    int32_t count = 0;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code =
            metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        count = code == RD_KAFKA_RESP_ERR_NO_ERROR ? metadata->topics[0].partition_cnt : 0;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(handle);
    bool missing =
        code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && !missing)
        return failed(admin, "Describe", topic, code, err);
    if (count > 0)
        remember_count(admin, topic, count);
    *out_count = count;
    return 0;
}

int kafka_admin_watermarks(struct kafka_admin *admin, const char *topic, int32_t partition,
                           int timeout_ms, int64_t *out_low, int64_t *out_high, struct error *err)
{
    int64_t low = 0, high = 0;
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(admin->client.rk, topic, partition,
                                                                &low, &high, timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return failed(admin, "Describe", topic, code, err);
    *out_low = low;
    *out_high = high;
    return 0;
}

int kafka_admin_offset_at(struct kafka_admin *admin, const char *topic, int32_t partition,
                          int64_t time_ms, int timeout_ms, int64_t *out_offset, struct error *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = time_ms;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(admin->client.rk, list, timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = list->elems[0].err;
    int64_t offset = list->elems[0].offset, low;
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return failed(admin, "offsets by time of", topic, code, err);
    if (offset < 0) /* all of it is older */
        return kafka_admin_watermarks(admin, topic, partition, timeout_ms, &low, out_offset, err);
    *out_offset = offset;
    return 0;
}

/* Waits for the answer to a request that was sent to the queue, and destroys the queue. NULL = none
 * in time, or the request failed as a whole. */
static rd_kafka_event_t *answer(struct kafka_admin *admin, const char *what, const char *topic,
                                rd_kafka_queue_t *queue, int timeout_ms, struct error *err)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + 1000);
    rd_kafka_queue_destroy(queue);
    rd_kafka_resp_err_t code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return event;
    failed(admin, what, topic, code, err);
    if (event)
        rd_kafka_event_destroy(event);
    return NULL;
}

static rd_kafka_AdminOptions_t *admin_options(struct kafka_admin *admin, rd_kafka_admin_op_t op,
                                              int timeout_ms)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(admin->client.rk, op);
    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, NULL, 0);
    if (op == RD_KAFKA_ADMIN_OP_CREATETOPICS)
        rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, NULL, 0);
    return options;
}

static int find_config(struct kafka_admin *admin, rd_kafka_event_t *event, const char *topic,
                       const char *name, char *out, size_t size, struct error *err)
{
    size_t resource_count = 0, count = 0;
    const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &resource_count);
    rd_kafka_resp_err_t code =
        resource_count == 1 ? rd_kafka_ConfigResource_error(resources[0]) : RD_KAFKA_RESP_ERR__FAIL;
    if (client_lacks_right(code))
        return client_refused(&admin->client, "DescribeConfigs", "topic", topic, err);
    /* Some broker's metadata has a young topic, and another's does not yet. */
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return error_set(err, ERROR_RETRY, "Kafka configuration of %s: %s", topic,
                         rd_kafka_ConfigResource_error_string(resources[0]));
    if (code)
        return error_set(err, ERROR_SET_ASIDE, "Kafka configuration of %s: %s", topic,
                         resource_count ? rd_kafka_ConfigResource_error_string(resources[0])
                                        : "no answer");
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resources[0], &count);
    for (size_t i = 0; i < count; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) != 0 || !value)
            continue;
        if (strlen(value) >= size)
            break;
        memcpy(out, value, strlen(value) + 1);
        return 0;
    }
    return error_set(err, ERROR_SET_ASIDE, "Kafka configuration of %s: no %s, or longer than %zu",
                     topic, name, size);
}

int kafka_admin_config(struct kafka_admin *admin, const char *topic, const char *name,
                       int timeout_ms, char *out, size_t size, struct error *err)
{
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_AdminOptions_t *options =
        admin_options(admin, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin->client.rk);
    rd_kafka_DescribeConfigs(admin->client.rk, &resource, 1, options, queue);
    rd_kafka_event_t *event = answer(admin, "DescribeConfigs", topic, queue, timeout_ms, err);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(resource);
    if (!event)
        return -1;
    int result = find_config(admin, event, topic, name, out, size, err);
    rd_kafka_event_destroy(event);
    return result;
}

static int create_result(struct kafka_admin *admin, rd_kafka_event_t *event, struct error *err)
{
    size_t count = 0;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            continue;
        if (client_lacks_right(code))
            return client_refused(&admin->client, "Create", "topic",
                                  rd_kafka_topic_result_name(results[i]), err);
        bool away = code == RD_KAFKA_RESP_ERR_NOT_CONTROLLER ||
                    code == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT ||
                    code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT;
        const char *text = rd_kafka_topic_result_error_string(results[i]);
        return error_set(err, away ? ERROR_RETRY : ERROR_FATAL, "Kafka create topic %s: %s",
                         rd_kafka_topic_result_name(results[i]),
                         text ? text : rd_kafka_err2str(code));
    }
    return 0;
}

static rd_kafka_NewTopic_t *new_topic(const struct kafka_new_topic *topic, struct error *err)
{
    char text[160];
    rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(topic->name, topic->partitions,
                                                      topic->replication, text, sizeof(text));
    if (!made) {
        error_set(err, ERROR_FATAL, "Kafka create topic %s: %s", topic->name, text);
        return NULL;
    }
    for (size_t i = 0; i < topic->config_count; i++) {
        rd_kafka_resp_err_t code =
            rd_kafka_NewTopic_set_config(made, topic->configs[i].name, topic->configs[i].value);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            error_set(err, ERROR_FATAL, "Kafka create topic %s: %s: %s", topic->name,
                      topic->configs[i].name, rd_kafka_err2str(code));
            rd_kafka_NewTopic_destroy(made);
            return NULL;
        }
    }
    return made;
}

/* Metadata follows a little later than the answer to the request. */
static int wait_until_visible(struct kafka_admin *admin, const struct kafka_new_topic *topics,
                              size_t count, int timeout_ms, struct error *err)
{
    int64_t until = client_now_ms() + timeout_ms;
    for (size_t i = 0; i < count; i++) {
        int32_t partitions = 0;
        while (partitions == 0) {
            if (kafka_admin_partitions(admin, topics[i].name, timeout_ms, &partitions, err))
                return -1;
            if (partitions == 0 && client_now_ms() >= until)
                return error_set(err, ERROR_RETRY, "Kafka create topic %s: not visible after %d ms",
                                 topics[i].name, timeout_ms);
            if (partitions == 0)
                rd_kafka_poll(admin->client.rk, VISIBLE_POLL_MS);
        }
    }
    return 0;
}

int kafka_admin_create(struct kafka_admin *admin, const struct kafka_new_topic *topics,
                       size_t count, int timeout_ms, struct error *err)
{
    if (count == 0)
        return 0;
    rd_kafka_NewTopic_t **list = calloc(count, sizeof(rd_kafka_NewTopic_t *));
    if (!list)
        return error_set(err, ERROR_FATAL, "out of memory for new Kafka topics");
    size_t made = 0;
    while (made < count && (list[made] = new_topic(&topics[made], err)))
        made++;
    rd_kafka_event_t *event = NULL;
    if (made == count) {
        rd_kafka_AdminOptions_t *options =
            admin_options(admin, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
        rd_kafka_queue_t *queue = rd_kafka_queue_new(admin->client.rk);
        rd_kafka_CreateTopics(admin->client.rk, list, count, options, queue);
        event = answer(admin, "Create", topics[0].name, queue, timeout_ms, err);
        rd_kafka_AdminOptions_destroy(options);
    }
    rd_kafka_NewTopic_destroy_array(list, made);
    free(list);
    int result = event ? create_result(admin, event, err) : -1;
    if (event)
        rd_kafka_event_destroy(event);
    return result ? -1 : wait_until_visible(admin, topics, count, timeout_ms, err);
}

/* ---- groups ---- */

static int no_room(const char *group, struct error *err)
{
    return error_set(err, ERROR_FATAL, "no room for the members of %s", group);
}

/* NULL is absent; false when the arena is full. */
static bool copy(struct arena *arena, const char *text, struct str *out)
{
    *out = (struct str){NULL, 0};
    if (text)
        *out = arena_copy(arena, str_from(text));
    return !text || out->ptr;
}

static bool take_member(const rd_kafka_MemberDescription_t *told, struct arena *arena,
                        struct kafka_member *out)
{
    const rd_kafka_MemberAssignment_t *assignment = rd_kafka_MemberDescription_assignment(told);
    const rd_kafka_topic_partition_list_t *places =
        assignment ? rd_kafka_MemberAssignment_partitions(assignment) : NULL;
    size_t count = places ? (size_t)places->cnt : 0;
    if (!copy(arena, rd_kafka_MemberDescription_group_instance_id(told), &out->instance) ||
        !copy(arena, rd_kafka_MemberDescription_consumer_id(told), &out->id) ||
        !copy(arena, rd_kafka_MemberDescription_client_id(told), &out->client_id) ||
        !copy(arena, rd_kafka_MemberDescription_host(told), &out->host) ||
        !(out->assigned = arena_alloc_array(arena, count + 1, sizeof(*out->assigned))))
        return false;
    for (; out->assigned_count < count; out->assigned_count++) {
        const rd_kafka_topic_partition_t *place = &places->elems[out->assigned_count];
        struct str topic;
        if (!copy(arena, place->topic, &topic))
            return false;
        out->assigned[out->assigned_count] =
            (struct kafka_place){topic.ptr, place->partition, KAFKA_NO_OFFSET};
    }
    return true;
}

static int take_group(const rd_kafka_ConsumerGroupDescription_t *told, const char *name,
                      struct arena *arena, struct kafka_group *out, struct error *err)
{
    const rd_kafka_error_t *wrong = rd_kafka_ConsumerGroupDescription_error(told);
    if (wrong)
        return error_set(err, client_action(rd_kafka_error_code(wrong)), "Kafka group %s: %s", name,
                         rd_kafka_error_string(wrong));
    struct kafka_group group = {0};
    size_t count = rd_kafka_ConsumerGroupDescription_member_count(told);
    group.members = arena_alloc_array(arena, count + 1, sizeof(*group.members));
    if (!group.members ||
        !copy(arena,
              rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(told)),
              &group.state))
        return no_room(name, err);
    for (; group.member_count < count; group.member_count++)
        if (!take_member(rd_kafka_ConsumerGroupDescription_member(told, group.member_count), arena,
                         &group.members[group.member_count]))
            return no_room(name, err);
    *out = group;
    return 0;
}

int kafka_admin_group(struct kafka_admin *admin, const char *group, int timeout_ms,
                      struct arena *arena, struct kafka_group *out, struct error *err)
{
    rd_kafka_AdminOptions_t *options =
        admin_options(admin, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, timeout_ms);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin->client.rk);
    rd_kafka_DescribeConsumerGroups(admin->client.rk, &group, 1, options, queue);
    rd_kafka_event_t *event = answer(admin, "group", group, queue, timeout_ms, err);
    rd_kafka_AdminOptions_destroy(options);
    if (!event)
        return -1;
    size_t count = 0;
    const rd_kafka_ConsumerGroupDescription_t **told =
        rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(event), &count);
    int result = count == 1 ? take_group(told[0], group, arena, out, err)
                            : error_set(err, ERROR_RETRY, "Kafka group %s: no answer", group);
    rd_kafka_event_destroy(event);
    return result;
}

static int take_offsets(const rd_kafka_group_result_t *told, const char *group,
                        struct kafka_place *places, size_t count, struct error *err)
{
    const rd_kafka_error_t *wrong = rd_kafka_group_result_error(told);
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(told);
    if (wrong)
        return error_set(err, client_action(rd_kafka_error_code(wrong)), "Kafka offsets of %s: %s",
                         group, rd_kafka_error_string(wrong));
    for (size_t i = 0; i < count; i++) {
        places[i].offset = KAFKA_NO_OFFSET;
        for (int n = 0; list && n < list->cnt; n++) {
            const rd_kafka_topic_partition_t *place = &list->elems[n];
            if (place->partition != places[i].partition ||
                strcmp(place->topic, places[i].topic) != 0)
                continue;
            if (place->err != RD_KAFKA_RESP_ERR_NO_ERROR)
                return error_set(err, client_action(place->err), "Kafka offsets of %s: %s/%d: %s",
                                 group, place->topic, (int)place->partition,
                                 rd_kafka_err2str(place->err));
            places[i].offset = place->offset >= 0 ? place->offset : KAFKA_NO_OFFSET;
        }
    }
    return 0;
}

int kafka_admin_group_offsets(struct kafka_admin *admin, const char *group,
                              struct kafka_place *places, size_t count, int timeout_ms,
                              struct error *err)
{
    if (count == 0)
        return 0;
    rd_kafka_topic_partition_list_t *wanted = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(wanted, places[i].topic, places[i].partition);
    rd_kafka_ListConsumerGroupOffsets_t *request =
        rd_kafka_ListConsumerGroupOffsets_new(group, wanted);
    rd_kafka_AdminOptions_t *options =
        admin_options(admin, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, timeout_ms);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin->client.rk);
    rd_kafka_ListConsumerGroupOffsets(admin->client.rk, &request, 1, options, queue);
    rd_kafka_event_t *event = answer(admin, "offsets of", group, queue, timeout_ms, err);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ListConsumerGroupOffsets_destroy(request);
    rd_kafka_topic_partition_list_destroy(wanted);
    if (!event)
        return -1;
    size_t groups = 0;
    const rd_kafka_group_result_t **told = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(event), &groups);
    int result = groups == 1 ? take_offsets(told[0], group, places, count, err)
                             : error_set(err, ERROR_RETRY, "Kafka offsets of %s: no answer", group);
    rd_kafka_event_destroy(event);
    return result;
}
