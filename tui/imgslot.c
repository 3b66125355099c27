#include "tui/imgslot.h"

#include <ncurses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "tui/jobs.h"
#include "viewers/sixel_update.h"

// Something moves when a picture follows another within a moment: then each should come soon. A single one may take
// longer. At rest, when no other has come for a while, the best quality follows, in pieces that take no longer than
// this.
static const double moment = 0.5, moving_seconds = 0.08, single_seconds = 0.3, resting_seconds = 0.15,
                    piece_seconds = 0.25;

enum { KEPT_BYTES_MAX = 700 * 1024 };  // of a sequence in tmux, which drops one of a megabyte

typedef struct wanted_slot {
  pl_area area;
  const pl_picture *picture;  // borrowed during a frame
} wanted_slot;

typedef struct shown_slot {
  pl_area area;
  uint64_t serial;   // of the picture that was sent whole
  pl_bitmap bitmap;  // what the terminal shows; empty for unknown
  pl_quality quality;
  uint64_t asked;     // serial of the picture wanted last,
  double asked_time;  // since when,
  bool moving;        // and whether another was wanted a moment before
  size_t kept;        // sequences that a terminal which keeps pictures has for it
} shown_slot;

// Everything that the encoder needs and gives, by value.
typedef struct encoding {
  pl_area area;
  uint64_t serial;
  uint64_t generation;
  pl_bitmap now, shown;  // shown: empty to send all
  bool refine;           // the same picture, better
  double seconds;        // that it may take, unless it is refined
  bool steady;
  pl_quality best, quality;
  pl_caps caps;
  pl_pace pace;
  size_t room;  // for patches, in a terminal that keeps pictures
  pl_sixel_update update;
  size_t sent;  // pieces
  pl_status status;
} encoding;

struct pl_imgslots {
  pl_jobs *encoder;
  wanted_slot wanted[PL_IMGSLOTS_MAX];
  shown_slot shown[PL_IMGSLOTS_MAX];
  size_t wanted_count, shown_count;
  bool working;         // the encoder is
  encoding *ready;      // what it made and is to be sent; NULL for none
  uint64_t generation;  // counts what made slots unknown: what was encoded before builds on sand
  unsigned most_greys;
  pl_quality best;  // that this terminal can show
  bool steady;
};

static bool same_area(pl_area a, pl_area b) { return a.y == b.y && a.x == b.x && a.rows == b.rows && a.cols == b.cols; }

static void encoding_free(encoding *e) {
  if (e == NULL) return;
  pl_bitmap_clear(&e->now);
  pl_bitmap_clear(&e->shown);
  pl_sixel_update_clear(&e->update);
  free(e);
}

pl_status pl_imgslots_create(pl_imgslots **out, unsigned most_greys, pl_error *err) {
  pl_imgslots *slots = pl_xcalloc(1, sizeof *slots);
  slots->most_greys = most_greys > 0 ? most_greys : PL_SIXEL_GREYS_MAX;
  slots->best = (pl_quality){.greys = slots->most_greys};
  const pl_status status = pl_jobs_create(&slots->encoder, 1, err);
  if (status != PL_OK) {
    free(slots);
    return status;
  }
  *out = slots;
  return PL_OK;
}

void pl_imgslots_destroy(pl_imgslots *slots) {
  if (slots == NULL) return;
  pl_jobs_destroy(slots->encoder);
  pl_imgslots_lost(slots);
  encoding_free(slots->ready);
  free(slots);
}

void pl_imgslots_steady(pl_imgslots *slots) { slots->steady = true; }

int pl_imgslots_fd(const pl_imgslots *slots) { return pl_jobs_fd(slots->encoder); }

void pl_imgslots_collect(pl_imgslots *slots) { pl_jobs_collect(slots->encoder); }

// ---- What a frame wants

void pl_imgslots_begin(pl_imgslots *slots) { slots->wanted_count = 0; }

void pl_imgslots_want(pl_imgslots *slots, const pl_canvas *canvas, pl_area area, const pl_picture *picture) {
  if (picture == NULL || picture->serial == 0 || slots->wanted_count == PL_IMGSLOTS_MAX) return;
  if (!pl_picture_is_sixel(picture)) pl_canvas_cells(canvas, area, &picture->cells);
  slots->wanted[slots->wanted_count++] = (wanted_slot){.area = area, .picture = picture};
}

void pl_imgslots_cover(pl_imgslots *slots, pl_area area) {
  size_t kept = 0;
  for (size_t i = 0; i < slots->wanted_count; i++) {
    // Half blocks are characters: what is written over them wins without our help.
    const bool hidden = pl_picture_is_sixel(slots->wanted[i].picture) && pl_area_overlap(slots->wanted[i].area, area);
    if (!hidden) slots->wanted[kept++] = slots->wanted[i];
  }
  slots->wanted_count = kept;
}

size_t pl_imgslots_count(const pl_imgslots *slots) { return slots->wanted_count; }

pl_area pl_imgslots_area(const pl_imgslots *slots, size_t index, const pl_picture **picture) {
  *picture = slots->wanted[index].picture;
  return slots->wanted[index].area;
}

static const wanted_slot *find_wanted(const pl_imgslots *slots, pl_area area) {
  for (size_t i = 0; i < slots->wanted_count; i++) {
    if (same_area(slots->wanted[i].area, area) && pl_picture_is_sixel(slots->wanted[i].picture))
      return &slots->wanted[i];
  }
  return NULL;
}

static shown_slot *find_shown(pl_imgslots *slots, pl_area area) {
  for (size_t i = 0; i < slots->shown_count; i++) {
    if (same_area(slots->shown[i].area, area)) return &slots->shown[i];
  }
  return NULL;
}

// ---- What the terminal shows

// What was encoded for a slot may rest on what is no longer there.
static void forget(pl_imgslots *slots, shown_slot *slot) {
  pl_bitmap_clear(&slot->bitmap);
  slot->serial = 0;
  slot->kept = 0;
  slots->generation++;
  encoding_free(slots->ready);
  slots->ready = NULL;
}

void pl_imgslots_lost(pl_imgslots *slots) {
  for (size_t i = 0; i < slots->shown_count; i++) forget(slots, &slots->shown[i]);
  slots->shown_count = 0;
}

void pl_imgslots_before_update(pl_imgslots *slots, struct _win_st *window) {
  size_t kept = 0;
  pl_area gone[PL_IMGSLOTS_MAX];
  size_t gone_count = 0;
  for (size_t i = 0; i < slots->shown_count; i++) {
    if (find_wanted(slots, slots->shown[i].area) != NULL) {
      slots->shown[kept++] = slots->shown[i];
    } else {
      gone[gone_count++] = slots->shown[i].area;
      forget(slots, &slots->shown[i]);
      wredrawln(window, slots->shown[i].area.y, slots->shown[i].area.rows);
    }
  }
  slots->shown_count = kept;
  // Whole lines are rewritten, so a picture beside the one that went away has to come again.
  for (size_t i = 0; i < slots->shown_count; i++) {
    for (size_t j = 0; j < gone_count; j++) {
      const pl_area lines = {gone[j].y, slots->shown[i].area.x, gone[j].rows, slots->shown[i].area.cols};
      if (pl_area_overlap(slots->shown[i].area, lines)) forget(slots, &slots->shown[i]);
    }
  }
}

pl_quality pl_imgslots_quality(const pl_imgslots *slots) {
  pl_quality worst = slots->best;
  for (size_t i = 0; i < slots->shown_count; i++) {
    if (slots->shown[i].bitmap.pixels != NULL) worst = pl_quality_worse(worst, slots->shown[i].quality);
  }
  return worst;
}

// ---- Encoding, on the encoder's thread

// A picture that takes long comes in pieces, so that text gets through between them.
static unsigned rows_of_a_piece(const encoding *e, size_t pixels) {
  if (e->steady || e->pace.bytes_per_second <= 0 || e->caps.keeps_pictures > 0) return 0;
  const double seconds = pl_pace_bytes(&e->pace, e->quality, pixels) / e->pace.bytes_per_second;
  return seconds > 2 * piece_seconds ? (unsigned)(e->area.rows * piece_seconds / seconds) + 1 : 0;
}

// A terminal that keeps pictures keeps every patch too, so that too many of them push out the picture below.
static pl_status fit_what_is_kept(encoding *e, pl_sixel_order *order, pl_error *err) {
  pl_status status = PL_OK;
  if (order->shown != NULL && e->update.count > e->room) {
    pl_sixel_update_clear(&e->update);
    pl_bitmap_clear(&e->shown);
    order->shown = NULL;
    status = pl_sixel_update_make(&e->update, order, err);
  }
  const size_t bytes = e->update.bytes.length, rows = (size_t)e->area.rows;
  if (status != PL_OK || order->shown != NULL || bytes <= KEPT_BYTES_MAX) return status;
  const size_t pieces = bytes / KEPT_BYTES_MAX + 1;
  order->piece_rows = (unsigned)((rows + pieces - 1) / pieces);
  pl_sixel_update_clear(&e->update);
  return pl_sixel_update_make(&e->update, order, err);
}

static void work(void *data) {
  encoding *e = data;
  const bool known = e->shown.pixels != NULL;
  const size_t pixels = known ? pl_sixel_changed(&e->now, &e->shown) : (size_t)e->now.width * e->now.height;
  e->quality = e->best;
  if (!e->steady && !e->refine) e->quality = pl_pace_choose(&e->pace, pixels, e->best.greys, e->seconds);
  pl_sixel_order order = {.now = &e->now,
                          .shown = known ? &e->shown : NULL,
                          .cell_width = e->caps.cell_width,
                          .cell_height = e->caps.cell_height,
                          .composes = e->caps.composes,
                          .piece_rows = e->refine ? rows_of_a_piece(e, pixels) : 0,
                          .options = pl_sixel_options_for(&e->caps, e->quality.greys)};
  order.options.halved = e->quality.halved;
  pl_error err;
  e->status = pl_sixel_update_make(&e->update, &order, &err);
  if (e->status == PL_OK && e->caps.keeps_pictures > 0) e->status = fit_what_is_kept(e, &order, &err);
  if (e->status == PL_OK) pl_pace_made(&e->pace, e->quality, pixels, e->update.bytes.length);
}

static void done(void *owner, void *data) {
  pl_imgslots *slots = owner;
  encoding *e = data;
  slots->working = false;
  const bool builds_on_sand = e->shown.pixels != NULL && e->generation != slots->generation;
  if (builds_on_sand) {
    encoding_free(e);
    return;
  }
  encoding_free(slots->ready);
  slots->ready = e;
}

static void drop(void *data) { encoding_free(data); }

static pl_status copy_bitmap(pl_bitmap *out, const pl_bitmap *from) {
  if (from->pixels == NULL) return PL_OK;
  const pl_status status = pl_bitmap_init(out, from->width, from->height, NULL);
  if (status == PL_OK) memcpy(out->pixels, from->pixels, (size_t)from->width * from->height * sizeof *from->pixels);
  return status;
}

// How many patches a terminal that keeps pictures has room for.
static size_t room_left(const pl_imgslots *slots, const pl_caps *caps) {
  size_t kept = 0;
  for (size_t i = 0; i < slots->shown_count; i++) kept += slots->shown[i].kept;
  return kept < caps->keeps_pictures ? caps->keeps_pictures - kept : 0;
}

static void encode(pl_imgslots *slots, const wanted_slot *wanted, const shown_slot *shown, bool refine,
                   const pl_caps *caps, const pl_pace *pace) {
  const pl_bitmap *now = &wanted->picture->bitmap;
  const bool same_size = shown->bitmap.width == now->width && shown->bitmap.height == now->height;
  encoding *e = pl_xcalloc(1, sizeof *e);
  *e = (encoding){.area = wanted->area,
                  .serial = wanted->picture->serial,
                  .generation = slots->generation,
                  .refine = refine,
                  .seconds = shown->moving ? moving_seconds : single_seconds,
                  .steady = slots->steady,
                  .best = slots->best,
                  .caps = *caps,
                  .pace = *pace,
                  .room = room_left(slots, caps)};
  pl_status status = copy_bitmap(&e->now, now);
  if (status == PL_OK && same_size && !refine) status = copy_bitmap(&e->shown, &shown->bitmap);
  if (status != PL_OK) {
    encoding_free(e);  // no memory now; the next frame tries again
    return;
  }
  slots->working = true;
  pl_jobs_submit(slots->encoder, &(pl_job){.work = work, .done = done, .drop = drop, .owner = slots, .data = e});
}

// ---- Sending

// Blanks make a terminal that keeps pictures forget what it has there.
static void add_blanks(pl_buf *out, pl_area area) {
  pl_buf_add_text(out, "\x1b[m");
  for (int y = 0; y < area.rows; y++) pl_buf_printf(out, "\x1b[%d;%dH%*s", area.y + y + 1, area.x + 1, area.cols, "");
}

// True when all pieces are with the link.
static bool send_pieces(encoding *e, pl_link *link, double now) {
  while (e->sent < e->update.count) {
    if (!pl_link_free(link, now)) return false;
    const pl_sixel_piece *piece = &e->update.pieces[e->sent++];
    const int row = e->area.y + piece->area.y / (int)e->caps.cell_height;
    const int column = e->area.x + piece->area.x / (int)e->caps.cell_width;
    pl_buf bytes;
    const bool replaces = e->caps.keeps_pictures > 0 && e->shown.pixels == NULL && e->sent == 1;
    pl_buf_init(&bytes, piece->length + 64 + (replaces ? (size_t)e->area.rows * ((size_t)e->area.cols + 32) : 0));
    pl_buf_add_text(&bytes, "\x1b\x37");
    if (replaces) add_blanks(&bytes, e->area);
    pl_buf_printf(&bytes, "\x1b[%d;%dH", row + 1, column + 1);
    pl_buf_add(&bytes, e->update.bytes.data + piece->first, piece->length);
    pl_buf_add_text(&bytes, "\x1b\x38");
    pl_link_put(link, bytes.data, bytes.length, now);
    pl_link_mark(link, now);
    pl_buf_clear(&bytes);
  }
  return true;
}

static void take_over(encoding *e, shown_slot *slot, pl_pace *pace) {
  if (e->status != PL_OK) {
    // It cannot be shown, and would not be the next time.
    pl_bitmap_clear(&slot->bitmap);
    slot->serial = e->serial;
    slot->quality = e->best;
    return;
  }
  const bool whole = e->shown.pixels == NULL;
  slot->quality = whole ? e->quality : pl_quality_worse(slot->quality, e->quality);
  slot->kept = e->update.count + (whole ? 0 : slot->kept);
  slot->serial = e->serial;
  pl_bitmap_clear(&slot->bitmap);
  slot->bitmap = e->now;
  e->now = (pl_bitmap){0};
  pace->noise = e->pace.noise;
}

// False while the link must be waited for.
static bool send_ready(pl_imgslots *slots, pl_link *link, double now) {
  encoding *e = slots->ready;
  if (e == NULL) return true;
  const wanted_slot *wanted = find_wanted(slots, e->area);
  shown_slot *slot = find_shown(slots, e->area);
  // A better version of what is no longer wanted.
  const bool stale = wanted == NULL || slot == NULL || (e->refine && wanted->picture->serial != e->serial);
  if (!stale) {
    if (!send_pieces(e, link, now)) return false;
    take_over(e, slot, pl_link_pace(link));
  }
  encoding_free(e);
  slots->ready = NULL;
  return true;
}

static bool fits(const wanted_slot *one, const pl_caps *caps, pl_area screen) {
  return one->picture->width <= (uint32_t)one->area.cols * caps->cell_width &&
         one->picture->height <= (uint32_t)one->area.rows * caps->cell_height && pl_area_inside(one->area, screen) &&
         one->area.y + one->area.rows < screen.y + screen.rows;
}

bool pl_imgslots_after_update(pl_imgslots *slots, pl_link *link, const pl_caps *caps, pl_area screen, double now) {
  const pl_sixel_options options = pl_sixel_options_for(caps, slots->most_greys);
  slots->best = (pl_quality){.greys = pl_sixel_greys(&options)};
  bool complete = send_ready(slots, link, now);
  for (size_t i = 0; i < slots->wanted_count; i++) {
    const wanted_slot *one = &slots->wanted[i];
    // One that was made for another size is followed by the right one.
    if (!pl_picture_is_sixel(one->picture) || !fits(one, caps, screen)) continue;
    shown_slot *slot = find_shown(slots, one->area);
    if (slot == NULL && slots->shown_count < PL_IMGSLOTS_MAX) {
      slot = &slots->shown[slots->shown_count++];
      *slot = (shown_slot){.area = one->area};
    }
    if (slot == NULL) continue;
    if (slot->asked != one->picture->serial) {
      slot->moving = slot->asked != 0 && now - slot->asked_time < moment;
      slot->asked = one->picture->serial;
      slot->asked_time = now;
    }
    const bool is_there = slot->serial == one->picture->serial;
    if (is_there && pl_quality_equal(slot->quality, slots->best)) continue;
    const bool due = !is_there || now - slot->asked_time >= resting_seconds;
    if (due && slots->ready == NULL && !slots->working && pl_link_free(link, now)) {
      encode(slots, one, slot, is_there, caps, pl_link_pace(link));
    }
    complete = false;
  }
  return complete;
}

int pl_imgslots_wait(const pl_imgslots *slots, double now) {
  double soonest = -1;
  for (size_t i = 0; i < slots->shown_count; i++) {
    const shown_slot *slot = &slots->shown[i];
    if (slot->serial == 0 || slot->serial != slot->asked || pl_quality_equal(slot->quality, slots->best)) continue;
    const double left = slot->asked_time + resting_seconds - now;
    if (left > 0 && (soonest < 0 || left < soonest)) soonest = left;
  }
  return soonest < 0 ? -1 : (int)(soonest * 1000) + 1;
}
