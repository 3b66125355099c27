# What the plug-in is made of besides the layers over CUDA and cuDNN, which tests/gpu replaces: its host code, and its own
# hidden copy of the parts of core that it needs.
get_filename_component(PLEURA_GPU_FOLDER ${CMAKE_CURRENT_LIST_DIR} ABSOLUTE)
set(PLEURA_GPU_HOST arena.c backend.c choices.c compile.c dnn_problem.c fuse.c fuse_join.c fuse_upsample.c
  lower.c lower_conv.c lower_join.c lower_loss.c lower_norm.c lower_upsample.c plugin.c program.c store.c)
list(TRANSFORM PLEURA_GPU_HOST PREPEND ${PLEURA_GPU_FOLDER}/)
set(PLEURA_GPU_KERNELS augment conv conv_gather conv_single conv_weights elementwise join layout loss lovasz norm
  optimizer scale sort space transform)
set(PLEURA_GPU_CORE base/buf.c base/mem.c base/num.c base/progress.c base/status.c base/str.c net/graph.c net/model.c net/plan.c)
list(TRANSFORM PLEURA_GPU_CORE PREPEND ${PLEURA_GPU_FOLDER}/../core/)
