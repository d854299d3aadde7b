/* SPDX-License-Identifier: Apache-2.0 */
/* DOC: Theory of operation
 * An attempt does everything from opening the TPM to the cap and owns all
 * it touches, so that a failed one leaves nothing behind: no handle in the
 * TPM, no mount, no key file. Attempts repeat after a wait (backoff.h). There
 * is no path to a shell, and nothing is ever executed. */
#include "node.h"

#include "backoff.h"
#include "facts.h"
#include "testing.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/reboot.h>

#define LAST_WORDS_MS 15000 /* to read the line before a reboot or halt */

static const char *event_log_path(void)
{
#ifdef MUSTER_TEST_TCTI
        return getenv("MUSTER_EVENTLOG");
#else
        return NULL;
#endif
}

/* Someone had the owner's authorisation: that is for the admin to know. */
static void say_altered(const struct node *n)
{
        static const char *const names[] = { "", "ssh", "tls" };

        for (int p = NV_SSH; p <= NV_PURPOSES; p++)
                if (n->nv[p] == NV_STATE_ALTERED)
                        console_line("node=%.16s NV index for %s was altered since the last boot (it is not the index that "
                                     "was made): making it anew", n->id_hex, names[p]);
}

static int keys_step(struct node *n)
{
        int r = node_keys(n);

        if (r != -ESTALE)
                return r;
        say_altered(n);
        log_warn("node=%.16s %s; asking for the bundle", n->id_hex, n->f.what);
        r = node_attest(n, true);
        return r < 0 ? r : node_keys(n);
}

static int image_step(struct node *n)
{
        int r = node_store_open(n);

        return r < 0 ? r : node_image_fetch(n, n->image_fd);
}

/* A node whose keys are in its TPM was let in before, so the parent has the
 * maker on record: a boot in the steady state asks the TPM one thing less. One
 * that was refused says all that it knows. */
static bool tells_maker(const struct node *n)
{
        return n->former[0] != '\0' || n->nv[NV_SSH] != NV_STATE_PRESENT || n->nv[NV_TLS] != NV_STATE_PRESENT;
}

static int attempt(struct node *n)
{
        int r = node_tpm_open(n);

        if (r == 0)
                r = eventlog_read(event_log_path(), &n->eventlog, &n->f);
        if (r == 0)
                r = tpm_ak_open(n->tpm, &n->ak, &n->f);
        if (r == 0 && tells_maker(n))
                r = tpm_manufacturer(n->tpm, n->facts.tpm, &n->f);
        if (r < 0)
                return r;
        testing_forge(n);
        node_stage(n, "ak");
        r = node_attest(n, false);
        if (r == 0)
                r = keys_step(n);
        /* the parent's part is done: free its connection for others */
        http_free(n->http);
        n->http = NULL;
        if (r == 0)
                r = image_step(n);
        if (r == 0)
                r = node_output_keys(n);
        if (r == 0 && n->opt->sysroot)
                r = node_mount(n);
        if (r == 0 && (n->opt->sysroot || n->opt->cap))
                r = node_cap(n);
        return r;
}

static int exit_status(const struct fail *f, int r)
{
        static const struct {
                const char *code;
                int status;
        } table[] = {
                { "E-CONFIG", EXIT_CONFIG }, { "E-TPM", EXIT_TPM },       { "E-BANK", EXIT_TPM },
                { "E-AUTH", EXIT_TPM },      { "E-EVENTLOG", EXIT_TPM },  { "E-NET", EXIT_NET },
                { "E-PARENT", EXIT_PARENT }, { "E-IMAGE", EXIT_IMAGE },   { "E-MEMORY", EXIT_IMAGE },
                { "E-MOUNT", EXIT_IMAGE },   { "E-NV", EXIT_KEYS },       { "E-BUNDLE", EXIT_KEYS },
                { "E-CAP", EXIT_CAP },       { "M-BUSY", EXIT_NET },
        };

        if (r == -EINPROGRESS)
                return EXIT_PENDING;
        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (strcmp(f->code, table[i].code) == 0)
                        return table[i].status;
        return strncmp(f->code, "M-", 2) == 0 ? EXIT_REFUSED : EXIT_OTHER;
}

static void say_failure(const struct node *n, const char *then)
{
        const struct fail *f = &n->f;

        console_line("node=%.16s %s%s%s%s%s: %s.%s%s%s%s", n->id_hex[0] ? n->id_hex : "unknown",
                     f->code[0] ? "error " : "", f->code, n->incident[0] ? " incident=" : "", n->incident, "",
                     f->what[0] ? f->what : "boot failed", f->next[0] ? " Next: " : "", f->next, f->next[0] ? "." : "",
                     then);
}

static void say_success(const struct node *n)
{
        console_line("node=%.16s name=%s boot=%s image=%s: passed at %s in %lld ms", n->id_hex, n->verdict.name,
                     n->verdict.boot, n->manifest.name, n->parent, (long long)(stream_now_ms() - n->start));
}

static int run_once(const struct boot_options *opt, const struct node_conf *conf, const char *former, struct node *n)
{
        int r;

        *n = (struct node){ .conf = conf, .opt = opt, .ek.tr = ESYS_TR_NONE, .ak.tr = ESYS_TR_NONE, .image_fd = -1 };
        if (wire_code_ok(former))
                (void)snprintf(n->former, sizeof(n->former), "%.*s", WIRE_CODE_MAX, former);
        n->start = n->stage_start = stream_now_ms();
        r = attempt(n);
        if (r == 0) {
                int w = node_output_facts(n);

                if (w < 0)
                        log_warn("node=%.16s write %s/boot.json: %s", n->id_hex, opt->run_dir, strerror(-w));
                say_success(n);
                platform_warn(n->id_hex);
        } else {
                node_unmount(n);
                /* never those of a boot that went well before this attempt */
                if (n->keys_out)
                        node_output_remove(opt->run_dir);
        }
        node_wipe(n);
        return r;
}

static void ignore_signals(void)
{
        static const int signals[] = { SIGINT, SIGQUIT, SIGTSTP, SIGHUP, SIGTTIN, SIGTTOU };

        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                (void)signal(signals[i], SIG_IGN);
}

static void give_up(enum onfail onfail)
{
        sleep_ms(LAST_WORDS_MS);
        sync();
        (void)reboot(onfail == ONFAIL_REBOOT ? RB_AUTOBOOT : RB_POWER_OFF);
}

static enum onfail choose_onfail(const struct boot_options *opt)
{
        _cleanup_(buf_wipe) struct buf b = { 0 };
        enum onfail found = opt->onfail;

        if (found == ONFAIL_UNSET && opt->sysroot && file_read("/proc/cmdline", 65536, &b) == 0)
                found = onfail_from_cmdline((char *)b.p);
        return found == ONFAIL_UNSET ? ONFAIL_RETRY : found;
}

/* Loads node.conf anew each time: in a test bed it may get repaired. The round
 * tells the parent what the one before, which *n still holds, failed with. */
static int one_round(const struct boot_options *opt, struct node *n)
{
        struct node_conf *conf = calloc(1, sizeof(*conf));
        char former[sizeof(n->f.code)];
        int r;

        memcpy(former, n->f.code, sizeof(former));
        *n = (struct node){ .opt = opt };
        r = conf ? node_conf_load(opt->config, conf, &n->f) : -ENOMEM;
        if (r == 0) {
                r = run_once(opt, conf, former, n);
                node_conf_free(conf);
        }
        n->conf = NULL;
        free(conf);
        return r;
}

int cmd_boot(const struct boot_options *opt)
{
        _cleanup_(freep) struct node *n = calloc(1, sizeof(*n));
        enum onfail onfail = choose_onfail(opt);
        struct backoff backoff = { 0 };

        if (!n)
                return EXIT_OTHER;
        if (opt->sysroot) {
                ignore_signals();
                console_use_device();
        }
        for (;;) {
                int r = one_round(opt, n);
                char then[64] = "";
                int64_t wait;

                if (r == 0)
                        return EXIT_OK;
                wait = backoff_next(&backoff, n->retry_after * 1000LL, random_bits());
                if (!opt->once && onfail == ONFAIL_RETRY)
                        (void)snprintf(then, sizeof(then), " Trying again in %lld s", (long long)(wait + 999) / 1000);
                else if (!opt->once)
                        (void)snprintf(then, sizeof(then), onfail == ONFAIL_REBOOT ? " Rebooting" : " Powering off");
                say_failure(n, then);
                if (opt->once)
                        return exit_status(&n->f, r);
                if (onfail != ONFAIL_RETRY)
                        give_up(onfail);
                sleep_ms(wait);
        }
}
