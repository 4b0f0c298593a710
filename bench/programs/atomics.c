// Atomic addition, exchange, compare and exchange, and the bitwise ones, on two words of memory.
#include "bench.h"

static u64 total;
static u32 word;

PROGRAM(atomics)
{
	INPUT(ctx);
	u64 x = read32(in), seen = 0;

	total = x;
	word = 1;
	for (int i = 0; i < 100; i++) {
		seen += __sync_fetch_and_add(&total, x + i);
		__sync_fetch_and_or(&total, (u64)i << 40);
		seen ^= __sync_lock_test_and_set(&word, (u32)seen);
		seen += __sync_val_compare_and_swap(&word, (u32)seen, i);
	}
	return fold(seen + total) ^ word;
}
