// The differences between versions 2 and 3 of oneDNN's C interface: in 3 a memory descriptor is an opaque object and a
// primitive's descriptor is made in one call. dnn.c is written against the functions of this header only where the
// versions differ, and includes it alone.
#pragma once

#include <dnnl.h>
#include <dnnl_debug.h>

#if DNNL_VERSION_MAJOR == 2

typedef dnnl_memory_desc_t pl_md;             // owned
typedef const dnnl_memory_desc_t *pl_md_ref;  // borrowed

static inline dnnl_status_t pl_md_init(pl_md *md, int ndims, const dnnl_dims_t dims, dnnl_format_tag_t tag) {
  return dnnl_memory_desc_init_by_tag(md, ndims, dims, dnnl_f32, tag);
}
static inline dnnl_status_t pl_md_copy(pl_md *to, pl_md_ref from) {
  *to = *from;
  return dnnl_success;
}
static inline void pl_md_clear(pl_md *md) { (void)md; }
static inline pl_md_ref pl_md_borrow(const pl_md *md) { return md; }
static inline int pl_md_ndims(pl_md_ref md) { return md->ndims; }
static inline const dnnl_dim_t *pl_md_dims(pl_md_ref md) { return md->dims; }

static inline dnnl_status_t pl_post_sum(dnnl_post_ops_t ops) { return dnnl_post_ops_append_sum(ops, 1.0f); }
static inline dnnl_status_t pl_post_relu(dnnl_post_ops_t ops) {
  return dnnl_post_ops_append_eltwise(ops, 1.0f, dnnl_eltwise_relu, 0.0f, 0.0f);
}

// A direct convolution. `bias` may be NULL; `hint` is the forward one, for the backward directions.
static inline dnnl_status_t pl_conv_forward(dnnl_primitive_desc_t *out, dnnl_engine_t engine, pl_md_ref src,
                                            pl_md_ref weights, pl_md_ref bias, pl_md_ref dst, const dnnl_dims_t strides,
                                            const dnnl_dims_t left, const dnnl_dims_t right,
                                            dnnl_primitive_attr_t attr) {
  dnnl_convolution_desc_t desc;
  dnnl_status_t status = dnnl_convolution_forward_desc_init(&desc, dnnl_forward_training, dnnl_convolution_direct, src,
                                                            weights, bias, dst, strides, left, right);
  return status ? status : dnnl_primitive_desc_create(out, &desc, attr, engine, NULL);
}
static inline dnnl_status_t pl_conv_backward_data(dnnl_primitive_desc_t *out, dnnl_engine_t engine, pl_md_ref src,
                                                  pl_md_ref weights, pl_md_ref dst, const dnnl_dims_t strides,
                                                  const dnnl_dims_t left, const dnnl_dims_t right,
                                                  dnnl_primitive_desc_t hint, dnnl_primitive_attr_t attr) {
  dnnl_convolution_desc_t desc;
  dnnl_status_t status =
      dnnl_convolution_backward_data_desc_init(&desc, dnnl_convolution_direct, src, weights, dst, strides, left, right);
  return status ? status : dnnl_primitive_desc_create(out, &desc, attr, engine, hint);
}
static inline dnnl_status_t pl_conv_backward_weights(dnnl_primitive_desc_t *out, dnnl_engine_t engine, pl_md_ref src,
                                                     pl_md_ref weights, pl_md_ref bias, pl_md_ref dst,
                                                     const dnnl_dims_t strides, const dnnl_dims_t left,
                                                     const dnnl_dims_t right, dnnl_primitive_desc_t hint,
                                                     dnnl_primitive_attr_t attr) {
  dnnl_convolution_desc_t desc;
  dnnl_status_t status = dnnl_convolution_backward_weights_desc_init(&desc, dnnl_convolution_direct, src, weights, bias,
                                                                     dst, strides, left, right);
  return status ? status : dnnl_primitive_desc_create(out, &desc, attr, engine, hint);
}

#elif DNNL_VERSION_MAJOR == 3

typedef dnnl_memory_desc_t pl_md;
typedef const_dnnl_memory_desc_t pl_md_ref;

static inline dnnl_status_t pl_md_init(pl_md *md, int ndims, const dnnl_dims_t dims, dnnl_format_tag_t tag) {
  return dnnl_memory_desc_create_with_tag(md, ndims, dims, dnnl_f32, tag);
}
static inline dnnl_status_t pl_md_copy(pl_md *to, pl_md_ref from) { return dnnl_memory_desc_clone(to, from); }
static inline void pl_md_clear(pl_md *md) {
  if (*md) (void)dnnl_memory_desc_destroy(*md);
}
static inline pl_md_ref pl_md_borrow(const pl_md *md) { return *md; }
static inline int pl_md_ndims(pl_md_ref md) {
  int32_t ndims = 0;
  (void)dnnl_memory_desc_query(md, dnnl_query_ndims_s32, &ndims);
  return ndims;
}
static inline const dnnl_dim_t *pl_md_dims(pl_md_ref md) {
  const dnnl_dims_t *dims = NULL;
  (void)dnnl_memory_desc_query(md, dnnl_query_dims, &dims);
  return dims ? *dims : NULL;
}

static inline dnnl_status_t pl_post_sum(dnnl_post_ops_t ops) {
  return dnnl_post_ops_append_sum(ops, 1.0f, 0, dnnl_data_type_undef);
}
static inline dnnl_status_t pl_post_relu(dnnl_post_ops_t ops) {
  return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, 0.0f, 0.0f);
}

static const dnnl_dims_t pl_no_dilation;

static inline dnnl_status_t pl_conv_forward(dnnl_primitive_desc_t *out, dnnl_engine_t engine, pl_md_ref src,
                                            pl_md_ref weights, pl_md_ref bias, pl_md_ref dst, const dnnl_dims_t strides,
                                            const dnnl_dims_t left, const dnnl_dims_t right,
                                            dnnl_primitive_attr_t attr) {
  return dnnl_convolution_forward_primitive_desc_create(out, engine, dnnl_forward_training, dnnl_convolution_direct,
                                                        src, weights, bias, dst, strides, pl_no_dilation, left, right,
                                                        attr);
}
static inline dnnl_status_t pl_conv_backward_data(dnnl_primitive_desc_t *out, dnnl_engine_t engine, pl_md_ref src,
                                                  pl_md_ref weights, pl_md_ref dst, const dnnl_dims_t strides,
                                                  const dnnl_dims_t left, const dnnl_dims_t right,
                                                  dnnl_primitive_desc_t hint, dnnl_primitive_attr_t attr) {
  return dnnl_convolution_backward_data_primitive_desc_create(out, engine, dnnl_convolution_direct, src, weights, dst,
                                                              strides, pl_no_dilation, left, right, hint, attr);
}
static inline dnnl_status_t pl_conv_backward_weights(dnnl_primitive_desc_t *out, dnnl_engine_t engine, pl_md_ref src,
                                                     pl_md_ref weights, pl_md_ref bias, pl_md_ref dst,
                                                     const dnnl_dims_t strides, const dnnl_dims_t left,
                                                     const dnnl_dims_t right, dnnl_primitive_desc_t hint,
                                                     dnnl_primitive_attr_t attr) {
  return dnnl_convolution_backward_weights_primitive_desc_create(
      out, engine, dnnl_convolution_direct, src, weights, bias, dst, strides, pl_no_dilation, left, right, hint, attr);
}

#else
#error "oneDNN's C interface is known in its versions 2 and 3"
#endif
