/* SPDX-License-Identifier: Apache-2.0 */
#include "tpm_tcti.h"

#include "tpmanswer.h"

#include <time.h>
#include <tss2/tss2_tpm2_types.h>

#define WRAP_MAGIC 0x6d75737465720001ull
#define HEADER_LEN 10 /* tag, size, code */
#define OPEN_MAX 16
#define PAUSE_MIN_MS 10
#define PAUSE_MAX_MS 500
#define AGAIN_BUSY_MS 1000

struct packet {
        uint8_t p[TPM2_MAX_COMMAND_SIZE];
        size_t len;
};

struct wrap {
        TSS2_TCTI_CONTEXT_COMMON_V2 v2;
        TSS2_TCTI_CONTEXT *inner;
        struct tpm_counts *counts;
        struct packet command;
        struct packet answer; /* len 0: none yet */
        bool taken;           /* the layer above has the answer */
        bool gave_up;         /* waited long enough for this very command */
        bool was_busy;        /* gave up once: be short with it from now on */
        uint8_t *above;       /* the buffer of the layer above */
        TPM2_HANDLE open[OPEN_MAX];
        size_t n_open;
};

static struct wrap *wrap_of(TSS2_TCTI_CONTEXT *c)
{
        return (struct wrap *)c;
}

static uint32_t be32(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_be32(uint8_t *p, uint32_t v)
{
        for (int i = 0; i < 4; i++)
                p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void count(struct tpm_counts *c, uint32_t code)
{
        size_t i;

        c->total++;
        for (i = 0; i < c->n_by && c->by[i].code != code; i++)
                ;
        if (i == TPM_COUNTS_MAX)
                return;
        if (i == c->n_by)
                c->by[c->n_by++].code = code;
        c->by[i].n++;
}

bool tpm_rc_busy(uint32_t rc)
{
        switch (rc & 0xffff) {
        case TPM2_RC_RETRY:
        case TPM2_RC_YIELDED:
        case TPM2_RC_TESTING:
        case TPM2_RC_NV_RATE:
        case TPM2_RC_NV_UNAVAILABLE:
                return true;
        default:
                return false;
        }
}

static void closed(struct wrap *w, TPM2_HANDLE h)
{
        for (size_t i = 0; i < w->n_open; i++)
                if (w->open[i] == h) {
                        w->open[i] = w->open[--w->n_open];
                        return;
                }
}

/* Keeps `open` true to what the TPM did. */
static void track(struct wrap *w)
{
        const uint8_t *p = w->command.p;

        if (be32(w->answer.p + 6) != TPM2_RC_SUCCESS)
                return;
        switch (be32(p + 6)) {
        case TPM2_CC_StartAuthSession:
        case TPM2_CC_CreatePrimary:
        case TPM2_CC_Load:
        case TPM2_CC_LoadExternal:
                if (w->answer.len >= HEADER_LEN + 4 && w->n_open < OPEN_MAX)
                        w->open[w->n_open++] = be32(w->answer.p + HEADER_LEN);
                return;
        case TPM2_CC_FlushContext:
                if (w->command.len >= HEADER_LEN + 4)
                        closed(w, be32(p + HEADER_LEN));
                return;
        default:
                return;
        }
}

static TSS2_RC w_transmit(TSS2_TCTI_CONTEXT *c, size_t size, const uint8_t *cmd)
{
        struct wrap *w = wrap_of(c);

        if (size < HEADER_LEN || size > sizeof(w->command.p))
                return TSS2_TCTI_RC_BAD_VALUE;
        /* ESYS itself tries again too: let that not wait anew */
        if (size != w->command.len || memcmp(cmd, w->command.p, size) != 0)
                w->gave_up = false;
        wipe(&w->answer, sizeof(w->answer));
        w->taken = false;
        memcpy(w->command.p, cmd, size);
        w->command.len = size;
        count(w->counts, be32(cmd + 6));
        return Tss2_Tcti_Transmit(w->inner, size, w->command.p);
}

static TSS2_RC receive_once(struct wrap *w, int32_t timeout)
{
        size_t n = sizeof(w->answer.p);
        TSS2_RC rc = Tss2_Tcti_Receive(w->inner, &n, w->answer.p, timeout);

        if (rc != TSS2_RC_SUCCESS)
                return rc;
        if (n < HEADER_LEN || n > sizeof(w->answer.p) || be32(w->answer.p + 2) != n)
                return TSS2_TCTI_RC_MALFORMED_RESPONSE;
        w->answer.len = n;
        return TSS2_RC_SUCCESS;
}

static TSS2_RC receive_patiently(struct wrap *w, int32_t timeout)
{
        unsigned waited = 0;
        unsigned pause = PAUSE_MIN_MS;

        for (;;) {
                struct timespec t;
                TSS2_RC rc = receive_once(w, timeout);

                if (rc != TSS2_RC_SUCCESS || w->gave_up || !tpm_rc_busy(be32(w->answer.p + 6)))
                        return rc;
                if (waited >= (w->was_busy ? AGAIN_BUSY_MS : TPM_BUSY_MS)) {
                        w->gave_up = w->was_busy = true;
                        return rc;
                }
                t = (struct timespec){ .tv_sec = pause / 1000, .tv_nsec = pause % 1000 * 1000000L };
                (void)nanosleep(&t, NULL);
                waited += pause;
                pause = pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS;
                w->answer.len = 0;
                rc = Tss2_Tcti_Transmit(w->inner, w->command.len, w->command.p);
                if (rc != TSS2_RC_SUCCESS)
                        return rc;
        }
}

/* Without a buffer only the answer's size is asked for. */
static TSS2_RC w_receive(TSS2_TCTI_CONTEXT *c, size_t *size, uint8_t *rsp, int32_t timeout)
{
        struct wrap *w = wrap_of(c);

        if (w->taken)
                return TSS2_TCTI_RC_BAD_SEQUENCE;
        if (w->answer.len == 0) {
                TSS2_RC rc = receive_patiently(w, timeout);

                if (rc != TSS2_RC_SUCCESS)
                        return rc;
                track(w);
                if (tpmanswer_check(cur_of(w->command.p, w->command.len), cur_of(w->answer.p, w->answer.len)) < 0) {
                        w->taken = true;
                        return TSS2_TCTI_RC_MALFORMED_RESPONSE;
                }
        }
        if (rsp) {
                if (*size < w->answer.len)
                        return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
                memcpy(rsp, w->answer.p, w->answer.len);
                w->above = rsp;
                w->taken = true;
        }
        *size = w->answer.len;
        return TSS2_RC_SUCCESS;
}

static void w_finalize(TSS2_TCTI_CONTEXT *c)
{
        wrap_of(c)->inner = NULL;
}

static TSS2_RC w_cancel(TSS2_TCTI_CONTEXT *c)
{
        return Tss2_Tcti_Cancel(wrap_of(c)->inner);
}

static TSS2_RC w_poll_handles(TSS2_TCTI_CONTEXT *c, TSS2_TCTI_POLL_HANDLE *h, size_t *n)
{
        return Tss2_Tcti_GetPollHandles(wrap_of(c)->inner, h, n);
}

static TSS2_RC w_locality(TSS2_TCTI_CONTEXT *c, uint8_t locality)
{
        return Tss2_Tcti_SetLocality(wrap_of(c)->inner, locality);
}

static TSS2_RC w_sticky(TSS2_TCTI_CONTEXT *c, TPM2_HANDLE *h, uint8_t sticky)
{
        return Tss2_Tcti_MakeSticky(wrap_of(c)->inner, h, sticky);
}

int tpm_tcti_wrap(TSS2_TCTI_CONTEXT *inner, struct tpm_counts *counts, TSS2_TCTI_CONTEXT **ret)
{
        struct wrap *w;

        if (TSS2_TCTI_VERSION(inner) < 2)
                return -EINVAL;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->v2.v1.magic = WRAP_MAGIC;
        w->v2.v1.version = 2;
        w->v2.v1.transmit = w_transmit;
        w->v2.v1.receive = w_receive;
        w->v2.v1.finalize = w_finalize;
        w->v2.v1.cancel = w_cancel;
        w->v2.v1.getPollHandles = w_poll_handles;
        w->v2.v1.setLocality = w_locality;
        w->v2.makeSticky = w_sticky;
        w->inner = inner;
        w->counts = counts;
        w->taken = true;
        *ret = (TSS2_TCTI_CONTEXT *)w;
        return 0;
}

const uint8_t *tpm_tcti_answer(const TSS2_TCTI_CONTEXT *tcti, size_t *ret_len)
{
        const struct wrap *w = (const struct wrap *)tcti;

        *ret_len = w->answer.len;
        return w->answer.p;
}

void tpm_tcti_forget(TSS2_TCTI_CONTEXT *tcti)
{
        struct wrap *w = wrap_of(tcti);

        if (w->above && w->taken)
                wipe(w->above, w->answer.len > w->command.len ? w->answer.len : w->command.len);
        wipe(&w->command, sizeof(w->command));
        wipe(&w->answer, sizeof(w->answer));
}

void tpm_tcti_ended(TSS2_TCTI_CONTEXT *tcti, uint32_t handle)
{
        closed(wrap_of(tcti), handle);
}

void tpm_tcti_flush(TSS2_TCTI_CONTEXT *tcti)
{
        struct wrap *w = wrap_of(tcti);

        if (!w)
                return;
        while (w->n_open > 0) {
                uint8_t cmd[HEADER_LEN + 4] = { 0x80, 0x01 };

                put_be32(cmd + 2, sizeof(cmd));
                put_be32(cmd + 6, TPM2_CC_FlushContext);
                put_be32(cmd + HEADER_LEN, w->open[--w->n_open]);
                wipe(&w->answer, sizeof(w->answer));
                memcpy(w->command.p, cmd, sizeof(cmd));
                w->command.len = sizeof(cmd);
                if (Tss2_Tcti_Transmit(w->inner, sizeof(cmd), cmd) != TSS2_RC_SUCCESS ||
                    receive_patiently(w, TSS2_TCTI_TIMEOUT_BLOCK) != TSS2_RC_SUCCESS)
                        return;
        }
}

void tpm_tcti_free(TSS2_TCTI_CONTEXT *tcti)
{
        if (tcti)
                wipe(tcti, sizeof(struct wrap));
        free(tcti);
}
