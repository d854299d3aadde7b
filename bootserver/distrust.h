/* SPDX-License-Identifier: Apache-2.0 */
/* distrust.h - nodes that end the TLS handshake because they do not believe
 * this parent's certificate: told in the log, and kept as a boot's last step
 * (fetches.h). Anyone can send such an alert, so it is a hint, and the log
 * gets a line each DISTRUST_SECONDS at most. */
#ifndef MUSTER_DISTRUST_H
#define MUSTER_DISTRUST_H

#define DISTRUST_SECONDS 3

void distrust_watch(void); /* before the first connection */

#endif
