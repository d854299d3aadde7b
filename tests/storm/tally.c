/* SPDX-License-Identifier: Apache-2.0 */
#include "storm.h"

#define SAMPLE_US 100000

struct tally tally;

static double server_before, client_before;

void tally_init(void)
{
        unsigned rss;

        tally.boot = calloc(opt.n, sizeof(float));
        tally.link = calloc(opt.n, sizeof(float));
        tally.answer = calloc(opt.n, sizeof(float));
        if (!tally.boot || !tally.link || !tally.answer)
                abort();
        (void)proc_look(opt.pid_file, &server_before, &rss);
        client_before = proc_own_cpu();
        tally.start = now_us();
        tally_sample(tally.start);
}

void tally_code(const char *code)
{
        size_t i = 0;

        while (i < ELEMENTSOF(tally.codes) - 1 && tally.codes[i].n > 0 && strcmp(tally.codes[i].code, code) != 0)
                i++;
        (void)snprintf(tally.codes[i].code, sizeof(tally.codes[i].code), "%s", code);
        tally.codes[i].n++;
        if (strcmp(code, "pending") != 0)
                tally.failed++;
}

void tally_turn(int64_t began, int64_t ended)
{
        if (ended - began > tally.longest)
                tally.longest = ended - began;
}

void tally_release(const struct node *n, int64_t now)
{
        unsigned i = tally.released;

        if (i >= opt.n)
                return;
        tally.boot[i] = (float)(now - n->arrived) / 1000;
        tally.link[i] = (float)(now - n->dialled) / 1000;
        tally.answer[i] = (float)(now - n->asked) / 1000;
        tally.released++;
        tally.end = now;
}

/* When there is no more room, the last one is the newest. */
void tally_sample(int64_t now)
{
        static int64_t next;
        struct sample *s;
        double cpu;

        if (now < next)
                return;
        next = now + SAMPLE_US;
        s = &tally.sample[tally.n_samples];
        (void)proc_look(opt.pid_file, &cpu, &s->rss_kib);
        s->at = (float)(now - tally.start) / 1e6f;
        s->server_cpu = (float)(cpu - server_before);
        s->client_cpu = (float)(proc_own_cpu() - client_before);
        s->open = link_open();
        s->released = tally.released;
        s->failed = tally.failed;
        if (tally.n_samples < SAMPLES - 1)
                tally.n_samples++;
}
