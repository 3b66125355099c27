// Which convolutions of our own there are, and which file has them.
#include "gpu/kernels/conv.cuh"

namespace {

struct known {
  template <class T, int IN, int OUT, int SLAB_IN, int SLAB_OUT, int STRIDE>
  bool run() const {
    return true;
  }
};

}  // namespace

bool pl_gpu_conv_supported(const pl_dnn_conv *conv) {
  const pl_dnn_conv &c = *conv;
  if (c.kernel != 3 || c.pad != 1 || (c.stride != 1 && c.stride != 2)) return false;
  if (c.oh != (c.ih - 1) / c.stride + 1 || c.ow != (c.iw - 1) / c.stride + 1) return false;
  // Pixels are counted in 32 bits.
  if (c.n * c.ih * c.iw >= (int64_t)1 << 31 || c.ic >= 1 << 16 || c.oc >= 1 << 16) return false;
  if (pl_conv_single_supported(conv)) return true;
  return c.type != PL_GPU_F32 && pl_with_conv(conv, known{});
}

uint64_t pl_gpu_conv_workspace(const pl_dnn_conv *conv) {
  if (pl_conv_single_supported(conv)) return pl_conv_single_workspace(conv);
  if (conv->direction == PL_DNN_BACKWARD_WEIGHTS) return pl_conv_weights_workspace(conv);
  return pl_conv_gather_workspace(conv);
}

void pl_gpu_conv_run(pl_stream stream, const pl_dnn_conv *conv, const pl_dnn_args *args) {
  if (pl_conv_single_supported(conv)) return pl_conv_single(stream, conv, args);
  if (conv->direction == PL_DNN_BACKWARD_WEIGHTS) return pl_conv_weights(stream, conv, args);
  pl_conv_gather(stream, conv, args);
}
