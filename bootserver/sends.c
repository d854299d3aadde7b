/* SPDX-License-Identifier: Apache-2.0 */
#include "sends.h"

#include "server.h"

#include <linux/pkt_sched.h>
#include <sys/socket.h>

/* Whatever the kernel refuses of this is no reason not to send. */
static void tune(int fd, unsigned rate)
{
        int bulk = TC_PRIO_BULK;

        (void)setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &bulk, sizeof(bulk));
        if (rate > 0)
                (void)setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof(rate));
}

bool send_begin(struct server *srv, struct send *s, int fd, uint64_t first, uint64_t len, bool image)
{
        unsigned limit = srv->conf.image_sends;

        if (image && atomic_fetch_add(&srv->image_sends, 1) >= limit && limit > 0) {
                (void)atomic_fetch_sub(&srv->image_sends, 1);
                metric_add(&srv->metrics, M_IMAGE_BUSY, 1);
                return false;
        }
        *s = (struct send){ .on = true, .counts = image, .fd = fd, .len = len };
        (void)guard_acked(fd, &s->acked);
        if (image) {
                metric_set(&srv->metrics, M_IMAGE_SENDS, atomic_load(&srv->image_sends));
                tune(fd, srv->conf.image_rate);
        }
        ahead_begin(fd, &s->ahead, first, len, image ? &srv->image_sends : NULL);
        return true;
}

void send_end(struct server *srv, struct send *s, bool whole)
{
        uint64_t acked = s->acked;
        uint64_t bytes = s->len;

        if (!s->on)
                return;
        ahead_end(s->fd);
        /* of one that was cut off, what the peer said it has */
        if (!whole && guard_acked(s->fd, &acked) && acked - s->acked < s->len)
                bytes = acked - s->acked;
        metric_add(&srv->metrics, s->counts ? M_BYTES_IMAGE : M_BYTES_BOOT, bytes);
        if (s->counts) {
                (void)atomic_fetch_sub(&srv->image_sends, 1);
                metric_set(&srv->metrics, M_IMAGE_SENDS, atomic_load(&srv->image_sends));
        }
        s->on = false;
}
