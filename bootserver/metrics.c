/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics.h"

#include "mem.h"

#include <inttypes.h>

static const char *const codes[] = {
        "other",       "M-MALFORMED", "M-BUSY",       "M-UNKNOWN",  "M-REVOKED",  "M-QUARANTINED", "M-EK",
        "M-EKCERT",    "M-AK",        "M-ACTIVATE",   "M-QUOTE",    "M-SIGNATURE", "M-BINDING",    "M-SELECTION",
        "M-PCRDIGEST", "M-RESETCOUNT", "M-CAPPED",    "M-EVENTLOG", "M-PROFILE",  "M-FIRMWARE",    "M-BOOT",
        "M-CHAIN",     "M-UKI",       "M-CMDLINE",    "M-INITRD",   "M-PCRS",
        "M-POLICYKEY", "M-TPMFW",
};
_Static_assert(ELEMENTSOF(codes) <= METRIC_CODES, "room for every code");

static const struct {
        enum metric which;
        const char *name; /* with its labels */
} names[] = {
        { M_REQUESTS_BOOT, "muster_requests_total{listener=\"boot\"}" },
        { M_REQUESTS_ATTEST, "muster_requests_total{listener=\"attest\"}" },
        { M_REQUESTS_ADMIN, "muster_requests_total{listener=\"admin\"}" },
        { M_VERDICT_OK, "muster_verdicts_total{verdict=\"ok\"}" },
        { M_VERDICT_PENDING, "muster_verdicts_total{verdict=\"pending\"}" },
        { M_VERDICT_CHALLENGE, "muster_verdicts_total{verdict=\"challenge\"}" },
        { M_VERDICT_REFUSED, "muster_verdicts_total{verdict=\"refused\"}" },
        { M_VERDICT_MALFORMED, "muster_verdicts_total{verdict=\"malformed\"}" },
        { M_VERDICT_BUSY, "muster_verdicts_total{verdict=\"busy\"}" },
        { M_BUNDLES_MADE, "muster_bundles_made_total" },
        { M_BUNDLES_SENT, "muster_bundles_sent_total" },
        { M_CERTIFICATES, "muster_certificates_issued_total" },
        { M_HTTP_REFUSED, "muster_http_refused_total" },
        { M_CONNECTIONS_ATTEST, "muster_attest_connections_total" },
        { M_DECIDE_US, "muster_decide_microseconds_total" },
        { M_SYNCS, "muster_release_syncs_total" },
        { M_DROP_RATE, "muster_dropped_total{why=\"rate\"}" },
        { M_DROP_ADDRESS, "muster_dropped_total{why=\"address\"}" },
        { M_DROP_FULL, "muster_dropped_total{why=\"full\"}" },
        { M_DROP_EVICTED, "muster_dropped_total{why=\"evicted\"}" },
        { M_DROP_HEADER, "muster_dropped_total{why=\"slow-request\"}" },
        { M_DROP_BODY, "muster_dropped_total{why=\"slow-body\"}" },
        { M_DROP_READER, "muster_dropped_total{why=\"slow-reader\"}" },
        { M_DROP_MEMORY, "muster_dropped_total{why=\"memory\"}" },
        { M_DROP_WORK, "muster_dropped_total{why=\"work\"}" },
        { M_BYTES_BOOT, "muster_file_bytes_total{what=\"boot\"}" },
        { M_BYTES_IMAGE, "muster_file_bytes_total{what=\"image\"}" },
        { M_IMAGE_BUSY, "muster_image_busy_total" },
        { M_OPEN_BOOT, "muster_connections{listener=\"boot\"}" },
        { M_OPEN_ATTEST, "muster_connections{listener=\"attest\"}" },
        { M_IMAGE_SENDS, "muster_image_sends" },
        { M_WAITING, "muster_connections_waiting" },
};

void metric_code(struct metrics *m, const char *code)
{
        size_t k = 0;

        for (size_t i = 1; i < ELEMENTSOF(codes); i++)
                if (strcmp(codes[i], code) == 0)
                        k = i;
        (void)atomic_fetch_add_explicit(&m->code[k], 1, memory_order_relaxed);
}

static size_t family(const char *name)
{
        return strcspn(name, "{");
}

long metrics_text(struct metrics *m, char *out, size_t n)
{
        const char *last = "";
        size_t len = 0;

        for (size_t i = 0; i < ELEMENTSOF(names) && len < n; i++) {
                const char *name = names[i].name;

                if (family(name) != family(last) || strncmp(name, last, family(name)) != 0)
                        len += (size_t)snprintf(out + len, n - len, "# TYPE %.*s %s\n", (int)family(name), name,
                                                names[i].which >= M_OPEN_BOOT ? "gauge" : "counter");
                last = name;
                if (len < n)
                        len += (size_t)snprintf(out + len, n - len, "%s %" PRIuFAST64 "\n", name,
                                                atomic_load(&m->v[names[i].which]));
        }
        if (len < n)
                len += (size_t)snprintf(out + len, n - len, "# TYPE muster_refusals_total counter\n");
        for (size_t i = 0; i < ELEMENTSOF(codes) && len < n; i++)
                len += (size_t)snprintf(out + len, n - len, "muster_refusals_total{code=\"%s\"} %" PRIuFAST64 "\n", codes[i],
                                        atomic_load(&m->code[i]));
        return len < n ? (long)len : -ENOBUFS;
}
