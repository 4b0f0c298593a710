// Counts of byte values: loads and stores that depend on each other through memory.
#include "bench.h"

static u32 counts[256];

PROGRAM(histogram)
{
	INPUT(ctx);
	u32 sum = 0;

	for (int i = 0; i < 256; i++)
		counts[i] = i;
	for (int i = 0; i < 1400; i++)
		counts[in[i]]++;
	for (int i = 0; i < 256; i++)
		sum = sum * 31 + counts[i];
	return sum;
}
