// The one poll(): keys, signals, ended jobs, watched folders, and a timer.
#pragma once

struct pl_app;

// Runs until the workbench is left.
void pl_loop_run(struct pl_app *app);
