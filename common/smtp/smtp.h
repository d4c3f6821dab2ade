/* E-mail by libcurl: a bounded pool of threads with one easy handle each, since SMTP on a multi
 * handle blocks all transfers while one server is slow. */
#ifndef WAYBILL_SMTP_SMTP_H
#define WAYBILL_SMTP_SMTP_H

#include "base/error.h"
#include "base/str.h"

struct smtp;

struct smtp_request {
    void *owner;     /* comes back with the result */
    struct str url;  /* smtp://host:port or smtps://host:port */
    bool starttls;   /* smtp://: required; false sends in the clear */
    struct str user; /* absent = no AUTH */
    struct str secret;
    struct str ca_file;   /* absent = the system's certificates */
    struct str mail_from; /* addresses without < >; mail_from may be empty */
    struct str mail_to;
    struct str message; /* the whole message, CRLF lines, without the final dot */
    int64_t timeout_ms; /* of the whole call */
    int64_t connect_timeout_ms;
};

enum smtp_end {
    SMTP_ACCEPTED,    /* 2yz after the final dot */
    SMTP_REFUSED,     /* 5yz to MAIL, RCPT, DATA or the final dot: a definite no to this message */
    SMTP_CREDENTIALS, /* 5yz to AUTH, or 530: the server does not like us; certainly not sent */
    SMTP_NOT_SENT,    /* no connection, 4yz, or lost before the final dot */
    SMTP_UNKNOWN      /* lost after the final dot */
};

enum { SMTP_DETAIL_BYTES_MAX = 200, SMTP_REQUESTS_MAX = 4096 };

struct smtp_result {
    void *owner;
    enum smtp_end end;
    int32_t status;                     /* the last reply's code; 0 = none came */
    char detail[SMTP_DETAIL_BYTES_MAX]; /* for a person: "550 no such user" */
};

/* Threads are started when needed, at most threads_max. */
struct smtp *smtp_open(int threads_max, struct error *err) MUST_CHECK;

/* Ends the threads; what is under way is cut off (within about a second) and its results are lost.
 * NULL is fine. */
void smtp_close(struct smtp *smtp);

/* Takes over a copy; exactly one result with this owner follows. ERROR_RETRY: SMTP_REQUESTS_MAX are
 * under way. ERROR_SET_ASIDE: it can never be sent (no recipient, control bytes in an address). */
int smtp_submit(struct smtp *smtp, const struct smtp_request *request,
                struct error *err) MUST_CHECK;

/* The next finished one, or false. */
bool smtp_collect(struct smtp *smtp, struct smtp_result *out) MUST_CHECK;

/* An eventfd that is readable while results wait. Only for poll; do not read it. */
int smtp_fd(const struct smtp *smtp);

#endif
