#!/bin/sh
# Runs a check that needs CUDA's toolkit and cuDNN, but no device: with_cuda.sh COMMAND...; or, when the build has no
# CUDA backend, with_cuda.sh --missing REASON. Plain ./test skips these checks: they take minutes.
if [ -z "${PLEURA_WITH_CUDA-}" ]; then
  echo "skipped: ./test --with-cuda runs this"
  exit 77
fi
if [ "$1" = --missing ]; then
  echo "the CUDA backend was not built: $2"
  exit 1
fi
exec "$@"
