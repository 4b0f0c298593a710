// Division by constants: numbers to decimal digits and back, buckets of 60 and 3600 seconds, a slot of 251.
#include "bench.h"

PROGRAM(digits)
{
	INPUT(ctx);
	u64 sum = 0;

	for (int i = 0; i < 100; i++) {
		u32 number = read32(in + 4 * i);
		u64 seconds = read64(in + 4 * i), reversed = 0;

		for (int digit = 0; digit < 10; digit++) {
			reversed = reversed * 10 + number % 10;
			number /= 10;
		}
		sum += reversed + seconds / 3600 + seconds / 60 % 60 + seconds % 251;
	}
	return fold(sum);
}
