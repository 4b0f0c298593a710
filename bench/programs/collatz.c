// Branches that no predictor knows: 3n + 1 sequences, and at which steps they rise.
#include "bench.h"

static u32 rises[128];

PROGRAM(collatz)
{
	INPUT(ctx);
	u64 total = 0;

	for (int i = 0; i < 128; i++)
		rises[i] = i;
	for (int i = 0; i < 32; i++) {
		u64 n = (u64)read32(in + 4 * i) << 8 | 1;

		for (u32 step = ANY_ZERO; step < 100 && CAN_LOOP; step++) {
			if (n & 1) {
				u32 at = step;

				n = 3 * n + 1;
				HIDE(at);
				rises[at & 127]++;
			} else {
				n >>= 1;
			}
		}
		total = total * 31 + n;
	}
	for (int i = 0; i < 128; i++)
		total = total * 31 + rises[i];
	return fold(total);
}
