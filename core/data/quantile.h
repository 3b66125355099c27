// Quantiles of numbers.
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// The `share` quantile (0 to 1) of rising numbers, linear between neighbours: NumPy's default, type 7 of Hyndman and
// Fan 1996. NaN without numbers.
double pl_quantile(const double *rising, size_t count, double share);

#ifdef __cplusplus
}
#endif
