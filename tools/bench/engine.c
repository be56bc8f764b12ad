/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.c - the key/value engine beside LMDB, in one run.
 *
 *     make tools/bench/engine && tools/bench/engine [--help]
 *
 * The workload is that of the benchmark of the Rust program from which this one
 * descends (1 M entries of 8 bytes, batches of 1024, scan, gets), and what it left
 * out: single puts, large values, opening, memory.  Each engine runs it in a
 * process and a folder of its own, the engines in turns, so that memory is
 * measured apart and a busy minute hits both.
 */
#include "config.h"

#include "engine.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const char help[] =
"usage: engine [--count N] [--singles N] [--larges N] [--rounds N] [--dir DIR]\n"
"              [--only ENGINE] [--cpu] [--json]\n"
"\n"
"  --count N     entries of 8 bytes with the keys bench-key-0, -1, ... (1000000)\n"
"  --singles N   puts of 100 bytes, one commit each (200000)\n"
"  --larges N    puts and gets of 1 MiB (256)\n"
"  --rounds N    times all of it, the engines in turns (5)\n"
"  --dir DIR     where the stores are made, and removed again ($TMPDIR or /tmp)\n"
"  --only NAME   this engine alone (srd, lmdb), for profiling\n"
"  --cpu         measures CPU time, for a machine that is busy otherwise\n"
"  --json        for programs: all figures of all rounds, in units of one\n"
"\n"
"How to read it: medians over the rounds, in brackets the lowest and the highest.\n"
"The last column is how many times better srd does: above 1 it is ahead, on rows\n"
"where less is better too.  Nothing is synced by either.  Batches are 1024 entries\n"
"in one commit; gets are of random keys, LMDB's in one read transaction for 1024.\n"
"Keys are made outside of what is measured; every value's bytes are summed up and\n"
"the sum is compared.  Memory is touched before each run, so that a virtual machine\n"
"has it at hand.  `open` includes one get; before the cold one the kernel was asked\n"
"to drop the files from its cache.  `memory` is anonymous memory after the gets;\n"
"`peak` counts mapped file pages too; `file` is what the entries take on disk.\n";

enum { ROUNDS_MAX = 99, ENGINES_MAX = 2 };

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
	[ROW_LARGE_GET] = { "get 1 MiB", "GB/s", 1e9, false },
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
	bool json;
};

/* All figures: of each row, engine and round. */
struct figures {
	double of[ROWS][ENGINES_MAX][ROUNDS_MAX];
};

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("engine: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static void remove_dir(const char *dir)
{
	static const char *const names[] = { "bench.srd", "bench.srd.shm", "bench.srd.idx", "data.mdb", "lock.mdb" };
	char path[4096];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	if (rmdir(dir) != 0)
		fprintf(stderr, "engine: %s is not empty, left as it is\n", dir);
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

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts the figures of one row and engine; their median. */
static double median(double *figures, int rounds)
{
	qsort(figures, (size_t)rounds, sizeof *figures, compare_doubles);
	return (figures[(rounds - 1) / 2] + figures[rounds / 2]) / 2;
}

static void print_table(const struct options *options, struct figures *figures)
{
	for (size_t e = 0; e < options->engine_count; e++)
		printf("%s: %s\n", options->engines[e]->name, options->engines[e]->mode);
	printf("%zu entries, %zu single puts, %zu of 1 MiB, rounds: %d%s\n\n%-17s", options->work.count,
	       options->work.singles, options->work.larges, options->rounds,
	       options->work.cpu_time ? ", CPU time" : "", "");
	for (size_t e = 0; e < options->engine_count; e++)
		printf("%9s %-18s", options->engines[e]->name, "");
	printf("\n");
	for (int row = 0; row < ROWS; row++) {
		const struct row_info *info = &rows[row];
		double medians[ENGINES_MAX];
		printf("%-11s %-5s", info->name, info->unit);
		for (size_t e = 0; e < options->engine_count; e++) {
			double *all = figures->of[row][e];
			medians[e] = median(all, options->rounds);
			char range[64];
			snprintf(range, sizeof range, "(%.2f-%.2f)", all[0] / info->scale,
			         all[options->rounds - 1] / info->scale);
			printf("%9.2f %-18s", medians[e] / info->scale, range);
		}
		if (options->engine_count == 2)
			printf("%6.2f", info->less_is_better ? medians[1] / medians[0] : medians[0] / medians[1]);
		printf("\n");
	}
}

static void print_json(const struct options *options, const struct figures *figures)
{
	printf("{\"count\": %zu, \"singles\": %zu, \"larges\": %zu, \"rows\": [", options->work.count,
	       options->work.singles, options->work.larges);
	for (int row = 0; row < ROWS; row++) {
		printf("%s\n  {\"name\": \"%s\", \"less_is_better\": %s", row ? "," : "", rows[row].name,
		       rows[row].less_is_better ? "true" : "false");
		for (size_t e = 0; e < options->engine_count; e++) {
			printf(", \"%s\": [", options->engines[e]->name);
			for (int round = 0; round < options->rounds; round++)
				printf("%s%.9g", round ? ", " : "", figures->of[row][e][round]);
			printf("]");
		}
		printf("}");
	}
	printf("\n]}\n");
}

static const struct engine *const engines[] = {
	&engine_srd,
#ifdef HAVE_LMDB
	&engine_lmdb,
#endif
};

static void choose_engines(struct options *options, const char *only)
{
	for (size_t i = 0; i < sizeof engines / sizeof *engines; i++)
		if (!only || strcmp(only, engines[i]->name) == 0)
			options->engines[options->engine_count++] = engines[i];
	if (options->engine_count == 0) {
		fprintf(stderr, "engine: no engine %s in this build\n", only);
		exit(2);
	}
	if (sizeof engines / sizeof *engines == 1)
		fprintf(stderr, "engine: built without LMDB, nothing to compare with\n");
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
		{ "cpu", no_argument, NULL, 'u' }, { "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	const char *only = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'c': options->work.count = number(optarg); break;
		case 's': options->work.singles = number(optarg); break;
		case 'l': options->work.larges = number(optarg); break;
		case 'r': options->rounds = (int)(number(optarg) % (ROUNDS_MAX + 1)); break;
		case 'd': options->work.dir = optarg; break;
		case 'o': only = optarg; break;
		case 'u': options->work.cpu_time = true; break;
		case 'j': options->json = true; break;
		case 'h': fputs(help, stdout); exit(0);
		default: exit(2);
		}
	}
	if (optind != argc) {
		fprintf(stderr, "engine: %s: takes options only, see --help\n", argv[optind]);
		exit(2);
	}
	choose_engines(options, only);
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
			if (!options.json)
				fprintf(stderr, "round %d of %d: %s\n", round + 1, options.rounds, options.engines[e]->name);
			run_once(&options, options.engines[e], results);
			for (int row = 0; row < ROWS; row++)
				figures.of[row][e][round] = results[row];
		}
	}
	if (options.json)
		print_json(&options, &figures);
	else
		print_table(&options, &figures);
	return 0;
}
