/* Certificate files: what is wrong with them, told before a connection fails for it. On OpenSSL. */
#ifndef WAYBILL_TLS_H
#define WAYBILL_TLS_H

#include "base/error.h"
#include "base/str.h"

/* PEM files. ptr NULL = not given. The files' names are NUL-terminated. */
struct tls_files {
    struct str ca;               /* whom we trust; none = the system's certificates */
    struct str certificate, key; /* ours; both or neither */
    struct str key_password;
};

/* ERROR_FATAL, naming the setting (group "kafka" -> "kafka.tls_ca_file"), the file and what to do:
 * it is missing, unreadable or not PEM, a certificate without key or the reverse, a wrong password
 * of the key, a key of another certificate. */
MUST_CHECK int tls_check_files(const char *group, const struct tls_files *files, struct error *err);

/* ERROR_DENIED if our certificate is over or not valid yet: a newer file mends it. */
MUST_CHECK int tls_check_dates(const char *group, const struct tls_files *files, struct error *err);

enum { TLS_SUBJECT_BYTES = 256 };

/* Whom a certificate names, as Kafka writes it: "CN=intake,O=Shop" (RFC 2253); "" if it cannot be
 * read. */
void tls_subject(struct str certificate, char out[TLS_SUBJECT_BYTES]);

#endif
