/* SPDX-License-Identifier: Apache-2.0 */
/* purchase.h - a purchase manifest: CSV in, nodes to enrol out.
 *
 * Pure: certificates that it names are the caller's to read, who then fills
 * in each row's id and calls purchase_unique(). The header names the
 * columns of enum purchase_column; others are refused unless they begin
 * with x-, which are passed over. Functions return 0, -EBADMSG or -ENOMEM
 * with f saying in which file, line and column, why, and what to do. */
#ifndef MUSTER_PURCHASE_H
#define MUSTER_PURCHASE_H

#include "csv.h"
#include "log.h"

enum purchase_column {
        PC_NAME,    /* name */
        PC_ID,      /* ek_sha256: 64 hex digits, as the certificate's key when both are there */
        PC_FILE,    /* ek_cert: a file in or below the manifest's directory */
        PC_BASE64,  /* ek_cert_base64: of the DER */
        PC_PEM,     /* ek_cert_pem */
        PC_PROFILE, /* profile */
        PC_WITHOUT, /* without_ek_certificate: yes, no or empty */
        PC_COUNT,
};

struct purchase_row {
        char id[2 * DIGEST_LEN + 1]; /* lower case; "" as long as it is in a certificate only */
        bool without;
        bool faulty; /* it was told why */
};

struct purchase {
        const char *file; /* the caller's, for messages */
        struct csv csv;
        size_t at[PC_COUNT]; /* CSV_COLUMNS_MAX: there is no such column */
        struct purchase_row *row;
        size_t n;
};

/* Given `each`, a bad row ends nothing: it is told, counted in *ret_faults, and the
 * next one is read, so that all faults of a list are seen at once. Without it the
 * first one is the error. */
typedef void (*purchase_fault_fn)(void *ctx, const struct fail *f);
int purchase_parse(const char *file, const void *p, size_t len, purchase_fault_fn each, void *ctx, size_t *ret_faults,
                   struct purchase *ret, struct fail *f);
/* The same for an error of what the rows name: 0 when it was told and counted. */
int purchase_faults(int r, struct fail *f, purchase_fault_fn each, void *ctx, size_t *n);
void purchase_wipe(struct purchase *p);

/* What row i, from 0, has in a column; "" when there is none. */
const char *purchase_get(const struct purchase *p, size_t i, enum purchase_column c);
size_t purchase_line(const struct purchase *p, size_t i);
/* Of FILE, BASE64 and PEM the one that row i has; PC_COUNT: none. */
enum purchase_column purchase_source(const struct purchase *p, size_t i);

/* No two rows have the same name or the same id. */
int purchase_unique(const struct purchase *p, struct fail *f);

/* Fills f for a field of row i. Returns -EBADMSG. */
int purchase_fail(const struct purchase *p, size_t i, enum purchase_column c, struct fail *f, const char *next,
                  const char *fmt, ...) _printf_(6, 7);

#endif
