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

# Tells, when this machine has a GPU that the build in build/release cannot use, why, and what to do about it.
hint_cuda() {
  if has_gpu && [ -s build/release/cuda-missing.txt ]; then
    say "this machine has a GPU, but pleura was built without it: $(cat build/release/cuda-missing.txt)"
    say "./run --with-cuda installs what is missing into build/cuda; until then the processor trains"
  fi
}

# Asks until there is an answer, three times at most; true for yes. The end of the input is a no.
agreed() { # QUESTION
  for _ in 1 2 3; do
    printf '%s [y/N] ' "$1" >&2
    read -r answer || { echo >&2; return 1; }
    case $answer in
      [yY] | [yY][eE][sS]) return 0 ;;
      [nN] | [nN][oO] | '') return 1 ;;
    esac
    echo "please answer y or n" >&2
  done
  return 1
}

# install_cuda REASON: NVIDIA's compiler, runtime and cuDNN from PyPI into build/cuda, after asking. Nothing else on the
# machine changes, and what was cut short leaves nothing. Ends with 1 when there is then no CUDA.
install_cuda() {
  wheels=${PLEURA_CUDA_WHEEL_LIST:-assets/cuda-wheels.txt}
  say "the CUDA backend needs what is not here: $1"
  if [ "$(uname -sm)" != "Linux x86_64" ]; then
    say "NVIDIA's wheels for $(uname -sm) are not in the list; install CUDA and cuDNN 9.8 or newer, and set CUDA_HOME"
    exit 1
  fi
  if ! python3 -m pip --version >/dev/null 2>&1; then
    say "they come by pip, which is missing: sudo apt-get install python3-pip"
    exit 1
  fi
  cat >&2 <<EOF
To be installed into $PWD/build/cuda, without root:
  what     $(sed -n 's/^\(nvidia-[a-z0-9-]*==[0-9.]*\).*/\1/p' "$wheels" | tr '\n' ' ')
  from     PyPI, as published by NVIDIA; checked by hash
  licence  NVIDIA's own: the CUDA Toolkit EULA (docs.nvidia.com/cuda/eula) and the cuDNN licence agreement
           (docs.nvidia.com/deeplearning/cudnn); the licence texts lie beside what is installed
  size     470 MB to download, 750 MB on the disk
EOF
  if ! agreed "Download and install them, and accept their licences?"; then
    say "nothing was installed"
    exit 1
  fi
  rm -rf build/cuda.part
  mkdir -p build
  if ! python3 -m pip install --quiet --disable-pip-version-check --no-input --target build/cuda.part --no-deps \
    --only-binary :all: --require-hashes -r "$wheels" >build/cuda.log 2>&1; then
    rm -rf build/cuda.part
    grep -E '^ *(ERROR|WARNING: Retrying|[Ee]xpected|[Gg]ot)' build/cuda.log | sort -u | tail -5 >&2
    say "the download failed and nothing was installed; is there a network? The whole log is build/cuda.log"
    exit 1
  fi
  rm -rf build/cuda
  mv build/cuda.part build/cuda
  say "installed; remove build/cuda to be rid of it"
}

# build_with_cuda: the release build with the CUDA backend, after installing what it needs where that is missing.
build_with_cuda() {
  mkdir -p build/release
  if ! cmake --preset release -DPLEURA_CUDA=ON >build/release/build.log 2>&1; then
    if [ ! -s build/release/cuda-missing.txt ]; then
      cat build/release/build.log >&2
      say "configuring failed"
      exit 1
    fi
    install_cuda "$(cat build/release/cuda-missing.txt)"
  fi
  say "the CUDA backend's kernels take some minutes to compile"
  build release -DPLEURA_CUDA=ON
  has_gpu || say "this machine has no NVIDIA GPU or no driver; the processor trains here"
}

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
