#include "core/net/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/net/pickle_private.h"

// A network of a thousand tensors needs some 30,000 values and 10,000 memories.
enum { VALUES_MAX = 1 << 22, MEMO_MAX = 1 << 22, NO_VALUE = -1 };

// ---------------------------------------------------------------------------------------------------------------------
// Bytes.

static pl_status cut_off(pl_error *err) {
  return pl_fail(err, PL_E_FORMAT, "the pickle ends too early: it was cut off");
}

static pl_status take(const unsigned char **out, machine *m, size_t length, pl_error *err) {
  if (length > m->length - m->at) return cut_off(err);
  *out = m->bytes + m->at;
  m->at += length;
  return PL_OK;
}

// A little-endian number of 1 to 8 bytes.
static pl_status take_number(uint64_t *out, machine *m, size_t length, pl_error *err) {
  const unsigned char *bytes = NULL;
  pl_status status = take(&bytes, m, length, err);
  if (status != PL_OK) return status;
  *out = 0;
  for (size_t i = length; i > 0; i--) *out = *out << 8 | bytes[i - 1];
  return PL_OK;
}

static pl_status take_text(text_value *out, machine *m, size_t length_bytes, pl_error *err) {
  uint64_t length = 0;
  const unsigned char *bytes = NULL;
  pl_status status = take_number(&length, m, length_bytes, err);
  if (status == PL_OK && length > m->length) return cut_off(err);
  if (status == PL_OK) status = take(&bytes, m, (size_t)length, err);
  if (status == PL_OK) *out = (text_value){.bytes = (const char *)bytes, .length = (size_t)length};
  return status;
}

static pl_status take_line(text_value *out, machine *m, pl_error *err) {
  const unsigned char *begin = m->bytes + m->at;
  const unsigned char *end = memchr(begin, '\n', m->length - m->at);
  if (end == NULL) return cut_off(err);
  *out = (text_value){.bytes = (const char *)begin, .length = (size_t)(end - begin)};
  m->at += out->length + 1;
  return PL_OK;
}

// ---------------------------------------------------------------------------------------------------------------------
// Values and the stack.

static void grow(uint32_t **ids, uint32_t *capacity, uint32_t wanted) {
  if (wanted <= *capacity) return;
  *capacity = wanted > *capacity * 2 ? wanted : *capacity * 2;
  *ids = pl_xrealloc(*ids, *capacity, sizeof **ids);
}

static pl_status push_id(machine *m, uint32_t id, pl_error *err) {
  if (m->depth >= VALUES_MAX) return pl_fail(err, PL_E_LIMIT, "the pickle holds too much");
  grow(&m->stack, &m->stack_capacity, m->depth + 1);
  m->stack[m->depth++] = id;
  return PL_OK;
}

static pl_status push(machine *m, const value *v, pl_error *err) {
  if (m->value_count >= VALUES_MAX) return pl_fail(err, PL_E_LIMIT, "the pickle holds too many values");
  if (m->value_count == m->value_capacity) {
    m->value_capacity = m->value_capacity == 0 ? 1024 : m->value_capacity * 2;
    m->values = pl_xrealloc(m->values, m->value_capacity, sizeof *m->values);
  }
  m->values[m->value_count] = *v;
  return push_id(m, m->value_count++, err);
}

static pl_status push_kind(machine *m, value_kind kind, pl_error *err) {
  const value v = {.kind = kind};
  return push(m, &v, err);
}

static pl_status push_integer(machine *m, int64_t integer, pl_error *err) {
  const value v = {.kind = VALUE_INTEGER, .integer = integer};
  return push(m, &v, err);
}

// Nothing is popped from below the innermost mark.
static pl_status pop(uint32_t *out, machine *m, pl_error *err) {
  const uint32_t floor = m->mark_count > 0 ? m->marks[m->mark_count - 1] : 0;
  if (m->depth <= floor)
    return pl_fail(err, PL_E_FORMAT, "the pickle is damaged: its stack is empty at byte %zu", m->at);
  *out = m->stack[--m->depth];
  return PL_OK;
}

static pl_status top_of(value **out, const machine *m, pl_error *err) {
  if (m->depth == 0) return pl_fail(err, PL_E_FORMAT, "the pickle is damaged: its stack is empty at byte %zu", m->at);
  *out = &m->values[m->stack[m->depth - 1]];
  return PL_OK;
}

static void add_items(value *to, const uint32_t *ids, uint32_t count) {
  grow(&to->items.ids, &to->items.capacity, to->items.count + count);
  if (count > 0) memcpy(to->items.ids + to->items.count, ids, count * sizeof *ids);
  to->items.count += count;
}

// Where the values since the last mark begin; forgets the mark.
static pl_status unmark(uint32_t *begin, machine *m, pl_error *err) {
  if (m->mark_count == 0) return pl_fail(err, PL_E_FORMAT, "the pickle is damaged: no mark at byte %zu", m->at);
  *begin = m->marks[--m->mark_count];
  return PL_OK;
}

// A new tuple, list or dictionary of everything from `begin` on.
static pl_status gather(machine *m, value_kind kind, uint32_t begin, pl_error *err) {
  value made = {.kind = kind};
  if (kind == VALUE_DICT && (m->depth - begin) % 2 != 0) {
    return pl_fail(err, PL_E_FORMAT, "the pickle is damaged: a key without a value at byte %zu", m->at);
  }
  add_items(&made, m->stack + begin, m->depth - begin);
  m->depth = begin;
  pl_status status = push(m, &made, err);
  if (status != PL_OK) free(made.items.ids);
  return status;
}

static pl_status gather_marked(machine *m, value_kind kind, pl_error *err) {
  uint32_t begin = 0;
  pl_status status = unmark(&begin, m, err);
  return status == PL_OK ? gather(m, kind, begin, err) : status;
}

static pl_status gather_last(machine *m, uint32_t count, pl_error *err) {
  const uint32_t floor = m->mark_count > 0 ? m->marks[m->mark_count - 1] : 0;
  if (m->depth - floor < count)
    return pl_fail(err, PL_E_FORMAT, "the pickle is damaged: a tuple of nothing at byte %zu", m->at);
  return gather(m, VALUE_TUPLE, m->depth - count, err);
}

// Moves what is above `begin` into the list or dictionary below it. Attributes set on what is passed over are, too.
static pl_status extend(machine *m, uint32_t begin, value_kind kind, pl_error *err) {
  if (begin == 0) return pl_fail(err, PL_E_FORMAT, "the pickle is damaged: nothing to add to at byte %zu", m->at);
  value *to = &m->values[m->stack[begin - 1]];
  if (to->kind != VALUE_OTHER && to->kind != kind) {
    return pl_fail(err, PL_E_FORMAT, "the pickle is damaged: cannot add to that at byte %zu", m->at);
  }
  if (kind == VALUE_DICT && (m->depth - begin) % 2 != 0) {
    return pl_fail(err, PL_E_FORMAT, "the pickle is damaged: a key without a value at byte %zu", m->at);
  }
  if (to->kind == kind) add_items(to, m->stack + begin, m->depth - begin);
  m->depth = begin;
  return PL_OK;
}

static pl_status extend_marked(machine *m, value_kind kind, pl_error *err) {
  uint32_t begin = 0;
  pl_status status = unmark(&begin, m, err);
  return status == PL_OK ? extend(m, begin, kind, err) : status;
}

static pl_status extend_last(machine *m, uint32_t count, value_kind kind, pl_error *err) {
  const uint32_t floor = m->mark_count > 0 ? m->marks[m->mark_count - 1] : 0;
  if (m->depth - floor < count + 1)
    return pl_fail(err, PL_E_FORMAT, "the pickle is damaged: nothing to add at byte %zu", m->at);
  return extend(m, m->depth - count, kind, err);
}

// ---------------------------------------------------------------------------------------------------------------------
// Memory, names, calls.

static pl_status remember(machine *m, uint64_t slot, pl_error *err) {
  if (slot >= MEMO_MAX) return pl_fail(err, PL_E_LIMIT, "the pickle remembers too much");
  if (m->depth == 0) return pl_fail(err, PL_E_FORMAT, "the pickle is damaged: nothing to remember at byte %zu", m->at);
  const uint32_t wanted = (uint32_t)slot + 1;
  grow(&m->memo, &m->memo_capacity, wanted);
  while (m->memo_count < wanted) m->memo[m->memo_count++] = (uint32_t)NO_VALUE;
  m->memo[slot] = m->stack[m->depth - 1];
  return PL_OK;
}

static pl_status recall(machine *m, uint64_t slot, pl_error *err) {
  if (slot >= m->memo_count || m->memo[slot] == (uint32_t)NO_VALUE) {
    return pl_fail(err, PL_E_FORMAT, "the pickle is damaged: it recalls what it did not remember, at byte %zu", m->at);
  }
  return push_id(m, m->memo[slot], err);
}

static pl_status push_name(machine *m, text_value module, text_value name, pl_error *err) {
  const value v = {.kind = VALUE_NAME, .name = pl_pickle_known(module, name)};
  if (v.name != NULL) return push(m, &v, err);
  char first[96], second[96];
  (void)pl_safe_text(first, sizeof first, module.bytes, module.length);
  (void)pl_safe_text(second, sizeof second, name.bytes, name.length);
  return pl_fail(err, PL_E_UNSUPPORTED,
                 "it wants %s.%s of Python, and only tensors are read here. Of a whole model save the tensors: "
                 "torch.save(model.state_dict(), FILE)",
                 first, second);
}

static pl_status push_stacked_name(machine *m, pl_error *err) {
  uint32_t name = 0, module = 0;
  pl_status status = pop(&name, m, err);
  if (status == PL_OK) status = pop(&module, m, err);
  if (status != PL_OK) return status;
  if (m->values[name].kind != VALUE_TEXT || m->values[module].kind != VALUE_TEXT) {
    return pl_fail(err, PL_E_FORMAT, "the pickle is damaged: a name that is no text at byte %zu", m->at);
  }
  return push_name(m, m->values[module].text, m->values[name].text, err);
}

static pl_status push_storage(machine *m, pl_error *err) {
  uint32_t id = 0;
  value storage = {.kind = VALUE_STORAGE};
  pl_status status = pop(&id, m, err);
  if (status == PL_OK) status = pl_pickle_storage_of(&storage, m, &m->values[id], err);
  return status == PL_OK ? push(m, &storage, err) : status;
}

// What a known name makes of its arguments; nothing is called.
static pl_status call(machine *m, pl_error *err) {
  uint32_t argument = 0, callee = 0;
  pl_status status = pop(&argument, m, err);
  if (status == PL_OK) status = pop(&callee, m, err);
  if (status != PL_OK) return status;
  const value *arguments = &m->values[argument], *of = &m->values[callee];
  if (of->kind == VALUE_OTHER) return push_kind(m, VALUE_OTHER, err);
  if (of->kind != VALUE_NAME || arguments->kind != VALUE_TUPLE) {
    return pl_fail(err, PL_E_FORMAT, "the pickle is damaged: it calls what cannot be called, at byte %zu", m->at);
  }
  value made = {.kind = VALUE_TENSOR};
  switch (of->name->meaning) {
    case NAME_TENSOR:
      status = pl_pickle_tensor_of(&made, m, arguments, err);
      return status == PL_OK ? push(m, &made, err) : status;
    case NAME_PARAMETER:
      if (arguments->items.count == 0)
        return pl_fail(err, PL_E_FORMAT, "a parameter without a tensor at byte %zu", m->at);
      return push_id(m, arguments->items.ids[0], err);
    case NAME_DICT:
      if (arguments->items.count != 0) return push_kind(m, VALUE_OTHER, err);
      return push_kind(m, VALUE_DICT, err);
    case NAME_STORAGE:
    case NAME_OTHER: return push_kind(m, VALUE_OTHER, err);
  }
  return PL_E_INTERNAL;
}

// ---------------------------------------------------------------------------------------------------------------------
// Instructions.

static pl_status push_text(machine *m, size_t length_bytes, pl_error *err) {
  value v = {.kind = VALUE_TEXT};
  pl_status status = take_text(&v.text, m, length_bytes, err);
  return status == PL_OK ? push(m, &v, err) : status;
}

// Numbers of more than 8 bytes are passed over.
static pl_status push_long(machine *m, size_t length_bytes, pl_error *err) {
  text_value digits = {0};
  pl_status status = take_text(&digits, m, length_bytes, err);
  if (status != PL_OK) return status;
  if (digits.length > 8) return push_kind(m, VALUE_OTHER, err);
  const unsigned char *bytes = (const unsigned char *)digits.bytes;
  uint64_t number = digits.length > 0 && (bytes[digits.length - 1] & 0x80) != 0 ? UINT64_MAX : 0;
  for (size_t i = digits.length; i > 0; i--) number = number << 8 | bytes[i - 1];
  return push_integer(m, (int64_t)number, err);
}

static pl_status push_number(machine *m, size_t length, pl_error *err) {
  uint64_t number = 0;
  pl_status status = take_number(&number, m, length, err);
  return status == PL_OK ? push_integer(m, length == 4 ? (int32_t)(uint32_t)number : (int64_t)number, err) : status;
}

static pl_status pass_over(machine *m, size_t length, pl_error *err) {
  const unsigned char *bytes = NULL;
  return take(&bytes, m, length, err);
}

static pl_status with_number(machine *m, size_t length, pl_status (*act)(machine *, uint64_t, pl_error *),
                             pl_error *err) {
  uint64_t number = 0;
  pl_status status = take_number(&number, m, length, err);
  return status == PL_OK ? act(m, number, err) : status;
}

static pl_status push_global(machine *m, pl_error *err) {
  text_value module = {0}, name = {0};
  pl_status status = take_line(&module, m, err);
  if (status == PL_OK) status = take_line(&name, m, err);
  return status == PL_OK ? push_name(m, module, name, err) : status;
}

static pl_status push_mark(machine *m, pl_error *err) {
  if (m->mark_count >= VALUES_MAX) return pl_fail(err, PL_E_LIMIT, "the pickle holds too much");
  grow(&m->marks, &m->mark_capacity, m->mark_count + 1);
  m->marks[m->mark_count++] = m->depth;
  return PL_OK;
}

static pl_status push_float(machine *m, pl_error *err) {
  pl_status status = pass_over(m, 8, err);
  return status == PL_OK ? push_kind(m, VALUE_OTHER, err) : status;
}

// The state of an object, such as a dictionary's attributes: passed over.
static pl_status drop(machine *m, pl_error *err) {
  uint32_t state = 0;
  value *object = NULL;
  pl_status status = pop(&state, m, err);
  return status == PL_OK ? top_of(&object, m, err) : status;
}

// One instruction but the last, by Python's names.
static pl_status step(machine *m, unsigned char code, pl_error *err) {
  switch (code) {
    case 0x80: return pass_over(m, 1, err);               // PROTO
    case 0x95: return pass_over(m, 8, err);               // FRAME
    case '(': return push_mark(m, err);                   // MARK
    case 'N': return push_kind(m, VALUE_NONE, err);       // NONE
    case 0x88: return push_integer(m, 1, err);            // NEWTRUE
    case 0x89: return push_integer(m, 0, err);            // NEWFALSE
    case 'K': return push_number(m, 1, err);              // BININT1
    case 'M': return push_number(m, 2, err);              // BININT2
    case 'J': return push_number(m, 4, err);              // BININT
    case 0x8a: return push_long(m, 1, err);               // LONG1
    case 0x8b: return push_long(m, 4, err);               // LONG4
    case 'G': return push_float(m, err);                  // BINFLOAT
    case 0x8c:                                            // SHORT_BINUNICODE
    case 'U':                                             // SHORT_BINSTRING
    case 'C': return push_text(m, 1, err);                // SHORT_BINBYTES
    case 'X':                                             // BINUNICODE
    case 'T':                                             // BINSTRING
    case 'B': return push_text(m, 4, err);                // BINBYTES
    case 0x8d:                                            // BINUNICODE8
    case 0x8e: return push_text(m, 8, err);               // BINBYTES8
    case ')': return push_kind(m, VALUE_TUPLE, err);      // EMPTY_TUPLE
    case ']': return push_kind(m, VALUE_LIST, err);       // EMPTY_LIST
    case '}': return push_kind(m, VALUE_DICT, err);       // EMPTY_DICT
    case 0x8f: return push_kind(m, VALUE_OTHER, err);     // EMPTY_SET
    case 't': return gather_marked(m, VALUE_TUPLE, err);  // TUPLE
    case 'l': return gather_marked(m, VALUE_LIST, err);   // LIST
    case 'd': return gather_marked(m, VALUE_DICT, err);   // DICT
    case 0x85: return gather_last(m, 1, err);             // TUPLE1
    case 0x86: return gather_last(m, 2, err);             // TUPLE2
    case 0x87: return gather_last(m, 3, err);             // TUPLE3
    case 'a': return extend_last(m, 1, VALUE_LIST, err);  // APPEND
    case 's': return extend_last(m, 2, VALUE_DICT, err);  // SETITEM
    case 'e':                                             // APPENDS
    case 0x90: return extend_marked(m, VALUE_LIST, err);  // ADDITEMS
    case 'u': return extend_marked(m, VALUE_DICT, err);   // SETITEMS
    case 'q': return with_number(m, 1, remember, err);    // BINPUT
    case 'r': return with_number(m, 4, remember, err);    // LONG_BINPUT
    case 0x94: return remember(m, m->memo_count, err);    // MEMOIZE
    case 'h': return with_number(m, 1, recall, err);      // BINGET
    case 'j': return with_number(m, 4, recall, err);      // LONG_BINGET
    case 'c': return push_global(m, err);                 // GLOBAL
    case 0x93: return push_stacked_name(m, err);          // STACK_GLOBAL
    case 'Q': return push_storage(m, err);                // BINPERSID
    case 'R':                                             // REDUCE
    case 0x81: return call(m, err);                       // NEWOBJ
    case 'b': return drop(m, err);                        // BUILD
    default:
      return pl_fail(err, PL_E_UNSUPPORTED,
                     "it has the pickle instruction 0x%02x at byte %zu, which torch.save does not write", code,
                     m->at - 1);
  }
}

static void clear_machine(machine *m) {
  for (uint32_t i = 0; i < m->value_count; i++) {
    const value_kind kind = m->values[i].kind;
    if (kind == VALUE_TUPLE || kind == VALUE_LIST || kind == VALUE_DICT) free(m->values[i].items.ids);
  }
  free(m->values);
  free(m->stack);
  free(m->marks);
  free(m->memo);
}

pl_status pl_pickle_read(pl_pickle *out, const void *bytes, size_t length, size_t *used, pl_error *err) {
  machine m = {.bytes = bytes, .length = length};
  pl_status status =
      length > 0 && m.bytes[0] == 0x80 ? PL_OK : pl_fail(err, PL_E_FORMAT, "it is no pickle of PyTorch's");
  bool ended = false;
  while (status == PL_OK && !ended) {
    const unsigned char *code = NULL;
    status = take(&code, &m, 1, err);
    if (status != PL_OK) break;
    ended = *code == '.';
    if (!ended) status = step(&m, *code, err);
  }
  uint32_t root = 0;
  if (status == PL_OK) status = pop(&root, &m, err);
  if (status == PL_OK) status = pl_pickle_collect(out, &m, root, err);
  if (status == PL_OK && used != NULL) *used = m.at;
  clear_machine(&m);
  return status;
}
