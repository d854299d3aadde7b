/* SPDX-License-Identifier: Apache-2.0 */
/* rewrap.h - image keys after `muster rotate store`.
 *
 * rewrap_images() has the signer wrap each image's key by the current store
 * key, in one transaction. An image whose key opens with neither store key
 * stays as it is: it could not be served before either, and is logged.
 * Returns 0, or the store's error with `fail` set. */
#ifndef MUSTER_REWRAP_H
#define MUSTER_REWRAP_H

#include "signer.h"
#include "store.h"

int rewrap_images(struct store *store, struct signer *signer, struct fail *fail);

#endif
