# Finds what the CUDA backend is built with: nvcc, the static CUDA runtime, cuDNN's headers and library; in CUDA_HOME, in
# build/cuda (where ./run --with-cuda installs), in the system's folders, and where pip unpacks NVIDIA's wheels.
# Sets PLEURA_NVCC, PLEURA_NVCC_VERSION, PLEURA_CUDA_INCLUDE, PLEURA_CUDART, PLEURA_CUDNN_INCLUDE, PLEURA_CUDNN_FOLDER,
# PLEURA_CUDNN_VERSION; or PLEURA_CUDA_MISSING to what is missing.
set(PLEURA_CUDA_MISSING "")

# Folders that hold bin/nvcc, include and lib; then folders with NVIDIA's wheels (nvidia/cu13, nvidia/cudnn, ...).
set(cuda_roots $ENV{CUDA_HOME} $ENV{CUDA_PATH})
set(wheel_folders ${CMAKE_SOURCE_DIR}/build/cuda/nvidia $ENV{PLEURA_CUDA_WHEELS})
find_program(PLEURA_PYTHON NAMES python3)
if(PLEURA_PYTHON)
  execute_process(COMMAND ${PLEURA_PYTHON} -c "import sys; print(';'.join(p + '/nvidia' for p in sys.path if p.endswith('-packages')))"
    OUTPUT_VARIABLE python_folders OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
foreach(folder ${wheel_folders})
  list(APPEND cuda_roots ${folder}/cu13 ${folder}/cuda_nvcc)
endforeach()
list(APPEND cuda_roots /usr/local/cuda)
foreach(folder ${python_folders})
  list(APPEND wheel_folders ${folder})
  list(APPEND cuda_roots ${folder}/cu13 ${folder}/cuda_nvcc)
endforeach()
set(runtime_roots ${cuda_roots})
set(cudnn_roots $ENV{CUDNN_PATH} $ENV{CUDA_HOME} $ENV{CUDA_PATH})
foreach(folder ${wheel_folders})
  list(APPEND runtime_roots ${folder}/cuda_runtime)
  list(APPEND cudnn_roots ${folder}/cudnn)
endforeach()
list(APPEND cudnn_roots ${cuda_roots})

find_program(PLEURA_NVCC NAMES nvcc HINTS ${cuda_roots} PATH_SUFFIXES bin)
if(PLEURA_NVCC)
  get_filename_component(nvcc_real ${PLEURA_NVCC} REALPATH)
  get_filename_component(nvcc_root ${nvcc_real}/../.. ABSOLUTE)
  # The nvcc that was found has its own headers beside it; others only where it has none.
  find_path(PLEURA_CUDA_INCLUDE cuda_runtime_api.h HINTS ${nvcc_root} ${nvcc_root}/targets/x86_64-linux
    ${nvcc_root}/../cuda_runtime PATHS ${runtime_roots} PATH_SUFFIXES include)
  find_library(PLEURA_CUDART NAMES libcudart_static.a HINTS ${nvcc_root} ${nvcc_root}/targets/x86_64-linux
    ${nvcc_root}/../cuda_runtime PATHS ${runtime_roots} PATH_SUFFIXES lib64 lib)
  execute_process(COMMAND ${PLEURA_NVCC} --version OUTPUT_VARIABLE nvcc_text ERROR_QUIET)
  string(REGEX REPLACE ".*release ([0-9]+\\.[0-9]+).*" "\\1" PLEURA_NVCC_VERSION "${nvcc_text}")
endif()
find_path(PLEURA_CUDNN_INCLUDE cudnn_graph.h HINTS ${cudnn_roots} PATH_SUFFIXES include)
find_library(PLEURA_CUDNN NAMES libcudnn_graph.so.9 HINTS ${cudnn_roots} PATH_SUFFIXES lib lib64)

if(PLEURA_CUDNN_INCLUDE)
  file(STRINGS ${PLEURA_CUDNN_INCLUDE}/cudnn_version.h lines REGEX "#define CUDNN_(MAJOR|MINOR|PATCHLEVEL) ")
  string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*PATCHLEVEL ([0-9]+).*" "\\1.\\2.\\3" PLEURA_CUDNN_VERSION
    "${lines}")
endif()
if(NOT PLEURA_NVCC)
  set(PLEURA_CUDA_MISSING "no nvcc (CUDA toolkit 12.0 or newer) in CUDA_HOME, /usr/local/cuda, the PATH or NVIDIA's wheels")
elseif(PLEURA_NVCC_VERSION VERSION_LESS 12.0)
  set(PLEURA_CUDA_MISSING "${PLEURA_NVCC} is of CUDA ${PLEURA_NVCC_VERSION}; 12.0 or newer is needed")
elseif(NOT PLEURA_CUDA_INCLUDE OR NOT PLEURA_CUDART)
  set(PLEURA_CUDA_MISSING "${PLEURA_NVCC} has no CUDA runtime beside it (cuda_runtime_api.h, libcudart_static.a)")
elseif(NOT PLEURA_CUDNN_INCLUDE)
  set(PLEURA_CUDA_MISSING "no cuDNN 9 (cudnn_graph.h) beside CUDA, in CUDNN_PATH or in NVIDIA's wheels")
elseif(PLEURA_CUDNN_VERSION VERSION_LESS 9.8)
  set(PLEURA_CUDA_MISSING "cuDNN in ${PLEURA_CUDNN_INCLUDE} is ${PLEURA_CUDNN_VERSION}; 9.8 or newer is needed")
elseif(NOT PLEURA_CUDNN)
  set(PLEURA_CUDA_MISSING "cuDNN's headers, but no libcudnn_graph.so.9")
endif()
if(PLEURA_CUDNN)
  get_filename_component(PLEURA_CUDNN_FOLDER ${PLEURA_CUDNN} DIRECTORY)
endif()

# Real code for A100, H100 and H200, B200 (where nvcc knows it), and PTX for what comes.
set(PLEURA_CUDA_ARCHITECTURES "80;90a;100" CACHE STRING "Architectures that kernels are compiled for")
set(nvcc_code "")
foreach(architecture ${PLEURA_CUDA_ARCHITECTURES})
  if(architecture STREQUAL "100" AND PLEURA_NVCC AND PLEURA_NVCC_VERSION VERSION_LESS 12.8)
    continue()
  endif()
  list(APPEND nvcc_code -gencode arch=compute_${architecture},code=sm_${architecture})
endforeach()
list(APPEND nvcc_code -gencode arch=compute_90,code=compute_90)

# pleura_cuda_objects(VARIABLE FILE.cu...): compiles kernels and puts the object files into VARIABLE. nvcc is called as
# it is, and not as one of CMake's languages, because CMake cannot link with the wheels' layout, and need not.
function(pleura_cuda_objects variable)
  set(objects "")
  set(warnings "")
  if(PLEURA_WERROR)
    set(warnings -Werror all-warnings)
  endif()
  foreach(source ${ARGN})
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${source}.o)
    get_filename_component(folder ${object} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    get_source_file_property(extra ${source} NVCC_OPTIONS)
    if(NOT extra)
      set(extra "")
    endif()
    add_custom_command(OUTPUT ${object}
      COMMAND ${PLEURA_NVCC} -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object} -MD -MF ${object}.d
        -ccbin ${CMAKE_CXX_COMPILER} -std=c++17 -O3 ${nvcc_code} ${warnings} ${extra}
        -I${CMAKE_SOURCE_DIR} -isystem ${PLEURA_CUDA_INCLUDE} -Xcompiler=-fPIC,-fvisibility=hidden,-Wall
      DEPENDS ${source} DEPFILE ${object}.d COMMENT "nvcc ${source}" VERBATIM COMMAND_EXPAND_LISTS)
    list(APPEND objects ${object})
  endforeach()
  set(${variable} ${objects} PARENT_SCOPE)
endfunction()
