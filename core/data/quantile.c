#include "core/data/quantile.h"

#include <math.h>

double pl_quantile(const double *rising, size_t count, double share) {
  if (count == 0) return (double)NAN;
  double place = share * (double)(count - 1);
  size_t below = (size_t)place;
  if (below + 1 >= count) return rising[count - 1];
  return rising[below] + (place - (double)below) * (rising[below + 1] - rising[below]);
}
