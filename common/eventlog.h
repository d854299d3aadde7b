/* SPDX-License-Identifier: Apache-2.0 */
/* eventlog.h - TCG event log: bytes in, typed events out, replay to PCRs.
 *
 * Pure: no I/O, no logging, no globals. Reads the crypto-agile format (PC
 * Client PFP, CCEL too) and the legacy SHA-1 one. An evlog's views point
 * into the caller's bytes, which must outlive it; evlog_free() frees the
 * event array alone. 0 or -EBADMSG (a reason in ret_why, static text),
 * -E2BIG, -ENOMEM, -EIO (OpenSSL). Outputs are written only on success.
 *
 * Only digests are authenticated, by a quote over the replayed PCRs. Type
 * and data are not, unless evlog_data_matches() says so. EV_NO_ACTION is
 * never extended. A log of nothing but padding is refused; padding (all
 * 00 or all ff) after the last event is counted and ignored. */
#ifndef MUSTER_EVENTLOG_H
#define MUSTER_EVENTLOG_H

#include "mem.h"

#define EVLOG_MAX_SIZE (1024 * 1024)
#define EVLOG_MAX_EVENTS 1024 /* five times the longest real log known; what a parser makes of each is larger than the event */
#define EVLOG_MAX_BANKS 8
#define EVLOG_PCRS 24
#define EVLOG_MAX_DIGEST 64

enum {
        EV_POST_CODE = 1,
        EV_NO_ACTION = 3,
        EV_SEPARATOR = 4,
        EV_ACTION = 5,
        EV_EVENT_TAG = 6,
        EV_S_CRTM_CONTENTS = 7,
        EV_S_CRTM_VERSION = 8,
        EV_IPL = 0xd,
        EV_OMIT_BOOT_DEVICE_EVENTS = 0x12,
};

#define EV_EFI_VARIABLE_DRIVER_CONFIG 0x80000001u
#define EV_EFI_VARIABLE_BOOT 0x80000002u
#define EV_EFI_BOOT_SERVICES_APPLICATION 0x80000003u
#define EV_EFI_BOOT_SERVICES_DRIVER 0x80000004u
#define EV_EFI_RUNTIME_SERVICES_DRIVER 0x80000005u
#define EV_EFI_GPT_EVENT 0x80000006u
#define EV_EFI_ACTION 0x80000007u
#define EV_EFI_PLATFORM_FIRMWARE_BLOB 0x80000008u
#define EV_EFI_HANDOFF_TABLES 0x80000009u
#define EV_EFI_HANDOFF_TABLES2 0x8000000bu
#define EV_EFI_HCRTM_EVENT 0x80000010u
#define EV_EFI_VARIABLE_BOOT2 0x8000000cu
#define EV_EFI_VARIABLE_AUTHORITY 0x800000e0u

#define TPM_SHA1 0x0004
#define TPM_SHA256 0x000b
#define TPM_SHA384 0x000c
#define TPM_SHA512 0x000d
#define TPM_SM3_256 0x0012

struct evlog_bank {
        uint16_t alg;
        uint16_t size;
};

struct evlog_event {
        uint32_t pcr;
        uint32_t type;
        size_t offset;                          /* of the event in the log */
        const uint8_t *digest[EVLOG_MAX_BANKS]; /* by bank; NULL: not carried */
        const uint8_t *data;                    /* never NULL */
        size_t size;
};

struct evlog {
        bool agile;
        struct evlog_bank banks[EVLOG_MAX_BANKS];
        size_t n_banks;
        struct evlog_event *events; /* the SpecID event included */
        size_t n_events;
        int startup_locality;   /* -1: not logged */
        bool hcrtm;             /* PCR 0 holds EV_EFI_HCRTM_EVENT */
        size_t padding;         /* bytes after the last event */
        size_t partial;         /* events without a digest of every bank */
        bool stray_locality;    /* a StartupLocality outside PCR 0: no effect */
};

struct evlog_pcrs {
        uint16_t alg;
        uint16_t size;
        uint32_t extended; /* bit n: PCR n was extended or started non-zero by the log */
        uint8_t value[EVLOG_PCRS][EVLOG_MAX_DIGEST];
};

int evlog_parse(const void *p, size_t len, struct evlog *ret, const char **ret_why, size_t *ret_offset);
void evlog_free(struct evlog *log);

/* The bank's index in log->banks, or -ENOENT. */
int evlog_bank(const struct evlog *log, uint16_t alg);

/* The PCRs of one bank, from reset. -ENOENT: the log has no such bank. */
int evlog_replay(const struct evlog *log, uint16_t alg, struct evlog_pcrs *ret);

/* Does the digest equal H(data)? 1 yes, 0 no, -ENOTSUP when the standard
 * defines no such thing for the type, -ENODATA without that bank's digest. */
int evlog_data_matches(const struct evlog *log, const struct evlog_event *e, uint16_t alg);

/* "EV_SEPARATOR"; "0x12345678" in buf for an unknown type. */
const char *evlog_type_name(uint32_t type, char buf[11]);
/* "sha256"; "0xbeef" in buf for an unknown algorithm. And back: 0 unknown. */
const char *evlog_alg_name(uint16_t alg, char buf[7]);
uint16_t evlog_alg_from_name(const char *name);

/* What the event's data says, one printable ASCII line, escaped, cut to
 * cap. 0, or -EBADMSG when the data is not what its type demands (buf then
 * says so). Never to be trusted further than evlog_data_matches(). */
int evlog_describe(const struct evlog_event *e, char *buf, size_t cap);

/* Does it say of itself to be an application that the firmware took out of a volume of its own? Not authenticated. */
bool evlog_says_firmware_volume(const struct evlog_event *e);

#endif
