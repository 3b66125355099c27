# What needs CUDA's toolkit and cuDNN, but mostly no device (label cuda, run by ./test --with-cuda).
set(folder ${CMAKE_CURRENT_LIST_DIR})

function(cuda_test name)
  add_test(NAME ${name} COMMAND sh ${folder}/with_cuda.sh ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS cuda SKIP_RETURN_CODE 77 TIMEOUT 900
    ENVIRONMENT "PLEURA_SOURCE=${CMAKE_SOURCE_DIR};PLEURA_BUILD=${CMAKE_BINARY_DIR}")
endfunction()

# What tests/gpu.sh runs on a device; with -DPLEURA_PARTS=gpu with no library but CUDA's.
add_executable(bench_gpu ${folder}/bench_gpu.c ${CMAKE_SOURCE_DIR}/core/net/golden_fill.c)
target_link_libraries(bench_gpu PRIVATE core_net_registry m)
if(PLEURA_PARTS STREQUAL "gpu")
  set(parity ${CMAKE_SOURCE_DIR}/tests/parity)
  add_executable(test_parity ${parity}/parity_cases.c ${parity}/parity_run.c ${parity}/test_parity.c)
  target_link_libraries(test_parity PRIVATE core_net_registry m)
endif()

if(NOT TARGET gpu_layers)
  cuda_test(cuda_backend --missing "${PLEURA_CUDA_MISSING}")
  return()
endif()

add_executable(test_engines ${folder}/test_engines.c)
target_link_libraries(test_engines PRIVATE gpu_layers core_net_graph)
set_target_properties(test_engines PROPERTIES BUILD_RPATH ${PLEURA_CUDNN_FOLDER})
foreach(device sm80 sm90 sm100)
  cuda_test(engines_${device} $<TARGET_FILE:test_engines> ${folder}/devices/${device}.json)
endforeach()

# On a device: the convolutions against their definition. Says so and skips where there is none.
add_executable(test_dnn_device ${folder}/test_dnn.c ${folder}/half.c)
target_link_libraries(test_dnn_device PRIVATE gpu_kernels gpu_layers m)
set_target_properties(test_dnn_device PROPERTIES BUILD_RPATH ${PLEURA_CUDNN_FOLDER})
cuda_test(dnn_device $<TARGET_FILE:test_dnn_device>)
if(TARGET pleura)
  add_library(fake_cudnn MODULE ${folder}/fake_cudnn.c)
  cuda_test(cuda_plugin sh ${folder}/test_plugin.sh $<TARGET_FILE:pleura> $<TARGET_FILE:pleura-cuda>
    $<TARGET_FILE:test_engines> $<TARGET_FILE:fake_cudnn>)
endif()
