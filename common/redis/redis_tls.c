#include "redis/redis_tls.h"

#ifdef WAYBILL_REDIS_TLS

#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

enum { SECRET_ARENA_BYTES = 256 * 1024 };

struct redis_tls {
    SSL_CTX *context;
    char host[256];
};

bool redis_tls_is_there(void)
{
    return true;
}

/* Instead of asking at the terminal, as OpenSSL does by itself. */
static int give_password(char *out, int size, int writing, void *self)
{
    const struct str *password = self;
    (void)writing;
    if (!password->ptr || password->len > (size_t)size)
        return -1;
    memcpy(out, password->ptr, password->len);
    return (int)password->len;
}

static int load_certificate(SSL_CTX *context, const struct redis_access *access, struct error *err)
{
    struct arena arena;
    struct tls_files files = access->files;
    arena_init(&arena, SECRET_ARENA_BYTES);
    int failed = secret_read(&access->key_password, &arena, &files.key_password, err);
    if (failed)
        error_prefix(err, "redis.tls_key_password_file");
    else
        failed = tls_check_files("redis", &files, err) || tls_check_dates("redis", &files, err);
    if (!failed && files.certificate.ptr) {
        SSL_CTX_set_default_passwd_cb(context, give_password);
        SSL_CTX_set_default_passwd_cb_userdata(context, &files.key_password);
        failed = SSL_CTX_use_certificate_chain_file(context, files.certificate.ptr) != 1 ||
                 SSL_CTX_use_PrivateKey_file(context, files.key.ptr, SSL_FILETYPE_PEM) != 1;
        SSL_CTX_set_default_passwd_cb(context, NULL);
        if (failed)
            error_set(err, ERROR_FATAL, "redis.tls_certificate_file, redis.tls_key_file: %s",
                      ERR_reason_error_string(ERR_peek_last_error()));
    }
    arena_done(&arena);
    return failed ? -1 : 0;
}

int redis_tls_open(struct redis_tls **out, const struct redis_access *access, const char *host,
                   struct error *err)
{
    struct redis_tls *tls = calloc(1, sizeof(*tls));
    if (!tls || !(tls->context = SSL_CTX_new(TLS_client_method()))) {
        redis_tls_close(tls);
        return error_set(err, ERROR_FATAL, "out of memory for TLS");
    }
    strncpy(tls->host, host, sizeof(tls->host) - 1);
    SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
    SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
    const char *ca = access ? access->files.ca.ptr : NULL;
    int loaded = ca ? SSL_CTX_load_verify_file(tls->context, ca)
                    : SSL_CTX_set_default_verify_paths(tls->context);
    int failed = loaded == 1 ? 0
                             : error_set(err, ERROR_FATAL, "redis.tls_ca_file: cannot use %s",
                                         ca ? ca : "the system's certificates");
    if (!failed && access)
        failed = load_certificate(tls->context, access, err);
    ERR_clear_error();
    if (failed) {
        redis_tls_close(tls);
        return -1;
    }
    *out = tls;
    return 0;
}

void redis_tls_close(struct redis_tls *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->context);
    free(tls);
}

/* The server's certificate must be for this host: hiredis verifies the chain only. */
static bool expect_host(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *wanted = SSL_get0_param(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host) == 1)
        return true;
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

int redis_tls_begin(struct redis_tls *tls, struct redisContext *context, struct error *err)
{
    SSL *ssl = SSL_new(tls->context);
    if (!ssl || !expect_host(ssl, tls->host)) {
        SSL_free(ssl);
        return error_set(err, ERROR_RETRY, "out of memory for TLS");
    }
    if (redisInitiateSSL(context, ssl) == REDIS_OK)
        return 0;
    long verified = SSL_get_verify_result(ssl);
    SSL_free(ssl); /* stays ours when it fails */
    ERR_clear_error();
    if (verified != X509_V_OK)
        return error_set(
            err, ERROR_DENIED,
            "its certificate is not trusted: %s; is redis.tls_ca_file its CA, and %s a "
            "name in its certificate?",
            X509_verify_cert_error_string(verified), tls->host);
    return error_set(err, ERROR_RETRY, "TLS: %s", context->errstr);
}

#else

bool redis_tls_is_there(void)
{
    return false;
}

int redis_tls_open(struct redis_tls **out, const struct redis_access *access, const char *host,
                   struct error *err)
{
    (void)out, (void)access;
    return error_set(err, ERROR_FATAL, "Redis %s: built without TLS", host);
}

void redis_tls_close(struct redis_tls *tls)
{
    (void)tls;
}

int redis_tls_begin(struct redis_tls *tls, struct redisContext *context, struct error *err)
{
    (void)tls, (void)context;
    return error_set(err, ERROR_FATAL, "built without TLS");
}

#endif
