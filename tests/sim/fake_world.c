#include "sim/fake_state.h"

struct str fake_keep(struct str s)
{
    if (!s.ptr)
        return s;
    char *copy = malloc(s.len + 1);
    assert(copy);
    memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return (struct str){copy, s.len};
}

void fake_drop(struct str *s)
{
    free((void *)(uintptr_t)s->ptr);
    *s = (struct str){NULL, 0};
}

static int64_t clock_now(void *self)
{
    return ((struct fake_world *)self)->now_ms;
}

static int64_t clock_mono(void *self)
{
    return ((struct fake_world *)self)->mono_ms;
}

static int fake_submit(void *self, const struct http_request *request, struct error *err)
{
    struct fake_world *world = self;
    (void)err;
    assert(world->call_count < FAKE_CALLS_MAX);
    struct fake_call *call = &world->calls[world->call_count];
    *call = (struct fake_call){0};
    for (size_t i = 0; i < request->header_count; i++)
        if (str_equal(request->headers[i].name, STR("Idempotency-Key")))
            snprintf(call->key, sizeof(call->key), "%.*s", STR_ARG(request->headers[i].value));
    snprintf(call->path, sizeof(call->path), "%.*s", STR_ARG(request->url));
    world->owners[world->call_count++] = request->owner;
    return 0;
}

static bool fake_collect(void *self, struct http_result *out)
{
    struct fake_world *world = self;
    if (world->hold || world->answered == world->call_count)
        return false;
    *out = (struct http_result){.owner = world->owners[world->answered++],
                                .end = world->next_end,
                                .status = world->next_status,
                                .retry_after_ms = -1};
    world->next_end = HTTP_ANSWERED;
    world->next_status = 200;
    return true;
}

static int fake_smtp_submit(void *self, const struct smtp_request *request, struct error *err)
{
    (void)self;
    (void)request;
    return error_set(err, ERROR_SET_ASIDE, "no SMTP here");
}

static bool fake_smtp_collect(void *self, struct smtp_result *out)
{
    (void)self;
    (void)out;
    return false;
}

static void fill_ports(struct fake_world *world)
{
    world->ports = (struct ports){
        .log = fake_log_port(world),
        .store = fake_store_port(world),
        .clock = {.self = world, .now_ms = clock_now, .wall_ms = clock_now, .mono_ms = clock_mono}};
    world->transports = (struct transports){.self = world,
                                            .http_submit = fake_submit,
                                            .http_collect = fake_collect,
                                            .smtp_submit = fake_smtp_submit,
                                            .smtp_collect = fake_smtp_collect};
}

struct fake_world *fake_world_new(const struct service *service, int32_t partitions)
{
    struct fake_world *world = calloc(1, sizeof(*world));
    assert(world && partitions <= PARTITIONS_MAX);
    world->service = service;
    world->partitions = partitions;
    world->now_ms = FAKE_WORLD_BEGAN_MS;
    world->rebalance_after = -1;
    world->next_status = 200;
    memset(world->committed, 0xff, sizeof(world->committed));
    fill_ports(world);
    return world;
}

void fake_world_free(struct fake_world *world)
{
    for (size_t t = 0; t < world->topic_count; t++)
        for (int32_t p = 0; p < PARTITIONS_MAX; p++)
            fake_log_free(&world->topics[t].logs[p]);
    for (size_t i = 0; i < world->late_count; i++)
        fake_record_free(&world->late[i].record);
    for (int32_t p = 0; p < PARTITIONS_MAX; p++) {
        fake_shelf_empty(&world->shelves[p]);
        fake_shelf_empty(&world->before[p]);
    }
    free(world);
}

struct ports *fake_world_ports(struct fake_world *world)
{
    return &world->ports;
}

const struct transports *fake_world_transports(struct fake_world *world)
{
    return &world->transports;
}

void fake_world_crash(struct fake_world *world)
{
    if (world->open)
        fake_end_transaction(world, ABORTED);
    world->epoch = 0;
    world->assigned_count = 0;
    memset(world->running, 0, sizeof(world->running));
    memset(world->is_reading, 0, sizeof(world->is_reading));
    memset(world->table_next, 0, sizeof(world->table_next));
    world->answered = world->call_count;
}

void fake_world_pass(struct fake_world *world, int64_t ms)
{
    world->now_ms += ms;
    world->mono_ms += ms;
}

size_t fake_world_calls(const struct fake_world *world, const struct fake_call **out)
{
    *out = world->calls;
    return world->call_count;
}

void fake_world_next_call(struct fake_world *world, enum http_end end, int32_t status)
{
    world->next_end = end;
    world->next_status = status;
}

void fake_world_hold_calls(struct fake_world *world, bool hold)
{
    world->hold = hold;
}
