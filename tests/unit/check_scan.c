/* SPDX-License-Identifier: Apache-2.0 */
/* A scan sees every record and op, finds the damage among them, and whose it is. */
#include "config.h"

#include "fixture.h"

#include <fcntl.h>
#include <unistd.h>

struct report {
	int records, ops, damages, progress;
	uint64_t damage_offset, damage_len;
	char damage_key[64], damage_what[64];
	uint64_t last;
};

static int note(void *user, const struct srd_event *event)
{
	struct report *report = user;

	ck_assert_ptr_nonnull(event->what);
	ck_assert_ptr_nonnull(event->text);
	switch (event->type) {
	case SRD_EVENT_RECORD:
		report->records++;
		report->last = event->offset;
		break;
	case SRD_EVENT_OP:
		report->ops++;
		break;
	case SRD_EVENT_DAMAGE:
		report->damages++;
		report->damage_offset = event->offset;
		report->damage_len = event->len;
		snprintf(report->damage_key, sizeof report->damage_key, "%s", event->key ? event->key : "");
		snprintf(report->damage_what, sizeof report->damage_what, "%s", event->what);
		break;
	case SRD_EVENT_PROGRESS:
		report->progress++;
		break;
	case SRD_EVENT_REPAIRED:
	case SRD_EVENT_TRIMMED:
		ck_abort_msg("nothing was repaired");
	}
	return 0;
}

static struct report scan(int flags)
{
	struct report report = { 0 };

	ck_assert_int_eq(srd_scan(store, flags, note, &report), 0);
	return report;
}

static void flip(uint64_t offset)
{
	int fd = open(path, O_RDWR);
	uint8_t byte;

	ck_assert_int_eq(pread(fd, &byte, 1, (off_t)offset), 1);
	byte ^= 1;
	ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)offset), 1);
	close(fd);
}

/* Everything is durable, and a later record says so. */
static void settle(void)
{
	ck_assert_int_eq(srd_sync(store), 0);
	put("settled", "x");
	ck_assert_int_eq(srd_sync(store), 0);
	put("settled", "y");
}

static int stop(void *user, const struct srd_event *event)
{
	(void)event;
	return --*(int *)user > 0 ? 0 : 42;
}

START_TEST(a_scan_sees_records_and_ops)
{
	int calls = 3;
	uint8_t *bytes = pattern(3 << 20, 1);

	put("a/b", "1");
	put("c", "2");
	ck_assert_int_eq(srd_put(store, KEY("big"), bytes, 3 << 20), 0);
	struct report report = scan(SRD_SCAN_OPS | SRD_SCAN_PAYLOAD);
	ck_assert_int_eq(report.records, 1 + 4);   /* and the spare */
	ck_assert_int_eq(report.ops, 2 + 1 + 1 + 2);
	ck_assert_int_eq(report.damages, 0);
	ck_assert_int_ge(report.progress, 1);
	ck_assert_int_eq(scan(0).ops, 0);
	ck_assert_int_eq(srd_scan(store, 0, stop, &calls), 42);
	ck_assert_int_eq(calls, 0);
	free(bytes);
}
END_TEST

START_TEST(a_scan_finds_rotten_payload_and_whose_it_is)
{
	uint8_t *bytes = pattern(3 << 20, 1);
	struct srd_stat big, small;

	ck_assert_int_eq(srd_put(store, KEY("d/big"), bytes, 3 << 20), 0);
	put("d/small", "12345");
	ck_assert_int_eq(srd_copy(store, KEY("d/big"), store, KEY("d/copy")), 0);
	ck_assert_int_eq(srd_delete(store, KEY("d/big")), 0);
	ck_assert_int_eq(srd_stat(store, KEY("d/copy"), &big), 0);
	ck_assert_int_eq(srd_stat(store, KEY("d/small"), &small), 0);
	settle();
	close_store();
	flip(big.offset + (2 << 20) + 5);
	open_store(SRD_NOSYNC);
	ck_assert_int_eq(scan(0).damages, 0);
	struct report report = scan(SRD_SCAN_PAYLOAD);
	ck_assert_int_eq(report.damages, 1);
	ck_assert_uint_eq(report.damage_offset, big.offset + (2 << 20));
	ck_assert_uint_eq(report.damage_len, 4096);
	ck_assert_str_eq(report.damage_key, "d/copy");
	close_store();
	flip(big.offset + (2 << 20) + 5);
	flip(small.offset);
	open_store(SRD_NOSYNC);
	report = scan(SRD_SCAN_PAYLOAD);
	ck_assert_int_eq(report.damages, 1);
	ck_assert_str_eq(report.damage_key, "d/small");
	ck_assert_str_eq(report.damage_what, "payload");
	put("d/small", "mended");
	report = scan(SRD_SCAN_PAYLOAD);
	ck_assert_int_eq(report.damages, 1);
	ck_assert_str_eq(report.damage_key, "");
	free(bytes);
}
END_TEST

START_TEST(a_scan_passes_rotten_records)
{
	struct srd_info info;
	uint64_t places[4];
	char key[32];

	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(srd_info(store, &info), 0);
		places[i] = info.end;
		snprintf(key, sizeof key, "key-%d", i);
		put(key, key);
	}
	settle();
	int records = scan(0).records;
	close_store();
	for (int at = 8; at < 128; at += 60) {   /* the header, then the ops */
		flip(places[2] + (uint64_t)at);
		open_store(SRD_NOSYNC);
		struct report report = scan(SRD_SCAN_PAYLOAD);
		ck_assert_int_eq(report.damages, 1);
		ck_assert_uint_eq(report.damage_offset, places[2]);
		ck_assert_uint_eq(report.damage_len, places[3] - places[2]);
		ck_assert_int_eq(report.records, at < 64 ? records - 1 : records);
		ck_assert_str_eq(report.damage_what, at < 64 ? "record" : "metadata");
		assert_text("key-3", "key-3");
		ck_assert_int_eq(srd_put(store, KEY("k"), "x", 1), SRD_EDAMAGED);
		ck_assert_int_eq(srd_info(store, &info), 0);
		ck_assert_uint_eq(info.damaged_records, 1);
		ck_assert_int_ne(info.read_only, 0);
		close_store();
		flip(places[2] + (uint64_t)at);
	}
	open_store(SRD_NOSYNC);
	assert_text("key-2", "key-2");
}
END_TEST

static void add(TCase *tcase)
{
	tcase_add_test(tcase, a_scan_sees_records_and_ops);
	tcase_add_test(tcase, a_scan_finds_rotten_payload_and_whose_it_is);
	tcase_add_test(tcase, a_scan_passes_rotten_records);
}

int main(void)
{
	return run_case("scan", add);
}
