/* SPDX-License-Identifier: Apache-2.0 */
#include "storm.h"

#include "hex.h"
#include "jout.h"

static int by_value(const void *a, const void *b)
{
        float x = *(const float *)a;
        float y = *(const float *)b;

        return (x > y) - (x < y);
}

/* Of sorted values: the least that so many of a thousand do not exceed. */
static int64_t percentile(const float *v, unsigned n, unsigned per_mille)
{
        size_t i = ((size_t)n * per_mille + 999) / 1000;

        return n > 0 ? (int64_t)(v[i > 0 ? i - 1 : 0] + 0.5f) : 0;
}

static void spread(struct jout *o, const char *key, const char *name, float *v)
{
        unsigned n = tally.released;

        qsort(v, n, sizeof(*v), by_value);
        jout_obj(o, key);
        jout_int(o, "p50", percentile(v, n, 500));
        jout_int(o, "p99", percentile(v, n, 990));
        jout_int(o, "p99_9", percentile(v, n, 999));
        jout_int(o, "max", percentile(v, n, 1000));
        jout_end(o, '}');
        (void)printf("  %-34s %8lld %8lld %8lld %8lld\n", name, (long long)percentile(v, n, 500), (long long)percentile(v, n, 990),
                     (long long)percentile(v, n, 999), (long long)percentile(v, n, 1000));
}

/* Releases per second while the second to the ninth tenth of them came. */
static double sustained(void)
{
        size_t from = 0;
        size_t to = 0;

        for (size_t i = 0; i < tally.n_samples; i++) {
                if (tally.sample[i].released <= tally.released / 10)
                        from = i;
                if (tally.sample[i].released <= tally.released - tally.released / 10)
                        to = i;
        }
        if (to <= from || tally.sample[to].at <= tally.sample[from].at)
                return 0;
        return (tally.sample[to].released - tally.sample[from].released) / (double)(tally.sample[to].at - tally.sample[from].at);
}

/* Three decimal places. */
static void milli(struct jout *o, const char *name, double v)
{
        char text[48];

        (void)snprintf(text, sizeof(text), "%.3f", v);
        jout_raw(o, name, text, strlen(text));
}

/* What is wanted of a storm: that the last node waits hardly longer than the
 * parent takes for all, and that it needs little memory for those waiting. */
static void wanted(struct jout *o)
{
        double rate = sustained();
        double ratio = rate > 0 ? (double)percentile(tally.boot, tally.released, 990) / 1000 / (opt.n / rate) : 0;

        milli(o, "p99_ratio", ratio);
        (void)printf("  p99 / (nodes / sustained rate)     %8.2f (wanted: at most 1.20)\n", ratio);
        if (opt.foes == 0)
                return;
        jout_int(o, "hostile", opt.foes);
        jout_int(o, "hostile_connections", tally.foe_dials);
        jout_int(o, "hostile_answered", tally.foe_answers);
        jout_int(o, "hostile_released", tally.foe_released);
        (void)printf("  hostile clients                    %8u: %u connections, %u answered, %u released (wanted: 0)\n", opt.foes,
                     tally.foe_dials, tally.foe_answers, tally.foe_released);
}

static void codes(struct jout *o)
{
        jout_obj(o, "failures");
        for (size_t i = 0; i < ELEMENTSOF(tally.codes) && tally.codes[i].n > 0; i++) {
                jout_int(o, tally.codes[i].code, tally.codes[i].n);
                (void)printf("  %-34s %8u\n", tally.codes[i].code, tally.codes[i].n);
        }
        jout_end(o, '}');
}

static void memory(struct jout *o)
{
        const struct sample *v = tally.sample;
        unsigned base = v[0].rss_kib;
        unsigned most = 0; /* resident, whenever */
        unsigned open = 1;
        unsigned busy = 0; /* resident, with most connections */
        unsigned last = 0;

        for (size_t i = 0; i < tally.n_samples; i++) {
                most = v[i].rss_kib > most ? v[i].rss_kib : most;
                open = v[i].open > open ? v[i].open : open;
        }
        for (size_t i = 0; i < tally.n_samples; i++) {
                if (v[i].open + open / 50 < open)
                        continue;
                busy = v[i].rss_kib > busy ? v[i].rss_kib : busy;
                last = v[i].rss_kib;
        }
        jout_int(o, "rss_kib_before", base);
        jout_int(o, "rss_kib_most", most);
        jout_int(o, "rss_kib_after", v[tally.n_samples - 1].rss_kib);
        jout_int(o, "open_most", open);
        milli(o, "rss_kib_per_connection", ((double)busy - base) / open);
        milli(o, "rss_kib_per_connection_last", ((double)last - base) / open);
        (void)printf("  musterd's RSS                      %8.1f MiB before, %.1f most, %.1f after\n", base / 1024.0, most / 1024.0,
                     v[tally.n_samples - 1].rss_kib / 1024.0);
        (void)printf("  open connections, most             %8u: %.1f KiB of RSS each, last %.1f (wanted: 20, and 2 for a node)\n", open,
                     ((double)busy - base) / open, ((double)last - base) / open);
}

static void load(struct jout *o, double seconds)
{
        double server = (double)tally.sample[tally.n_samples - 1].server_cpu;
        double client = (double)tally.sample[tally.n_samples - 1].client_cpu;
        unsigned n = tally.released > 0 ? tally.released : 1;

        milli(o, "server_cpu_seconds", server);
        milli(o, "client_cpu_seconds", client);
        milli(o, "server_ms_per_release", server * 1000 / n);
        milli(o, "client_ms_per_release", client * 1000 / n);
        milli(o, "client_longest_turn_ms", (double)tally.longest / 1000);
        (void)printf("  musterd's CPU                      %8.2f s: %.2f ms for a release, %.0f %% of one core\n", server, server * 1000 / n,
                     server * 100 / seconds);
        (void)printf("  the simulator's CPU                %8.2f s: %.2f ms for a release, longest turn %.0f ms\n", client, client * 1000 / n,
                     (double)tally.longest / 1000);
        memory(o);
}

static void series(void)
{
        FILE *out = opt.series ? fopen(opt.series, "w") : NULL;

        if (!out)
                return;
        (void)fprintf(out, "# seconds released open rss_mib server_cpu client_cpu server_percent failed\n");
        for (size_t i = 0; i < tally.n_samples; i++) {
                const struct sample *s = &tally.sample[i];
                const struct sample *then = &tally.sample[i < 10 ? 0 : i - 10];
                double past = (double)(s->at - then->at);

                (void)fprintf(out, "%.2f %u %u %.1f %.2f %.2f %.0f %u\n", (double)s->at, s->released, s->open, s->rss_kib / 1024.0,
                              (double)s->server_cpu, (double)s->client_cpu,
                              past > 0 ? (double)(s->server_cpu - then->server_cpu) / past * 100 : 0, s->failed);
        }
        (void)fclose(out);
}

/* Each node: id, how often it asked and was released, of which boot. */
static void ledger(void)
{
        FILE *out = opt.ledger ? fopen(opt.ledger, "w") : NULL;

        if (!out)
                return;
        for (unsigned i = 0; i < opt.n; i++) {
                char id[HEX_LEN(DIGEST_LEN)];

                hex_encode(fleet[i].id, DIGEST_LEN, id);
                (void)fprintf(out, "%s %u %u %s\n", id, fleet[i].asks, fleet[i].oks, fleet[i].boot[0] ? fleet[i].boot : "-");
        }
        (void)fclose(out);
}

static void text(struct jout *o, double seconds)
{
        jout_obj(o, NULL);
        jout_str(o, "title", opt.title);
        jout_int(o, "nodes", opt.n);
        jout_int(o, "released", tally.released);
        jout_int(o, "dials", tally.dials);
        jout_int(o, "requests", tally.sent);
        milli(o, "seconds", seconds);
        milli(o, "releases_per_second", tally.released / seconds);
        milli(o, "sustained_per_second", sustained());
        jout_arr(o, "log_bytes");
        for (unsigned i = 0; i < CLASSES && i < opt.n; i++)
                jout_int(o, NULL, (int64_t)tpm_log_size(i));
        jout_end(o, ']');
        (void)printf("%s: %u of %u nodes released in %.2f s\n", opt.title, tally.released, opt.n, seconds);
        (void)printf("  releases per second                %8.0f (%.0f from the 10th to the 90th percent of them)\n",
                     tally.released / seconds, sustained());
        (void)printf("  connections, requests              %8u %8u\n", tally.dials, tally.sent);
        (void)printf("  to the verdict, ms                      p50      p99    p99.9      max\n");
        jout_obj(o, "ms");
        spread(o, "since_arrival", "since the node's arrival", tally.boot);
        spread(o, "since_dial", "since its last dial", tally.link);
        spread(o, "since_request", "since its last request", tally.answer);
        jout_end(o, '}');
        wanted(o);
        load(o, seconds);
        codes(o);
        jout_end(o, '}');
}

int report(void)
{
        double seconds = tally.end > tally.start ? (double)(tally.end - tally.start) / 1e6 : 1;
        struct jout o = {0};
        struct buf b = {0};
        FILE *out;

        text(&o, seconds);
        series();
        ledger();
        if (jout_take(&o, &b) < 0)
                return 1;
        out = opt.out ? fopen(opt.out, "w") : NULL;
        if (out && (fwrite(b.p, 1, b.len, out) != b.len || fclose(out) != 0))
                return 1;
        buf_wipe(&b);
        return tally.released == opt.n && tally.foe_released == 0 ? 0 : 1;
}
