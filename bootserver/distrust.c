/* SPDX-License-Identifier: Apache-2.0 */
#include "distrust.h"

#include "fetches.h"
#include "log.h"
#include "tls_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <time.h>

#define ALERT_EXPIRED 45
#define ALERT_UNKNOWN_CA 48

static const char *next_step(unsigned alert)
{
        if (alert == ALERT_UNKNOWN_CA)
                return "if it is a node, its UKI was made with another cluster's CA: make one from this parent's /etc/muster (muster boot "
                       "build, muster boot add)";
        if (alert == ALERT_EXPIRED)
                return "if it is a node, compare its clock with this parent's, then see when /etc/muster/pki/server.pem ends";
        return "if it is a node, read its console";
}

static void on_alert(const struct sockaddr *from, unsigned alert)
{
        static _Atomic(int64_t) next_line;
        char address[INET6_ADDRSTRLEN] = "unknown";
        int64_t now = (int64_t)time(NULL);
        int64_t due = atomic_load(&next_line);

        fetch_step(from, FETCH_DISTRUST, alert, now);
        if (now < due || !atomic_compare_exchange_strong(&next_line, &due, now + DISTRUST_SECONDS))
                return;
        if (from->sa_family == AF_INET)
                (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)from)->sin_addr, address, sizeof(address));
        else if (from->sa_family == AF_INET6)
                (void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, address, sizeof(address));
        log_warn("from=%s ended the TLS handshake, since it does not trust this parent: alert %s (%u). Next: %s", address,
                 tls_alert_text(alert), alert, next_step(alert));
}

void distrust_watch(void)
{
        tls_on_alert(on_alert);
}
