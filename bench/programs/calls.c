// Subprograms: a thousand calls of a function that stays one, two arguments and a result.
#include "bench.h"

static __noinline u64 step(u64 x, u64 y)
{
	return (x ^ y) * 0x9e3779b97f4a7c15ULL;
}

PROGRAM(calls)
{
	INPUT(ctx);
	u64 x = read64(in), y = read64(in + 8);

	for (int i = 0; i < 1000; i++)
		x = step(x, y + i);
	return fold(x);
}
