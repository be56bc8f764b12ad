/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer.c - moves an amount from one account to another: two keys are read, decided
 * upon, and written, as if nobody else were there.
 *
 *     cc -o transfer transfer.c -lsrd
 *     transfer STORE FROM TO AMOUNT
 *
 * Whoever else transfers at the same time is noticed at the commit; then it is tried
 * again, with what the accounts hold by then.  A crash at any moment leaves both as they
 * were, or both as they are to be.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <srd.h>

/* What KEY holds as a number; 0 if there is none. */
static int balance(srd_store *view, const char *key, long *amount)
{
	char text[32] = "";
	srd_value value;
	int error = srd_get(view, key, strlen(key), &value);

	*amount = 0;
	if (error)
		return error == -ENOENT ? 0 : error;
	if (value.data)
		memcpy(text, value.data, value.len < sizeof text ? value.len : sizeof text - 1);
	*amount = strtol(text, NULL, 10);
	srd_value_release(&value);
	return 0;
}

static int put(srd_store *view, const char *key, long amount)
{
	char text[32];
	int len = snprintf(text, sizeof text, "%ld", amount);

	return srd_put(view, key, strlen(key), text, (size_t)len);
}

/* -EBUSY: somebody else was faster. */
static int try_transfer(srd_store *store, const char *from, const char *to, long amount)
{
	srd_store *view;
	long here, there;
	int error = srd_transaction_begin(store, &view);

	if (error)
		return error;
	error = balance(view, from, &here);
	if (!error)
		error = balance(view, to, &there);
	if (!error && here < amount)
		error = -ERANGE;
	if (!error)
		error = put(view, from, here - amount);
	if (!error)
		error = put(view, to, there + amount);
	if (!error)
		error = srd_transaction_commit(view, NULL, 0);
	srd_close(view);
	return error;
}

int main(int argc, char **argv)
{
	srd_store *store;

	if (argc != 5 || strcmp(argv[2], argv[3]) == 0) {
		fprintf(stderr, "usage: transfer STORE FROM TO AMOUNT\n");
		return 2;
	}
	int error = srd_open(argv[1], 0, &store);
	if (!error) {
		do {
			error = try_transfer(store, argv[2], argv[3], strtol(argv[4], NULL, 10));
		} while (error == -EBUSY);
		srd_close(store);
	}
	if (error)
		fprintf(stderr, "transfer: %s: %s\n", argv[1],
		        error == -ERANGE ? "there is not so much" : srd_strerror(error));
	return error != 0;
}
