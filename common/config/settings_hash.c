/* The fingerprint of what a table's settings and sections say. */
#include "base/buffer.h"
#include "config/settings.h"

#include <openssl/evp.h>
#include <stdio.h>

enum { HASHED_BYTES_MAX = 16 * 1024 * 1024 };

static void hash_number(struct buffer *out, const struct setting *row, const char *field)
{
    int choice;
    bool on;
    int64_t number;
    if (row->kind == SETTING_CHOICE) {
        memcpy(&choice, field, sizeof(choice));
        number = choice;
    } else if (row->kind == SETTING_BOOL) {
        memcpy(&on, field, sizeof(on));
        number = on;
    } else
        memcpy(&number, field, sizeof(number));
    buffer_printf(out, "%s=%lld\n", row->name, (long long)number);
}

static void hash_value(struct buffer *out, const struct setting *row, const void *cfg)
{
    const char *field = (const char *)cfg + row->offset;
    struct str text;
    double real;
    if (row->kind == SETTING_SECRET)
        return;
    if (row->kind == SETTING_STRING) {
        memcpy(&text, field, sizeof(text));
        buffer_printf(out, "%s=%zu:%.*s\n", row->name, text.len, STR_ARG(text));
    } else if (row->kind == SETTING_DOUBLE) {
        memcpy(&real, field, sizeof(real));
        buffer_printf(out, "%s=%.17g\n", row->name, real);
    } else
        hash_number(out, row, field);
}

static void hash_node(struct buffer *out, const struct yaml_node *node)
{
    buffer_printf(out, "%d %zu:%.*s %zu:%.*s %zu\n", (int)node->kind, node->key.len,
                  STR_ARG(node->key), node->text.len, STR_ARG(node->text), node->count);
    for (const struct yaml_node *child = node->first; child; child = child->next)
        hash_node(out, child);
}

void settings_hash(const struct settings *settings, const void *cfg,
                   const struct yaml_node *sections, char out[SETTINGS_HASH_BYTES + 1])
{
    struct buffer text;
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    buffer_init(&text, HASHED_BYTES_MAX);
    for (size_t i = 0; i < settings->count; i++)
        hash_value(&text, &settings->rows[i], cfg);
    if (sections)
        hash_node(&text, sections);
    struct str bytes = buffer_str(&text);
    EVP_Digest(bytes.ptr, bytes.len, digest, NULL, EVP_sha256(), NULL);
    buffer_done(&text);
    for (size_t i = 0; i < SETTINGS_HASH_BYTES / 2; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}
