/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "store/fold.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "log/image.h"
#include "state/image.h"

struct folding {
	struct srd_state *state;
	const atomic_uint *stop;
};

static int apply(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	struct folding *folding = user;

	if (folding->stop && atomic_load_explicit(folding->stop, memory_order_relaxed))
		return -ECANCELED;
	return srd_state_apply(folding->state, record, metadata);
}

static void peek(void *user, const struct srd_record *record, const uint8_t *metadata)
{
	srd_state_peek(((struct folding *)user)->state, record, metadata);
}

/* What the log has between FROM and POINT comes to STATE. */
static int replay(const struct srd_log *log, const struct srd_log_place *from, const struct srd_log_point *point,
                  const atomic_uint *stop, struct srd_state *state, struct srd_log_place *place)
{
	struct folding folding = { .state = state, .stop = stop };
	struct srd_log_visitor visitor = { .visit = apply, .peek = peek, .user = &folding };

	return srd_log_replay(log, from, point, &visitor, place);
}

int srd_fold_all(const struct srd_log *log, const struct srd_log_point *point, const atomic_uint *stop,
                 struct srd_state *state, struct srd_log_place *place)
{
	struct srd_log_place start = srd_log_start(log);
	int error = srd_state_init(state, &log->sb, srd_store_source(log), 0);

	if (error)
		return error;
	error = replay(log, &start, point, stop, state, place);
	if (error && error != SRD_EDAMAGED)
		srd_state_release(state);
	return error;
}

/* ---- From an image ---- */

/* What a state began as: of a chunk that is damaged, that once more. */
struct origin {
	const struct srd_log *log;
	uint64_t offset;               /* that the image stands for */
	struct srd_state rebuilt;
	struct srd_table *tables[SRD_IMAGE_TABLES];
};

static int rebuild(void *user, struct srd_table *const **tables)
{
	struct origin *origin = user;
	struct srd_log_point point = srd_point_before(origin->offset);
	int error = srd_fold_all(origin->log, &point, NULL, &origin->rebuilt, NULL);

	if (error && error != SRD_EDAMAGED)
		return error;
	srd_state_tables(&origin->rebuilt, origin->tables);
	*tables = origin->tables;
	return 0;
}

static void forget(void *user)
{
	srd_state_release(&((struct origin *)user)->rebuilt);
}

static int map_tables(const struct srd_image *image, int fd, struct srd_state *state)
{
	struct srd_table *tables[SRD_IMAGE_TABLES];
	int error = 0;

	srd_state_tables(state, tables);
	for (unsigned i = 0; !error && i < SRD_IMAGE_TABLES; i++)
		error = srd_log_image_map(fd, &image->tables[i], tables[i]->base);
	return error;
}

static int adopt(const struct srd_log *log, const struct srd_image *image, int fd, struct srd_state *state)
{
	struct origin *origin = calloc(1, sizeof *origin);
	struct srd_chunks_source source = { .rebuild = rebuild, .forget = forget, .release = free, .user = origin };
	uint64_t *checks;

	if (!origin)
		return -ENOMEM;
	origin->log = log;
	origin->offset = image->offset;
	int error = srd_log_image_checks(log, fd, image, &checks);
	if (!error)
		error = srd_state_adopt(state, &log->sb, srd_store_source(log), image, checks, source);
	if (error) {
		free(origin);
		return error;
	}
	error = map_tables(image, fd, state);
	if (error)
		srd_state_release(state);
	return error;
}

int srd_fold_load(const struct srd_log *log, struct srd_state *state, struct srd_image *image)
{
	SRD_AUTO_CLOSE int fd = -1;
	const struct srd_log_point now = SRD_LOG_POINT_NOW;
	int error = srd_log_image_nearest(log, &now, image, &fd);

	return error ? error : adopt(log, image, fd, state);
}

/* The place of the nearest image before POINT, and STATE as it was there. */
static int load_before(const struct srd_log *log, const struct srd_log_point *point, struct srd_state *state,
                       struct srd_log_place *place)
{
	SRD_AUTO_CLOSE int fd = -1;
	struct srd_image image;
	int error = srd_log_image_nearest(log, point, &image, &fd);

	if (error)
		return error;
	*place = srd_log_image_place(&image);
	return adopt(log, &image, fd, state);
}

int srd_fold(const struct srd_log *log, const struct srd_log_point *point, const atomic_uint *stop,
             struct srd_state *state, struct srd_log_place *place)
{
	struct srd_log_place from;

	if (load_before(log, point, state, &from) != 0)
		return srd_fold_all(log, point, stop, state, place);
	int error = replay(log, &from, point, stop, state, place);
	bool done = !error || error == SRD_EDAMAGED;
	if (done && srd_state_error(state) == 0)
		return error;
	srd_state_release(state);
	/* Where that image is of no use, all of the log. */
	return done || error == SRD_ECORRUPT ? srd_fold_all(log, point, stop, state, place) : error;
}
