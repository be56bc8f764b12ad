/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.c - the key/value engine beside others, in one run: LMDB, and whatever --peer loads.
 *
 *     make tools/bench/engine && tools/bench/engine [--help]
 *
 * The workload is that of the benchmark of the Rust program from which this one
 * descends (1 M entries of 8 bytes, batches of 1024, scan, gets), and what it left
 * out: single puts, large values, opening, memory.  Each engine runs it in a
 * process and a folder of its own, the engines in turns, so that memory is
 * measured apart and a busy minute hits all.
 */
#include "config.h"

#include "engine.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static const char help[] =
"usage: engine [--count N] [--singles N] [--larges N] [--rounds N] [--dir DIR]\n"
"              [--peer FILE.so]... [--only NAME] [--cpu] [--json FILE] [--svg FILE]\n"
"\n"
"  --count N     entries of 8 bytes with the keys bench-key-0, -1, ... (1000000)\n"
"  --singles N   puts of 100 bytes, one commit each (200000)\n"
"  --larges N    puts and gets of 1 MiB (256)\n"
"  --rounds N    times all of it, the engines in turns (5)\n"
"  --dir DIR     where the stores are made, and removed again ($TMPDIR or /tmp)\n"
"  --peer FILE   one more engine, which this shared object exports (tools/bench/engine.h)\n"
"  --only NAME   this engine alone (srd, lmdb, a peer's), for profiling\n"
"  --cpu         measures CPU time, for a machine that is busy otherwise\n"
"  --json FILE   all figures of all rounds, for programs\n"
"  --svg FILE    a chart of the medians\n"
"\n"
"How to read it: medians over the rounds, in brackets the lowest and the highest.\n"
"The last columns are how many times better srd does: above 1 it is ahead, on rows\n"
"where less is better too.  Nothing is synced by any.  Batches are 1024 entries\n"
"in one commit; gets are of random keys, LMDB's in one read transaction for 1024.\n"
"Keys are made outside of what is measured; every value's bytes are summed up and\n"
"the sum is compared.  srd checks what it hands out for the first time: values of\n"
"1 MiB are read twice then, and once again.  Memory is touched before each run, so\n"
"that a virtual machine has it at hand.  `open` includes one get; before the cold\n"
"one the kernel was asked to drop the files from its cache.  `memory` is anonymous\n"
"memory after the gets; `peak` counts mapped file pages too; `file` is what the\n"
"entries take on disk.\n";

enum { ROUNDS_MAX = 99, ENGINES_MAX = 8 };

static const struct row_info {
	const char *name, *unit;
	double scale;
	bool less_is_better;
} rows[ROWS] = {
	[ROW_BATCH_PUT] = { "batch put", "M/s", 1e6, false },
	[ROW_SCAN] = { "scan", "M/s", 1e6, false },
	[ROW_GET] = { "random get", "M/s", 1e6, false },
	[ROW_GET_MANY] = { "get many", "M/s", 1e6, false },
	[ROW_SINGLE_PUT] = { "put 100 B", "M/s", 1e6, false },
	[ROW_LARGE_PUT] = { "put 1 MiB", "GB/s", 1e9, false },
	[ROW_LARGE_GET] = { "get 1 MiB, first", "GB/s", 1e9, false },
	[ROW_LARGE_AGAIN] = { "get 1 MiB, again", "GB/s", 1e9, false },
	[ROW_OPEN_WARM] = { "open, warm", "ms", 1e-3, true },
	[ROW_OPEN_COLD] = { "open, cold", "ms", 1e-3, true },
	[ROW_MEMORY] = { "memory", "MB", 1e6, true },
	[ROW_PEAK] = { "peak", "MB", 1e6, true },
	[ROW_FILE] = { "file", "MB", 1e6, true },
};

struct options {
	struct workload work;
	const struct engine *engines[ENGINES_MAX];
	size_t engine_count;
	int rounds;
	const char *json, *svg;   /* files to write, or NULL */
};

/* All figures: of each row, engine and round. */
struct figures {
	double of[ROWS][ENGINES_MAX][ROUNDS_MAX];
};

/* With the files in it, however an engine calls them. */
static void remove_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	if (rmdir(path) != 0)
		fprintf(stderr, "engine: %s is not empty, left as it is\n", path);
}

/* Touches as much memory as the workload may need, and gives it back: in a
 * virtual machine the first touch of a page can cost many times what it costs
 * later, and would be paid by whoever comes first. */
static void warm_memory(const struct workload *work)
{
	size_t len = ((size_t)128 << 20) + work->count * 400 + work->singles * 800 + (work->larges << 21);
	char *memory = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return;
	for (size_t at = 0; at < len; at += 4096)
		((volatile char *)memory)[at] = 1;
	munmap(memory, len);
}

/* The workload once in a process and a folder of its own. */
static void run_once(const struct options *options, const struct engine *engine, double results[ROWS])
{
	struct workload work = options->work;
	char dir[4000];
	int pipes[2], status;

	snprintf(dir, sizeof dir, "%s/srd-bench-XXXXXX", work.dir);
	if (!mkdtemp(dir) || pipe(pipes) != 0)
		die("cannot make a folder in %s", work.dir);
	work.dir = dir;
	warm_memory(&work);
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		workload_run(&work, engine, results);
		_exit(write(pipes[1], results, ROWS * sizeof *results) != (ssize_t)(ROWS * sizeof *results));
	}
	close(pipes[1]);
	ssize_t got = child > 0 ? read(pipes[0], results, ROWS * sizeof *results) : -1;
	close(pipes[0]);
	if (child > 0)
		waitpid(child, &status, 0);
	remove_dir(dir);
	if (got != (ssize_t)(ROWS * sizeof *results))
		die("%s did not finish", engine->name);
}

/* tools/bench/report, which lies beside this program. */
static FILE *start_report(const struct options *options)
{
	char self[4096], path[sizeof self + 8];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

	if (len < 0)
		die("/proc is needed to find tools/bench/report");
	self[len] = 0;
	snprintf(path, sizeof path, "%s/report", dirname(self));
	/* By the environment, so that the shell takes no part of a name for its own. */
	setenv("REPORT", path, 1);
	setenv("JSON", options->json ? options->json : "", 1);
	setenv("SVG", options->svg ? options->svg : "", 1);
	fflush(NULL);
	FILE *report = popen("\"$REPORT\" ${JSON:+--json \"$JSON\"} ${SVG:+--svg \"$SVG\"}", "w");
	if (!report)
		die("cannot start %s", path);
	return report;
}

static void print_report(const struct options *options, const struct figures *figures)
{
	FILE *report = start_report(options);

	for (size_t e = 0; e < options->engine_count; e++)
		fprintf(report, "%s: %s\n", options->engines[e]->name, options->engines[e]->mode);
	fprintf(report, "%zu entries, %zu single puts, %zu of 1 MiB, rounds: %d%s\n", options->work.count,
	        options->work.singles, options->work.larges, options->rounds,
	        options->work.cpu_time ? ", CPU time" : "");
	for (int row = 0; row < ROWS; row++)
		for (size_t e = 0; e < options->engine_count; e++)
			for (int round = 0; round < options->rounds; round++)
				fprintf(report, "%s\t%s\t%s\t%s\t%.9g\n", rows[row].name, rows[row].unit,
				        rows[row].less_is_better ? "less" : "more", options->engines[e]->name,
				        figures->of[row][e][round] / rows[row].scale);
	if (pclose(report) != 0)
		die("tools/bench/report failed; make bench builds it");
}

static void add_engine(struct options *options, const struct engine *engine)
{
	if (options->engine_count == ENGINES_MAX)
		die("more than %d engines", ENGINES_MAX);
	options->engines[options->engine_count++] = engine;
}

static void add_known(struct options *options)
{
	add_engine(options, &engine_srd);
#ifdef HAVE_LMDB
	add_engine(options, &engine_lmdb);
#endif
}

/* Stays loaded: all that runs is a process of its own, and needs it. */
static void add_peer(struct options *options, const char *path)
{
	char *full = realpath(path, NULL);        /* a bare name would be looked for elsewhere */
	void *peer = full ? dlopen(full, RTLD_NOW | RTLD_LOCAL) : NULL;

	if (!peer)
		die("%s: %s", path, full ? dlerror() : strerror(errno));
	const struct engine *engine = dlsym(peer, "engine_peer");
	if (!engine)
		die("%s exports no engine_peer, see tools/bench/engine.h", path);
	add_engine(options, engine);
	free(full);
}

static void keep_only(struct options *options, const char *name)
{
	for (size_t i = 0; i < options->engine_count; i++) {
		if (strcmp(name, options->engines[i]->name) == 0) {
			options->engines[0] = options->engines[i];
			options->engine_count = 1;
			return;
		}
	}
	fprintf(stderr, "engine: no engine %s in this build\n", name);
	exit(2);
}

static size_t number(const char *text)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*end || value == 0 || value > 1000000000) {
		fprintf(stderr, "engine: %s: not a number from 1 to 1000000000\n", text);
		exit(2);
	}
	return (size_t)value;
}

static void parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "count", required_argument, NULL, 'c' }, { "singles", required_argument, NULL, 's' },
		{ "larges", required_argument, NULL, 'l' }, { "rounds", required_argument, NULL, 'r' },
		{ "dir", required_argument, NULL, 'd' }, { "only", required_argument, NULL, 'o' },
		{ "peer", required_argument, NULL, 'p' }, { "cpu", no_argument, NULL, 'u' },
		{ "json", required_argument, NULL, 'j' }, { "svg", required_argument, NULL, 'v' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	const char *only = NULL;
	int option;

	add_known(options);
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'c': options->work.count = number(optarg); break;
		case 's': options->work.singles = number(optarg); break;
		case 'l': options->work.larges = number(optarg); break;
		case 'r': options->rounds = (int)(number(optarg) % (ROUNDS_MAX + 1)); break;
		case 'd': options->work.dir = optarg; break;
		case 'o': only = optarg; break;
		case 'p': add_peer(options, optarg); break;
		case 'u': options->work.cpu_time = true; break;
		case 'j': options->json = optarg; break;
		case 'v': options->svg = optarg; break;
		case 'h': fputs(help, stdout); exit(0);
		default: exit(2);
		}
	}
	if (optind != argc) {
		fprintf(stderr, "engine: %s: takes options only, see --help\n", argv[optind]);
		exit(2);
	}
	if (only)
		keep_only(options, only);
	else if (options->engine_count == 1)
		fprintf(stderr, "engine: built without LMDB, nothing to compare with\n");
}

int main(int argc, char **argv)
{
	static struct figures figures;
	const char *tmp = getenv("TMPDIR");
	struct options options = {
		.work = { .dir = tmp && *tmp ? tmp : "/tmp", .count = 1000000, .singles = 200000, .larges = 256 },
		.rounds = 5,
	};

	parse(argc, argv, &options);
	for (int round = 0; round < options.rounds; round++) {
		for (size_t i = 0; i < options.engine_count; i++) {
			/* Who begins changes from round to round. */
			size_t e = (i + (size_t)round) % options.engine_count;
			double results[ROWS];
			fprintf(stderr, "round %d of %d: %s\n", round + 1, options.rounds, options.engines[e]->name);
			run_once(&options, options.engines[e], results);
			for (int row = 0; row < ROWS; row++)
				figures.of[row][e][round] = results[row];
		}
	}
	print_report(&options, &figures);
	return 0;
}
