// What the files of the Train screen share: train.c (state, drawing), train_act.c (commands), train_charts.c (curves).
#pragma once

#include "tui/screens/train.h"
#include "tui/widgets/form.h"
#include "tui/widgets/table.h"

enum { PL_TRAIN_CHARTS = 2 };

typedef struct pl_train_chart {
  pl_area area;  // that the picture was made for
  pl_picture picture;
  bool wanted_again;  // data came while a picture was being made
  bool busy;
} pl_train_chart;

typedef struct pl_train {
  pl_app *app;
  pl_form form;
  bool form_open;
  bool form_filled;  // from the workspace's options
  size_t preset;     // the next one
  bool starting;     // a core is being started
  pl_table epochs;   // newest first
  pl_train_chart charts[PL_TRAIN_CHARTS];
} pl_train;

pl_train *pl_train_of(pl_app *app);

// Fills the form from the workspace when that has not happened.
void pl_train_fill_form(pl_train *self);

// Makes the charts anew from the selected run, as far as there is room.
void pl_train_ask_charts(pl_train *self);
void pl_train_forget_charts(pl_train *self);
