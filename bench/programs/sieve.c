// The sieve of Eratosthenes: byte stores with a stride, a counted pass.
#include "bench.h"

enum { limit = 2048 };

static u8 composite[limit] __attribute__((aligned(8)));

PROGRAM(sieve)
{
	INPUT(ctx);
	u32 count = in[0], sum = 0;

	for (int i = 0; i < limit / 8; i++)
		((u64 *)composite)[i] = 0x0001000100010001; // the even numbers
	for (u32 i = 3; i < limit; i++) {
		if (composite[i])
			continue;
		count++;
		sum += i;
		for (u32 j = i * i; j < limit; j += i)
			composite[j & (limit - 1)] = 1;
	}
	return sum ^ count << 20;
}
