/* SPDX-License-Identifier: Apache-2.0 */
/* crew.h - one piece of work after another, by as many threads as there are CPUs. */
#ifndef SRD_KV_CREW_H
#define SRD_KV_CREW_H

#include <stddef.h>

/* Calls DO_ONE for each I below COUNT, in no order, from THREADS threads at most, the
 * calling one among them; all are done on return. */
void srd_crew_run(unsigned threads, size_t count, void (*do_one)(void *user, size_t i), void *user);
/* CPUs that this process may use. */
unsigned srd_crew_cpus(void);

#endif
