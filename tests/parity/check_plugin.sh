#!/bin/sh
# A plug-in exports pl_backend_plugin and nothing else, and imports no symbol of the executable.
set -eu
plugin=$1
exported=$(nm -D --defined-only "$plugin" | awk '{print $NF}' | sed 's/@.*//' | grep -v -e '^_init$' -e '^_fini$' || true)
if [ "$exported" != pl_backend_plugin ]; then
  echo "FAILED: $plugin exports: $exported"
  exit 1
fi
imported=$(nm -D --undefined-only "$plugin" | awk '{print $NF}' | grep '^pl_' || true)
if [ -n "$imported" ]; then
  echo "FAILED: $plugin imports from the executable: $imported"
  exit 1
fi
echo "ok: exports $exported, imports nothing of pleura"
