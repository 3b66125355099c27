#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/fs.h"
#include "core/base/str.h"
#include "tui/screens/runs_private.h"
#include "viewers/colormap.h"

static void close_run(pl_compared *place) {
  pl_long_journal_stop(place->reading);
  pl_journal_reader_destroy(place->journal);
  pl_run_curves_clear(&place->curves);
  *place = (pl_compared){.journal = NULL};
}

// The place of a run among those whose journals are open; opens it in place of one that is no longer compared.
static pl_compared *open_run(pl_runs *self, const pl_run_summary *run, const pl_run_summary *const *runs,
                             size_t count) {
  pl_compared *free_place = NULL;
  for (size_t i = 0; i < PL_RUNS_COMPARED; i++) {
    pl_compared *place = &self->compared[i];
    bool used = false;
    if (strcmp(place->folder, run->folder) == 0) return place;
    for (size_t k = 0; k < count; k++) used = used || strcmp(place->folder, runs[k]->folder) == 0;
    if (!used) free_place = place;
  }
  close_run(free_place);
  free_place->screen = self;
  (void)pl_copy_text(free_place->folder, sizeof free_place->folder, run->folder);
  free_place->journal = pl_journal_reader_create(run->folder);
  return free_place;
}

static void journal_read(void *owner, pl_journal_reader *reader) {
  pl_compared *place = owner;
  place->reading = NULL;
  place->journal = reader;
  place->unreadable = pl_journal_reader_update(reader, NULL, NULL) != PL_OK;
  pl_runs_ask_chart(place->screen);
}

// What cannot be read of a run stays unknown.
static void read_journal(pl_compared *place) {
  if (place->reading != NULL) return;
  if (place->unreadable || pl_journal_reader_unread(place->journal) <= PL_LONG_JOURNAL_BYTES) {
    (void)pl_journal_reader_update(place->journal, NULL, NULL);
    return;
  }
  place->reading = pl_long_journal_read(place->screen->app->jobs, place->journal, place, journal_read);
  place->journal = NULL;
}

double pl_runs_reading(const pl_runs *self, const char **name) {
  for (size_t i = 0; i < PL_RUNS_COMPARED; i++) {
    if (self->compared[i].reading == NULL) continue;
    *name = pl_path_base(self->compared[i].folder);
    return pl_long_journal_share(self->compared[i].reading);
  }
  return (double)NAN;
}

static void add_line(pl_runs *self, pl_plot_content *content, const pl_run_summary *run, pl_compared *place) {
  const pl_journal_view journal =
      place->journal != NULL ? pl_journal_reader_view(place->journal) : (pl_journal_view){0};
  const pl_curves_wanted wanted = {.journal = &journal,
                                   .steps_per_epoch = pl_steps_per_epoch(&run->state, &journal),
                                   .axis = self->plot.axis,
                                   .smoothing = self->plot.smoothing};
  pl_plot_line *line = &content->lines[content->count];
  (void)pl_safe_text(line->label, sizeof line->label, run->name, strlen(run->name));
  line->colour = pl_colour_series(content->count++);
  line->curve = pl_run_curves_get(&place->curves, self->metric, &wanted);
}

void pl_runs_ask_chart(pl_runs *self) {
  self->readout[0] = '\0';
  if (!pl_runs_active(self)) return;
  const pl_run_summary *runs[PL_RUNS_COMPARED];
  const size_t count = pl_runs_compared(runs, self);
  if (count == 0) return;
  const pl_metric *metric = &pl_metric_table[self->metric];
  pl_plot_content content = {.title = metric->name, .share = metric->share};
  for (size_t i = 0; i < count; i++) {
    pl_compared *place = open_run(self, runs[i], runs, count);
    read_journal(place);
    add_line(self, &content, runs[i], place);
  }
  pl_plot_uncover(&self->plot);
  pl_plot_cover(&self->plot, &content);
  pl_plot_readout(self->readout, sizeof self->readout, &self->plot, &content, 1);
  pl_pane_make(&self->pane, &self->plot, &content, pl_runs_layout_of(self->app).chart);
}

void pl_runs_close_chart(pl_runs *self) {
  pl_pane_clear(&self->pane);
  for (size_t i = 0; i < PL_RUNS_COMPARED; i++) {
    close_run(&self->compared[i]);
  }
}

pl_plot *pl_runs_plot(pl_app *app) { return &pl_runs_of(app)->plot; }

void pl_runs_charts_changed(pl_app *app) { pl_runs_ask_chart(pl_runs_of(app)); }
