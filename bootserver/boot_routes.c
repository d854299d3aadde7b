/* SPDX-License-Identifier: Apache-2.0 */
/* The plain HTTP listener: iPXE scripts, UKIs, sealed images. Nothing here
 * is secret and nothing here is believed. */
#include "conditions.h"
#include "fetches.h"
#include "ipxe_script.h"
#include "names.h"
#include "nodes.h"
#include "routes.h"

#include <ctype.h>

struct asked {
        char mac[18];
        char uuid[37];
};

/* 0, or -EINVAL for an argument that breaks its grammar. Empty is absent. */
static int read_args(struct call *c, struct asked *ret)
{
        const char *mac = call_arg(c, "mac");
        const char *uuid = call_arg(c, "uuid");
        const char *serial = call_arg(c, "serial");

        memset(ret, 0, sizeof(*ret));
        if (mac && mac[0] && !mac_ok(mac))
                return -EINVAL;
        if (uuid && uuid[0] && !uuid_ok(uuid))
                return -EINVAL;
        if (serial && serial[0] && !serial_ok(serial))
                return -EINVAL;
        if (mac && mac[0])
                mac_normal(mac, ret->mac);
        if (uuid && uuid[0])
                for (size_t i = 0; i <= 36; i++)
                        ret->uuid[i] = (char)tolower((unsigned char)uuid[i]);
        return 0;
}

/* What boots with another entry than its own is refused until it is reset,
 * so while nobody can say which is its own it waits; as muster.ipxe.in does. */
static enum MHD_Result ask_again(struct call *c)
{
        static const char script[] =
                "#!ipxe\n:again\necho muster: the parent cannot read its database; asking again in 5 s\nsleep 5\n"
                "chain --replace --autofree /ipxe?mac=${netX/mac:hexhyp}&uuid=${uuid}&serial=${serial:uristring} ||\n"
                "goto again\n";
        struct buf text = { .p = (uint8_t *)strdup(script), .len = sizeof(script) - 1 };

        return text.p ? reply_buf(c, 200, "text/plain", &text) : MHD_NO;
}

/* Whoever asks may have heard the MAC; the UUID is seldom heard besides. It
 * is only a hint, and only such a one counts. */
static void note_fetch(struct call *c, const struct node *n, const struct asked *a)
{
        if (a->mac[0] && a->uuid[0] && strcmp(a->uuid, n->uuid) == 0)
                fetch_note(n->id, call_from(c), server_now());
}

enum MHD_Result on_ipxe(struct call *c)
{
        struct server *srv = c->srv;
        _cleanup_(node_wipe) struct node n = { 0 };
        struct ipxe_values v = { .base_url = srv->conf.public_url };
        const struct catalog_boot *b;
        struct buf text = { 0 };
        struct asked a;
        char file[REFS_FILE_MAX + 2];
        char cmdline[REFS_CMDLINE_MAX + 1];
        bool known;
        int r;

        if (read_args(c, &a) < 0)
                return reply_error(c, 400, "send mac, uuid and serial as iPXE does", "an argument is not well formed");
        r = node_of_machine(srv->store, a.mac, a.uuid, &n);
        if (r < 0 && r != -ENOENT)
                return ask_again(c);
        known = r == 0;
        v.node = !known ? "unknown" : n.name[0] ? n.name : "unnamed";
        catalog_read(srv->catalog);
        b = catalog_boot(srv->catalog,
                         known && n.assigned_boot[0] ? n.assigned_boot : catalog_default(srv->catalog, false, false));
        if (b && b->usable) {
                (void)snprintf(file, sizeof(file), "%s", b->row.file);
                (void)snprintf(cmdline, sizeof(cmdline), "%s", b->row.cmdline);
        }
        known = known && b && b->usable;
        if (!b || !b->usable)
                b = NULL;
        catalog_done(srv->catalog);
        if (!b)
                return reply_error(c, 404, "add one with `muster boot add`, and --default", "there is no boot entry to serve");
        v.image_name = file;
        v.cmdline = cmdline;
        if (ipxe_script((const char *)srv->ipxe_template.p, &v, &text) < 0)
                return reply_error(c, 500, "check ipxe-template and public-url", "the iPXE script cannot be made");
        if (known)
                note_fetch(c, &n, &a);
        return reply_buf(c, 200, "text/plain", &text);
}

/* c->etag is f's: for as long as it is answered. */
static enum MHD_Result answer_file(struct call *c, int fd, const struct served *f, bool image)
{
        const char *range = MHD_lookup_connection_value(c->conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_RANGE);
        const char *if_range = MHD_lookup_connection_value(c->conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_RANGE);
        const char *not = MHD_lookup_connection_value(c->conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_NONE_MATCH);
        uint64_t first = 0;
        uint64_t len = f->size;
        int part = 0;

        if (fd == -ESTALE)
                return reply_error(c, 503, "see musterd's log", "the file changed after it was added");
        if (fd < 0)
                return reply_error(c, 404, "see `muster boot list` and `muster image list`", "no such file is served");
        if (!c->head && range_holds(if_range, f->etag))
                part = range_parse(range, f->size, &first, &len);
        c->etag = f->etag;
        if (etag_listed(not, f->etag)) {
                (void)close(fd);
                return reply_unchanged(c);
        }
        if (part < 0 || (!c->head && !send_begin(c->srv, &c->send, c->session->conn.fd, first, len, image))) {
                (void)close(fd);
                c->etag = NULL;
                c->retry = part >= 0;
                if (part < 0)
                        return reply_error(c, 416, "ask for bytes within the file", "the range is beyond the end of the file");
                return reply_error(c, 503, "try again", "as many images as may be are being sent");
        }
        return reply_file(c, fd, first, len, f->size, part > 0);
}

static enum MHD_Result send_file(struct call *c, int fd, const struct served *f, bool image)
{
        enum MHD_Result r = answer_file(c, fd, f, image);

        c->etag = NULL;
        return r;
}

enum MHD_Result on_boot_file(struct call *c)
{
        struct served f = { 0 };
        int fd = catalog_open_boot_file(c->srv->catalog, c->param, &f);

        if (fd >= 0 && !c->head)
                fetch_step(call_from(c), FETCH_UKI_PART, 0, server_now());
        return send_file(c, fd, &f, false);
}

enum MHD_Result on_image_file(struct call *c)
{
        struct served f = { 0 };
        int fd = catalog_open_image_file(c->srv->catalog, c->param, &f);

        return send_file(c, fd, &f, true);
}
