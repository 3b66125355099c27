# What needs CUDA's toolkit and cuDNN, but mostly no device (label cuda, run by ./test --with-cuda).
set(folder ${CMAKE_CURRENT_LIST_DIR})

function(cuda_test name)
  add_test(NAME ${name} COMMAND sh ${folder}/with_cuda.sh ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS cuda SKIP_RETURN_CODE 77 TIMEOUT 900
    ENVIRONMENT "PLEURA_SOURCE=${CMAKE_SOURCE_DIR};PLEURA_BUILD=${CMAKE_BINARY_DIR}")
endfunction()

if(NOT TARGET gpu_dnn)
  cuda_test(cuda_backend --missing "${PLEURA_CUDA_MISSING}")
  return()
endif()

add_executable(test_engines ${folder}/test_engines.c)
target_link_libraries(test_engines PRIVATE gpu_dnn core_net_graph)
set_target_properties(test_engines PROPERTIES BUILD_RPATH ${PLEURA_CUDNN_FOLDER})
foreach(device sm80 sm90 sm100)
  cuda_test(engines_${device} $<TARGET_FILE:test_engines> ${folder}/devices/${device}.json)
endforeach()
