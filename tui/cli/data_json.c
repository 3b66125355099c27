// The report as JSON.
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "tui/cli/data_report.h"

static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }
static json_t *count(size_t value) { return json_integer((json_int_t)value); }

static json_t *counts_object(const pl_data_report *r) {
  const pl_data_counts *n = &r->counts;
  json_t *o = json_object(), *ages = json_array();
  json_object_set_new(o, "cases", count(n->cases));
  json_object_set_new(o, "train", count(n->train));
  json_object_set_new(o, "test", count(n->test));
  json_object_set_new(o, "positive", count(n->positive));
  json_object_set_new(o, "negative", count(n->negative));
  json_object_set_new(o, "unlabelled", count(n->unlabelled));
  json_object_set_new(o, "bad", count(n->bad));
  json_object_set_new(o, "female", count(n->female));
  json_object_set_new(o, "male", count(n->male));
  json_object_set_new(o, "sex_unknown", count(n->sex_unknown));
  for (int i = 0; i < PL_AGE_BANDS; i++) json_array_append_new(ages, count(n->ages[i]));
  json_object_set_new(o, "age_decades", ages);
  json_object_set_new(o, "age_unknown", count(n->age_unknown));
  json_object_set_new(o, "view_pa", count(n->pa));
  json_object_set_new(o, "view_ap", count(n->ap));
  json_object_set_new(o, "view_other", count(n->view_other));
  json_object_set_new(o, "view_unknown", count(n->view_unknown));
  return o;
}

static json_t *table_object(const pl_data_report *r) {
  const pl_table_counts *t = &r->table_counts;
  json_t *o = json_object();
  json_object_set_new(o, "rows", count(t->rows));
  json_object_set_new(o, "bad_rows", count(t->bad_rows));
  json_object_set_new(o, "images", count(t->images));
  json_object_set_new(o, "positive", count(t->positive));
  json_object_set_new(o, "several_rows", count(t->several));
  json_object_set_new(o, "most_rows", count(t->most_rows));
  json_object_set_new(o, "not_here", count(r->absent));
  return o;
}

static json_t *areas_object(const pl_area_report *a) {
  json_t *o = json_object(), *edges = json_array(), *bins = json_array();
  json_object_set_new(o, "masks", count(a->count));
  json_object_set_new(o, "min", number(a->min));
  json_object_set_new(o, "q05", number(a->q05));
  json_object_set_new(o, "q25", number(a->q25));
  json_object_set_new(o, "median", number(a->median));
  json_object_set_new(o, "q75", number(a->q75));
  json_object_set_new(o, "q95", number(a->q95));
  json_object_set_new(o, "max", number(a->max));
  json_object_set_new(o, "mean", number(a->mean));
  for (size_t i = 0; i < a->bin_count; i++) json_array_append_new(bins, count(a->bins[i]));
  for (size_t i = 0; a->bin_count > 0 && i <= a->bin_count; i++) json_array_append_new(edges, number(a->edges[i]));
  json_object_set_new(o, "edges", edges);
  json_object_set_new(o, "bins", bins);
  return o;
}

// A mask by its case's number, or by its id where there are no cases.
static json_t *mask_of(const pl_data_report *r, size_t index) {
  if (r->cases != NULL) return json_integer(r->cases[index]->number);
  return json_string(r->masks[index].image->id);
}

static json_t *ceiling_object(const pl_data_report *r, size_t k) {
  const pl_ceiling *c = &r->ceilings[k];
  json_t *o = json_object(), *worst = json_array(), *vanished = json_array();
  json_object_set_new(o, "size", count(c->size));
  json_object_set_new(o, "masks", count(c->count));
  json_object_set_new(o, "mean", number(c->mean));
  json_object_set_new(o, "q05", number(c->q05));
  json_object_set_new(o, "min", number(c->min));
  json_object_set_new(o, "mean_nearest", number(c->mean_nearest));
  for (size_t i = 0; i < c->worst_count; i++) {
    const pl_ceiling_score *s = &r->scores[c->worst[i] * r->ceiling_count + k];
    json_t *one = json_object();
    json_object_set_new(one, "case", mask_of(r, c->worst[i]));
    json_object_set_new(one, "dice", number(s->dice));
    json_object_set_new(one, "area", json_integer((json_int_t)s->area));
    json_array_append_new(worst, one);
  }
  for (size_t i = 0; i < r->mask_count; i++) {
    if (r->scores[i * r->ceiling_count + k].vanished) json_array_append_new(vanished, mask_of(r, i));
  }
  json_object_set_new(o, "worst", worst);
  json_object_set_new(o, "vanished", vanished);
  return o;
}

static json_t *duplicates_array(const pl_data_report *r) {
  json_t *groups = json_array();
  for (size_t i = 0; i < r->duplicates.group_count; i++) {
    const pl_duplicate_group *g = &r->duplicates.groups[i];
    json_t *cases = json_array();
    for (size_t k = 0; k < g->count; k++) {
      json_array_append_new(cases, json_integer(r->manifest.cases[r->duplicates.members[g->first + k]].number));
    }
    json_array_append_new(groups, cases);
  }
  return groups;
}

// The counts; 'pleura leaks --json' lists what they are. What is not known is null.
static json_t *leaks_object(const pl_data_report *r) {
  if (!r->leaks_known) return json_null();
  const pl_leak_report *l = &r->leaks;
  json_t *o = json_object();
  json_object_set_new(o, "images", count(l->spread_images));
  json_object_set_new(o, "patients", l->patients_known ? count(l->patient_leaks) : json_null());
  json_object_set_new(o, "copies", l->copies_known ? count(l->copy_count) : json_null());
  return o;
}

pl_status pl_report_json(pl_buf *out, const pl_data_report *report, const char *source, pl_error *err) {
  json_t *o = json_object(), *ceilings = json_array();
  json_object_set_new(o, "format", json_integer(1));
  json_object_set_new(o, "source", json_string(source));  // null when it is not UTF-8
  json_object_set_new(o, "counts", counts_object(report));
  json_object_set_new(o, "table", table_object(report));
  json_object_set_new(o, "areas", areas_object(&report->areas));
  for (size_t k = 0; k < report->ceiling_count; k++) json_array_append_new(ceilings, ceiling_object(report, k));
  json_object_set_new(o, "ceilings", ceilings);
  json_object_set_new(o, "unmeasured", count(report->unmeasured));
  json_object_set_new(o, "duplicates", duplicates_array(report));
  json_object_set_new(o, "leaks", leaks_object(report));
  char *text = json_dumps(o, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
  json_decref(o);
  bool added = text != NULL && pl_buf_add_text(out, text) && pl_buf_add_text(out, "\n");
  free(text);
  return added ? PL_OK : pl_fail(err, PL_E_LIMIT, "the report is too large");
}
