// TensorBoard's event files: records with their lengths and CRC-32C, each a protocol buffer.
#include <math.h>
#include <string.h>

#include "core/run/export.h"

enum { WIRE_VARINT = 0, WIRE_DOUBLE = 1, WIRE_BYTES = 2, WIRE_FLOAT = 5, EVENT_MAX = 4096 };

// CRC-32C (Castagnoli; RFC 3720, B.4), rotated and moved as TensorFlow's masked_crc32c does.
static uint32_t masked_crc(const void *bytes, size_t length) {
  const unsigned char *p = bytes;
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < length; i++) {
    crc ^= p[i];
    for (int b = 0; b < 8; b++) crc = crc >> 1 ^ (0x82f63b78u & (0u - (crc & 1)));
  }
  crc = ~crc;
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static void add_little(pl_buf *out, uint64_t number, size_t length) {
  unsigned char bytes[8];
  for (size_t i = 0; i < length; i++) bytes[i] = (unsigned char)(number >> (8 * i));
  pl_buf_add(out, bytes, length);
}

static void add_varint(pl_buf *out, uint64_t number) {
  for (; number >= 128; number >>= 7) add_little(out, (number & 127) | 128, 1);
  add_little(out, number, 1);
}

static void add_key(pl_buf *out, unsigned field, unsigned wire) { add_varint(out, field << 3 | wire); }

static void add_bytes(pl_buf *out, unsigned field, const void *bytes, size_t length) {
  add_key(out, field, WIRE_BYTES);
  add_varint(out, length);
  pl_buf_add(out, bytes, length);
}

static void add_double(pl_buf *out, unsigned field, double value) {
  uint64_t bits = 0;
  memcpy(&bits, &value, sizeof bits);
  add_key(out, field, WIRE_DOUBLE);
  add_little(out, bits, 8);
}

static void add_float(pl_buf *out, unsigned field, float value) {
  uint32_t bits = 0;
  memcpy(&bits, &value, sizeof bits);
  add_key(out, field, WIRE_FLOAT);
  add_little(out, bits, 4);
}

static void add_record(pl_buf *out, const pl_buf *event) {
  unsigned char length[8];
  for (size_t i = 0; i < sizeof length; i++) length[i] = (unsigned char)((uint64_t)event->length >> (8 * i));
  pl_buf_add(out, length, sizeof length);
  add_little(out, masked_crc(length, sizeof length), 4);
  pl_buf_add(out, event->data, event->length);
  add_little(out, masked_crc(event->data, event->length), 4);
}

// Summary { repeated Value value = 1 }, Value { string tag = 1; float simple_value = 2 }
static void add_scalar(void *context, const char *column, const char *tag, double value) {
  pl_buf *summary = context, scalar;
  (void)column;
  if (tag[0] == '\0' || !isfinite(value)) return;
  pl_buf_init(&scalar, EVENT_MAX);
  add_bytes(&scalar, 1, tag, strlen(tag));
  add_float(&scalar, 2, (float)value);
  add_bytes(summary, 1, scalar.data, scalar.length);
  pl_buf_clear(&scalar);
}

// Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5 }
static void add_event(pl_buf *out, double time, int64_t step, unsigned field, const void *bytes, size_t length) {
  pl_buf event;
  pl_buf_init(&event, 2 * EVENT_MAX);
  add_double(&event, 1, time);
  if (step > 0) {
    add_key(&event, 2, WIRE_VARINT);
    add_varint(&event, (uint64_t)step);
  }
  add_bytes(&event, field, bytes, length);
  add_record(out, &event);
  pl_buf_clear(&event);
}

void pl_export_tfevents(pl_buf *out, const pl_journal_view *view) {
  static const char version[] = "brain.Event:2";
  const double begin = view->epoch_count > 0 ? view->epochs[0].time : view->step_count > 0 ? view->steps[0].time : 0;
  add_event(out, begin, 0, 3, version, strlen(version));
  pl_buf summary;
  pl_buf_init(&summary, EVENT_MAX);
  for (size_t i = 0, e = 0; i < view->step_count || e < view->epoch_count;) {
    // An epoch is evaluated after its last step.
    const bool is_epoch =
        i == view->step_count || (e < view->epoch_count && view->epochs[e].step < view->steps[i].step);
    pl_buf_reset(&summary);
    if (is_epoch) {
      pl_export_epoch_numbers(&view->epochs[e], add_scalar, &summary);
      add_event(out, view->epochs[e].time, view->epochs[e].step, 5, summary.data, summary.length);
      e++;
    } else {
      pl_export_step_numbers(&view->steps[i], add_scalar, &summary);
      add_event(out, view->steps[i].time, view->steps[i].step, 5, summary.data, summary.length);
      i++;
    }
  }
  pl_buf_clear(&summary);
}
