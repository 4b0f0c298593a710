// Shifts and exclusive ors in one chain: Marsaglia's xorshift64, a thousand steps.
#include "bench.h"

PROGRAM(xorshift)
{
	INPUT(ctx);
	u64 x = read64(in) | 1;

	for (int i = 0; i < 1000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	return fold(x);
}
