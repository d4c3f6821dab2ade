/* Any text as a settings file: as a tree, as endpoints, and as the settings of every service with
 * its reference data. Lines up to the first NUL are the file, then come flags. */
/* links: waybill_worker intake_settings stock_check_settings supplier_router_settings */
/* links: tracking_ingest_settings notifier_settings feedback_settings */
#include "fuzz_input.h"

#include "config/settings.h"
#include "feedback/feedback.h"
#include "intake/intake.h"
#include "notifier/notifier.h"
#include "stock_check/stock_check.h"
#include "supplier_router/supplier_router.h"
#include "tracking_ingest/tracking_ingest.h"
#include "worker/endpoints.h"
#include "worker/runtime_settings.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ARENA_BYTES_MAX = 64 * 1024 * 1024, FLAGS_MAX = 8 };

static void look_at(const struct yaml_node *node, int depth)
{
    size_t count = 0;
    assert(depth <= YAML_DEPTH_MAX && node->line > 0);
    assert(!node->text.ptr || node->text.ptr[node->text.len] == '\0');
    for (const struct yaml_node *item = yaml_items(node); item; item = item->next) {
        look_at(item, depth + 1);
        count++;
    }
    assert(count == node->count);
}

static void read_tree(struct str text, struct arena *arena)
{
    const struct yaml_node *root;
    struct endpoints endpoints;
    struct error err = {0};
    if (yaml_load_text("any.yaml", text, arena, &root, &err)) {
        assert(err.action == ERROR_FATAL && err.text[0]);
        return;
    }
    look_at(root, 0);
    const struct yaml_node *section = yaml_find(root, "endpoints");
    if (section && endpoints_parse(section, arena, &endpoints, &err) == 0)
        assert(endpoints.len <= ENDPOINTS_MAX);
}

/* A refusal says something, and names what it refuses. */
static void load(const struct settings *settings, const char *file, const char *const *flags,
                 struct arena *arena)
{
    static struct settings_faults faults;
    struct runtime_settings runtime = {0};
    void *cfg = arena_alloc(arena, settings->bytes);
    const struct config_part parts[] = {{&runtime_settings, &runtime}, {settings, cfg}};
    const char *const files[] = {file, NULL};
    if (!cfg)
        return;
    faults.count = 0;
    if (settings_load_all(parts, 2, files, NULL, flags, arena, &faults) == 0) {
        assert(faults.count == 0);
        return;
    }
    assert(faults.count > 0 && faults.count <= SETTINGS_FAULTS_MAX);
    for (size_t i = 0; i < faults.count; i++)
        assert(faults.faults[i].text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct settings *const all[] = {
        &intake_settings,          &stock_check_settings, &supplier_router_settings,
        &tracking_ingest_settings, &notifier_settings,    &feedback_settings};
    static int file;
    static char path[32];
    if (path[0] == '\0') {
        file = memfd_create("settings", 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    }
    struct input in = {data, size};
    struct arena arena;
    char *flags[FLAGS_MAX + 1] = {NULL};
    arena_init(&arena, ARENA_BYTES_MAX);
    struct str text = input_until(&in, '\0');
    const struct settings *settings = all[text.len % (sizeof(all) / sizeof(all[0]))];
    for (int i = 0; i < FLAGS_MAX && in.left > 0; i++)
        flags[i] = (char *)arena_copy(&arena, input_until(&in, '\0')).ptr;
    read_tree(text, &arena);
    if (ftruncate(file, 0) || pwrite(file, text.ptr, text.len, 0) != (ssize_t)text.len)
        abort();
    load(settings, path, (const char *const *)flags, &arena);
    arena_done(&arena);
    return 0;
}
