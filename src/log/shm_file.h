/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shm_file.h - the file that a log's shm lies in: who made it, whose it is, and what becomes of
 * one that is another log's.
 */
#ifndef SRD_LOG_SHM_FILE_H
#define SRD_LOG_SHM_FILE_H

#include "log/shm.h"

/* As srd_shm_open(): the descriptor, and its page mapped as *PAGE; -1: there can be none. */
int srd_shm_file_open(const struct srd_io *io, int dir_fd, const char *name, const struct stat *of,
                      const struct srd_superblock *sb, bool read_only, struct srd_shm_page **page);

#endif
