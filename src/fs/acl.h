/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl.h - POSIX access control lists, in the form in which they are extended
 * attributes: a version, then entries of tag, permissions and id, little-endian.
 *
 * The kernel checks access by them; what is ours is how a list and the mode of
 * its inode follow each other, and how a new inode inherits.  Bytes only: no
 * state, no locks.
 */
#ifndef SRD_FS_ACL_H
#define SRD_FS_ACL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SRD_ACL_ACCESS "system.posix_acl_access"
#define SRD_ACL_DEFAULT "system.posix_acl_default"

bool srd_acl_is_sound(const uint8_t *acl, size_t len);

/* The following with a sound list. */

/* The permission bits that it stands for; *MINIMAL if it says no more than these. */
uint32_t srd_acl_mode(const uint8_t *acl, size_t len, bool *minimal);
/* The list after a chmod to MODE. */
void srd_acl_set_mode(uint8_t *acl, size_t len, uint32_t mode);
/* Makes a directory's default list the access list of what is made in it with
 * MODE; returns the mode that it then has. */
uint32_t srd_acl_inherit(uint8_t *acl, size_t len, uint32_t mode);

#endif
