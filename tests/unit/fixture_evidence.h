/* SPDX-License-Identifier: Apache-2.0 */
/* fixture_evidence.h - one virtual node in software: EK, AK, a PC's event
 * log as OVMF, iPXE, systemd-stub and the kernel write it, and the attest
 * request over it, byte for byte as a TPM and muster-node make it.
 *
 * fixture_init() gives a node that a parent with f->refs and f->node says
 * OK to. Change its events, or a knob, and fixture_build() again. Used by
 * unit tests and by the fleet simulator: include fixture_evidence.c. */
#ifndef MUSTER_FIXTURE_EVIDENCE_H
#define MUSTER_FIXTURE_EVIDENCE_H

#include "decide.h"
#include "uki.h"

#ifndef FX_EVENTS /* larger for larger logs */
#define FX_EVENTS 96
#define FX_DATA 512
#endif

struct fx_event {
        uint32_t pcr;
        uint32_t type;
        uint8_t digest[DIGEST_LEN];
        uint8_t data[FX_DATA];
        size_t size;
};

/* One thing to do wrong in the TPM structures; zero: nothing. */
struct fx_knobs {
        uint32_t hierarchy; /* of the AK; 0: endorsement */
        size_t signer_len;  /* 0: all 34 bytes of qualifiedSigner */
        uint32_t magic;
        uint16_t type;
        const uint8_t *select; /* three bytes */
        uint16_t bank;
        enum fx_banks { ONE_BANK, NO_BANK, TWO_BANKS, SAME_BANK } banks;
        bool quote_selected; /* the digest is over the selected PCRs only, and PCR 4 is another */
        bool other_key;      /* signed by another key than the AK */
        bool lie_about_pcrs; /* the request's PCR 0 is not the one quoted */
        bool other_node;     /* `node` is not the EK's id */
        uint32_t ak_attributes;
        bool broken_ek;
        bool trailing_quote;
        size_t drop_event; /* leave this event (1-based) out of the log only, */
        bool drop_rest;    /* and all that follow */
        bool cut_log;      /* its last byte is missing */
        bool extra_given;  /* qualifyingData is these bytes */
        const uint8_t *extra;
        size_t extra_len;
        uint16_t nv;       /* enum nv_state of both indices */
        /* last changes: before the request is hashed, before the quote is signed, after it was */
        void (*edit_request)(struct attest_request *r);
        void (*edit_quote)(struct buf *b);
        void (*edit_signature)(struct buf *b);
};

struct fixture {
        EVP_PKEY *ek, *ak, *other;
        uint8_t exporter[DIGEST_LEN];
        uint32_t reset_count, restart_count;
        uint64_t clock; /* 0: one that goes on with each quote, and in the next program */
        struct fx_event ev[FX_EVENTS];
        size_t n;
        uint8_t pcr[24][DIGEST_LEN];
        struct fx_knobs knobs;
        struct attest_facts facts;

        struct buf uki;       /* the file of boot entry r9 */
        struct buf old_uki;   /* r8 */
        struct buf ipxe_file; /* snponly.efi */
        struct boot_ref boot, previous;
        const struct boot_ref *boots[2];
        struct ipxe_set ipxe;
        struct profile profile;

        struct buf body; /* of POST /v2/attest */
        struct attest_request req;
        struct evidence *evidence;
        struct decide_node node;
        struct decide_refs refs;
        uint8_t policy_keys[2][DIGEST_LEN];
};

void fixture_init(struct fixture *f);
void fixture_free(struct fixture *f);
void fixture_build(struct fixture *f); /* events and knobs into body, req, evidence */

/* The events of firmware, then those of a boot of a UKI by iPXE with these
 * load options (the image's name included; NULL: none). */
void fixture_firmware(struct fixture *f, bool secure_boot);
void fixture_chain(struct fixture *f, const struct buf *ipxe, const struct buf *uki, const char *options,
                   bool secure_boot);

/* The binary log of the events as they are now. */
struct buf fixture_log(const struct fixture *f);

/* digest NULL: that of the data. */
void fixture_event(struct fixture *f, uint32_t pcr, uint32_t type, const uint8_t *digest, const void *data,
                   size_t size);
struct fx_event *fixture_find(struct fixture *f, uint32_t pcr, size_t nth);
void fixture_remove(struct fixture *f, struct fx_event *e);

/* A small PE image with the given sections, and a UKI. Text as content. */
struct fx_section {
        const char *name;
        const void *p;
        size_t n;
};
struct buf fixture_pe(const struct fx_section *s, size_t n);
struct buf fixture_uki(const char *kernel, const char *initrd, const char *cmdline);

#define FX_FILE "r9.efi"
#define FX_CMDLINE "root=muster rd.shell=0 rd.emergency=reboot systemd.import_credentials=no console=ttyS0"

#endif
