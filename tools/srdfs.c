/* SPDX-License-Identifier: Apache-2.0 */
/* srdfs.c - the daemon's command line.  What it does is in src/fuse. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuse/mount.h"

enum { EXIT_USAGE = 2 };

static const char synopsis[] = "srdfs [-o OPTIONS] [-f] [-d] STORE MOUNTPOINT";

static const char help[] =
	"\n"
	"Shows the store file STORE as a file system at the directory MOUNTPOINT.\n"
	"Returns when the mount is usable.  End it with 'fusermount3 -u MOUNTPOINT',\n"
	"'umount MOUNTPOINT', or a signal.\n"
	"\n"
	"  -f                 stay in the foreground, talk on standard error\n"
	"  -d                 the same, and print every request\n"
	"  -o OPTION[,...]    mount options:\n"
	"       ro            read only: needs no write permission for the store\n"
	"       txn           a private view: 'srd commit MOUNTPOINT' commits all at once\n"
	"       exclusive     have the store alone, other openers are refused\n"
	"       single_writer the same, but others may read it\n"
	"       writeback     let the kernel write late; implies exclusive\n"
	"       strict        let the kernel keep nothing\n"
	"       commit=S      seconds between syncs in the background (5)\n"
	"       at=POINT      show the store as it was at a time, sequence number or snapshot\n"
	"       history=off   there is no directory .srd with what was\n"
	"       compact=auto  give space back by itself when much is dead and little to do\n"
	"       max_size=N    the store shall not grow beyond N bytes (K, M, G, T)\n"
	"       timeout=S     seconds the kernel may believe what it was told\n"
	"       uid=N, gid=N  show all files as owned by N\n"
	"       allow_other   other users may use the mount, too\n"
	"       allow_root    root may use the mount, too\n"
	"       fsname=NAME   name shown by df and mount (STORE)\n"
	"       max_read=N    bytes of the largest read request\n"
	"       auto_unmount  a killed daemon's mount goes away by itself\n"
	"       no_keeper     one process for everything, not locked in\n"
	"       no_sandbox    do not lock the serving process in\n"
	"       allow_core    core files may show what was in memory\n"
	"     and those of mount(8) and fstab(5).\n"
	"  -h, --help         this text\n"
	"  -V, --version      the version\n";

static int usage(const char *problem)
{
	if (problem)
		fprintf(stderr, "srdfs: %s\n", problem);
	else
		fprintf(stderr, "usage: %s\n", synopsis);
	return EXIT_USAGE;
}

/* Output that could not be written is a failure. */
static int finish_output(void)
{
	return fflush(stdout) == 0 && !ferror(stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The exit status if that is all, or -1: go on and mount. */
static int parse(int argc, char **argv, struct srd_mount_options *options)
{
	static const struct option longs[] = {
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' }, { 0 },
	};
	char problem[512] = "out of memory";
	int option;

	while ((option = getopt_long(argc, argv, "o:fdhV", longs, NULL)) != -1) {
		switch (option) {
		case 'o':
			if (srd_mount_options_parse(options, optarg, problem, sizeof problem) != 0)
				return usage(problem);
			break;
		case 'd':
			options->debug = true;
			/* fall through */
		case 'f':
			options->foreground = true;
			break;
		case 'h':
			printf("usage: %s\n%s", synopsis, help);
			return finish_output();
		case 'V':
			printf("srdfs %s (libfuse %s)\n", srd_version(), fuse_pkgversion());
			return finish_output();
		default:
			return EXIT_USAGE;   /* getopt has said it in one line */
		}
	}
	if (argc - optind != 2)
		return usage(NULL);
	const char *clash = srd_mount_options_clash(options);
	if (clash)
		return usage(clash);
	options->store = argv[optind];
	options->mountpoint = argv[optind + 1];
	return -1;
}

int main(int argc, char **argv)
{
	struct srd_mount_options options;

	srd_mount_options_init(&options);
	int status = parse(argc, argv, &options);
	if (status < 0)
		status = srd_mount_run(&options);
	srd_mount_options_release(&options);
	return status;
}
