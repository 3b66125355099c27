# Shared by ./run and ./test: installs what the build needs, then configures and builds. Sourced, never run.

# Debian's names; the same in Ubuntu 22.04 and 24.04.
packages="gcc g++ cmake ninja-build pkg-config libncurses-dev libsixel-dev libpng-dev libdcmtk-dev libdnnl-dev
  libjpeg-dev libjansson-dev libyaml-dev libcsv-dev libseccomp-dev libcurl4-openssl-dev libzip-dev libcmocka-dev"

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

missing_packages() {
  for package in $packages; do
    case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
      installed) ;;
      *) printf '%s ' "$package" ;;
    esac
  done
}

# Installs by apt as root or with sudo; without either, changes nothing, prints the line that an administrator would
# run, and ends with 1.
install_packages() {
  command -v dpkg-query >/dev/null || return 0 # not a Debian: the configure step names what it lacks
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" = 0 ]; then
    as_root=env
  elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    as_root=sudo
  else
    say "these packages are missing: $missing"
    say "nothing was changed; ask an administrator to run:"
    printf 'sudo apt-get install --no-install-recommends %s\n' "$missing"
    exit 1
  fi
  say "installing by apt: $missing"
  $as_root apt-get update -qq
  # shellcheck disable=SC2086  # one word a package
  $as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

# Whether this machine has an NVIDIA GPU with its driver.
has_gpu() { [ -e "${PLEURA_GPU_DEVICE:-/dev/nvidiactl}" ]; }

# build PRESET [CMAKE_OPTION...]: configures once (and again when options are given), then builds what changed. Without
# a GPU the CUDA backend is built only when an option says so: nvcc takes minutes.
build() {
  preset=$1
  shift
  log=build/$preset/build.log
  mkdir -p "build/$preset"
  if [ ! -e "build/$preset/build.ninja" ] || [ $# -gt 0 ]; then
    say "configuring build/$preset"
    if [ "$preset" = release ] && has_gpu; then cuda=AUTO; else cuda=OFF; fi
    cmake --preset "$preset" "-DPLEURA_CUDA=$cuda" "$@" >"$log" 2>&1 || { cat "$log" >&2; say "configuring failed"; exit 1; }
  fi
  # A call that has nothing to do says nothing.
  if ! ninja -C "build/$preset" -n 2>/dev/null | grep -q 'no work to do'; then
    say "building build/$preset"
    cmake --build "build/$preset" >"$log" 2>&1 || { grep -A 12 -E 'FAILED|error|warning' "$log" >&2 || cat "$log" >&2
      say "the build failed; the whole log is $log"; exit 1; }
    if grep -q 'warning:' "$log"; then grep 'warning:' "$log" >&2; fi
  fi
}
