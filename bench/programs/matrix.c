// The product of two matrices of 16 by 16 numbers.
#include "bench.h"

enum { n = 16 };

static u32 a[n * n], b[n * n], c[n * n];

PROGRAM(matrix)
{
	INPUT(ctx);
	u32 sum = 0;

	for (int i = 0; i < n * n; i++) {
		a[i] = read32(in + 4 * i);
		b[i] = read32(in + 4 * i + 128);
	}
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			u32 x = 0;

#pragma GCC unroll 1
			for (int k = 0; k < n; k++)
				x += a[i * n + k] * b[k * n + j];
			c[i * n + j] = x;
		}
	for (int i = 0; i < n * n; i++)
		sum = sum * 17 + c[i];
	return sum;
}
