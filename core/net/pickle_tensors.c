// What the values of a pickle mean: storages, tensors, the dictionary of them.
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/net/pickle_private.h"

static const size_t type_sizes[] = {
    [PL_TORCH_F16] = 2, [PL_TORCH_BF16] = 2, [PL_TORCH_F32] = 4, [PL_TORCH_F64] = 8, [PL_TORCH_BOOL] = 1,
    [PL_TORCH_U8] = 1,  [PL_TORCH_I8] = 1,   [PL_TORCH_I16] = 2, [PL_TORCH_I32] = 4, [PL_TORCH_I64] = 8,
};

size_t pl_torch_type_size(pl_torch_type type) { return type_sizes[type]; }

static const known_name known_names[] = {
    {"collections", "OrderedDict", NAME_DICT, 0},
    {"torch._utils", "_rebuild_tensor_v2", NAME_TENSOR, 0},
    {"torch._utils", "_rebuild_tensor", NAME_TENSOR, 0},
    {"torch._utils", "_rebuild_parameter", NAME_PARAMETER, 0},
    {"torch.nn.parameter", "Parameter", NAME_PARAMETER, 0},
    {"torch", "HalfStorage", NAME_STORAGE, PL_TORCH_F16},
    {"torch", "BFloat16Storage", NAME_STORAGE, PL_TORCH_BF16},
    {"torch", "FloatStorage", NAME_STORAGE, PL_TORCH_F32},
    {"torch", "DoubleStorage", NAME_STORAGE, PL_TORCH_F64},
    {"torch", "BoolStorage", NAME_STORAGE, PL_TORCH_BOOL},
    {"torch", "ByteStorage", NAME_STORAGE, PL_TORCH_U8},
    {"torch", "CharStorage", NAME_STORAGE, PL_TORCH_I8},
    {"torch", "ShortStorage", NAME_STORAGE, PL_TORCH_I16},
    {"torch", "IntStorage", NAME_STORAGE, PL_TORCH_I32},
    {"torch", "LongStorage", NAME_STORAGE, PL_TORCH_I64},
    // Beside the tensors in training checkpoints; passed over.
    {"torch", "Size", NAME_OTHER, 0},
    {"torch", "device", NAME_OTHER, 0},
    {"torch", "float16", NAME_OTHER, 0},
    {"torch", "bfloat16", NAME_OTHER, 0},
    {"torch", "float32", NAME_OTHER, 0},
    {"torch", "float64", NAME_OTHER, 0},
    {"argparse", "Namespace", NAME_OTHER, 0},
    {"collections", "defaultdict", NAME_OTHER, 0},
    {"numpy", "dtype", NAME_OTHER, 0},
    {"numpy.core.multiarray", "scalar", NAME_OTHER, 0},
    {"numpy._core.multiarray", "scalar", NAME_OTHER, 0},
    {"_codecs", "encode", NAME_OTHER, 0},
};

static bool is_text(text_value text, const char *wanted) {
  return text.length == strlen(wanted) && memcmp(text.bytes, wanted, text.length) == 0;
}

const known_name *pl_pickle_known(text_value module, text_value name) {
  for (size_t i = 0; i < sizeof known_names / sizeof known_names[0]; i++) {
    if (is_text(module, known_names[i].module) && is_text(name, known_names[i].name)) return &known_names[i];
  }
  return NULL;
}

static const value *item(const machine *m, const value *of, uint32_t index) { return &m->values[of->items.ids[index]]; }

// ('storage', TYPE, KEY, place, elements[, a view's numbers])
pl_status pl_pickle_storage_of(value *out, const machine *m, const value *id, pl_error *err) {
  if (id->kind != VALUE_TUPLE || id->items.count < 5) {
    return pl_fail(err, PL_E_FORMAT, "a storage is not described as torch.save does");
  }
  const value *word = item(m, id, 0), *type = item(m, id, 1), *key = item(m, id, 2), *elements = item(m, id, 4);
  if (word->kind != VALUE_TEXT || !is_text(word->text, "storage") || type->kind != VALUE_NAME ||
      type->name->meaning != NAME_STORAGE || key->kind != VALUE_TEXT || elements->kind != VALUE_INTEGER ||
      elements->integer < 0) {
    return pl_fail(err, PL_E_FORMAT, "a storage is not described as torch.save does");
  }
  if (id->items.count > 5 && item(m, id, 5)->kind != VALUE_NONE) {
    return pl_fail(err, PL_E_UNSUPPORTED, "it holds views of storages, as PyTorch wrote them before 0.4");
  }
  if (key->text.length == 0 || key->text.length >= PL_PICKLE_NAME_MAX ||
      memchr(key->text.bytes, '\0', key->text.length)) {
    return pl_fail(err, PL_E_FORMAT, "a storage's name makes no sense");
  }
  out->storage = (storage_value){.type = type->name->type, .key = key->text, .elements = elements->integer};
  return PL_OK;
}

// (storage, offset, sizes, strides, ...)
pl_status pl_pickle_tensor_of(value *out, const machine *m, const value *arguments, pl_error *err) {
  if (arguments->items.count < 4) return pl_fail(err, PL_E_FORMAT, "a tensor is not described as torch.save does");
  const value *storage = item(m, arguments, 0), *offset = item(m, arguments, 1);
  const value *sizes = item(m, arguments, 2), *strides = item(m, arguments, 3);
  if (storage->kind != VALUE_STORAGE || offset->kind != VALUE_INTEGER || sizes->kind != VALUE_TUPLE ||
      strides->kind != VALUE_TUPLE || sizes->items.count != strides->items.count) {
    return pl_fail(err, PL_E_FORMAT, "a tensor is not described as torch.save does");
  }
  out->tensor = (tensor_value){.storage = arguments->items.ids[0],
                               .offset = offset->integer,
                               .sizes = arguments->items.ids[2],
                               .strides = arguments->items.ids[3]};
  return PL_OK;
}

// ---------------------------------------------------------------------------------------------------------------------

static pl_status copy_name(char out[PL_PICKLE_NAME_MAX], text_value name, pl_error *err) {
  if (name.length == 0 || name.length >= PL_PICKLE_NAME_MAX || memchr(name.bytes, '\0', name.length) != NULL) {
    return pl_fail(err, PL_E_LIMIT, "a tensor's name is empty or longer than %d bytes", PL_PICKLE_NAME_MAX - 1);
  }
  memcpy(out, name.bytes, name.length);
  out[name.length] = '\0';
  return PL_OK;
}

// The last element that a view reaches, and how many it has; false when that makes no sense.
static bool measure(pl_pickle_tensor *t, const machine *m, const value *sizes, const value *strides) {
  int64_t last = t->offset;
  t->elements = 1;
  for (int i = 0; i < t->rank; i++) {
    const value *size = item(m, sizes, (uint32_t)i), *stride = item(m, strides, (uint32_t)i);
    int64_t reach = 0;
    if (size->kind != VALUE_INTEGER || stride->kind != VALUE_INTEGER || size->integer < 0 || stride->integer < 0)
      return false;
    t->sizes[i] = size->integer;
    t->strides[i] = stride->integer;
    if (__builtin_mul_overflow(t->elements, t->sizes[i], &t->elements)) return false;
    if (t->sizes[i] > 0 && (__builtin_mul_overflow(t->sizes[i] - 1, t->strides[i], &reach) ||
                            __builtin_add_overflow(last, reach, &last))) {
      return false;
    }
  }
  return t->offset >= 0 && t->elements <= t->storage_elements && (t->elements == 0 || last < t->storage_elements);
}

static pl_status fill_tensor(pl_pickle_tensor *out, const machine *m, text_value name, const value *from,
                             pl_error *err) {
  const value *storage = &m->values[from->tensor.storage], *sizes = &m->values[from->tensor.sizes];
  *out = (pl_pickle_tensor){.type = storage->storage.type,
                            .storage_elements = storage->storage.elements,
                            .offset = from->tensor.offset,
                            .rank = (int)sizes->items.count};
  pl_status status = copy_name(out->name, name, err);
  if (status == PL_OK) status = copy_name(out->storage, storage->storage.key, err);
  if (status != PL_OK) return status;
  if (sizes->items.count > PL_PICKLE_RANK_MAX) {
    return pl_fail(err, PL_E_UNSUPPORTED, "tensor %s has %u dimensions", out->name, sizes->items.count);
  }
  if (!measure(out, m, sizes, &m->values[from->tensor.strides])) {
    return pl_fail(err, PL_E_FORMAT, "tensor %s does not lie within its storage", out->name);
  }
  return PL_OK;
}

static uint32_t count_tensors(const machine *m, const value *dict) {
  uint32_t count = 0;
  if (dict->kind != VALUE_DICT) return 0;
  for (uint32_t i = 1; i < dict->items.count; i += 2) count += item(m, dict, i)->kind == VALUE_TENSOR;
  return count;
}

// The member with the tensors: one of the usual names, else the only one that there is.
static pl_status find_member(const value **out, pl_pickle *result, const machine *m, const value *root, pl_error *err) {
  static const char *const usual[] = {"state_dict", "model_state_dict", "model", "net", "weights"};
  const value *found = NULL, *key = NULL;
  uint32_t candidates = 0;
  size_t best = sizeof usual / sizeof usual[0];
  for (uint32_t i = 0; i + 1 < root->items.count; i += 2) {
    const value *name = item(m, root, i), *member = item(m, root, i + 1);
    if (name->kind != VALUE_TEXT || count_tensors(m, member) == 0) continue;
    size_t rank = 0;
    while (rank < sizeof usual / sizeof usual[0] && !is_text(name->text, usual[rank])) rank++;
    candidates++;
    if (found == NULL || rank < best) found = member, key = name, best = rank;
  }
  if (found == NULL) return pl_fail(err, PL_E_FORMAT, "it holds no dictionary of tensors");
  if (candidates > 1 && best == sizeof usual / sizeof usual[0]) {
    return pl_fail(err, PL_E_UNSUPPORTED, "it holds %u dictionaries of tensors; save the one that is meant by itself",
                   candidates);
  }
  *out = found;
  return copy_name(result->within, key->text, err);
}

// Of a name that is there twice the last stays, at its first place, as in Python.
static void add_tensor(pl_pickle *out, const pl_pickle_tensor *tensor) {
  for (size_t i = 0; i < out->count; i++) {
    if (strcmp(out->tensors[i].name, tensor->name) == 0) {
      out->tensors[i] = *tensor;
      return;
    }
  }
  out->tensors[out->count++] = *tensor;
}

static pl_status collect_tensors(pl_pickle *out, const machine *m, const value *dict, pl_error *err) {
  const uint32_t count = count_tensors(m, dict);
  if (count > PL_PICKLE_TENSORS_MAX) return pl_fail(err, PL_E_LIMIT, "it holds %u tensors", count);
  out->tensors = pl_xcalloc(count, sizeof *out->tensors);
  for (uint32_t i = 0; i + 1 < dict->items.count; i += 2) {
    const value *name = item(m, dict, i), *member = item(m, dict, i + 1);
    pl_pickle_tensor tensor;
    if (member->kind != VALUE_TENSOR || name->kind != VALUE_TEXT) {
      out->others++;
      continue;
    }
    pl_status status = fill_tensor(&tensor, m, name->text, member, err);
    if (status != PL_OK) return status;
    add_tensor(out, &tensor);
  }
  return PL_OK;
}

static pl_status collect_texts(pl_pickle *out, const machine *m, const value *list, pl_error *err) {
  if (list->items.count > PL_PICKLE_TENSORS_MAX)
    return pl_fail(err, PL_E_LIMIT, "it lists %u storages", list->items.count);
  out->texts = pl_xcalloc((size_t)list->items.count + 1, sizeof *out->texts);
  for (uint32_t i = 0; i < list->items.count; i++) {
    const value *text = item(m, list, i);
    if (text->kind != VALUE_TEXT) return pl_fail(err, PL_E_FORMAT, "a list has something else than names");
    pl_status status = copy_name(out->texts[out->text_count++], text->text, err);
    if (status != PL_OK) return status;
  }
  return PL_OK;
}

static pl_status collect_storages(pl_pickle *out, const machine *m, pl_error *err) {
  size_t count = 0;
  for (uint32_t i = 0; i < m->value_count; i++) count += m->values[i].kind == VALUE_STORAGE;
  if (count > 4 * PL_PICKLE_TENSORS_MAX) return pl_fail(err, PL_E_LIMIT, "it holds %zu storages", count);
  out->storages = pl_xcalloc(count + 1, sizeof *out->storages);
  for (uint32_t i = 0; i < m->value_count; i++) {
    if (m->values[i].kind != VALUE_STORAGE) continue;
    pl_pickle_storage *s = &out->storages[out->storage_count++];
    s->type = m->values[i].storage.type;
    pl_status status = copy_name(s->key, m->values[i].storage.key, err);
    if (status != PL_OK) return status;
  }
  return PL_OK;
}

static pl_status collect_dict(pl_pickle *out, const machine *m, const value *root, pl_error *err) {
  const value *dict = root;
  pl_status status = PL_OK;
  bool wrapped = count_tensors(m, root) == 0;
  if (wrapped) {
    for (uint32_t i = 1; i < root->items.count && wrapped; i += 2) wrapped = count_tensors(m, item(m, root, i)) == 0;
    if (wrapped) return PL_OK;  // no tensors anywhere: some other dictionary
    status = find_member(&dict, out, m, root, err);
    out->others = root->items.count / 2 - 1;
  }
  return status == PL_OK ? collect_tensors(out, m, dict, err) : status;
}

pl_status pl_pickle_collect(pl_pickle *out, const machine *m, uint32_t root, pl_error *err) {
  const value *v = &m->values[root];
  pl_pickle result = {0};
  pl_status status = PL_OK;
  switch (v->kind) {
    case VALUE_DICT:
      status = collect_storages(&result, m, err);
      if (status == PL_OK) status = collect_dict(&result, m, v, err);
      break;
    case VALUE_LIST: status = collect_texts(&result, m, v, err); break;
    case VALUE_INTEGER:
      result.is_integer = true;
      result.integer = v->integer;
      break;
    default: break;
  }
  if (status != PL_OK) {
    pl_pickle_clear(&result);
    return status;
  }
  *out = result;
  return PL_OK;
}

void pl_pickle_clear(pl_pickle *pickle) {
  free(pickle->tensors);
  free(pickle->storages);
  free(pickle->texts);
  *pickle = (pl_pickle){0};
}
