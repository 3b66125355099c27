// The groups of tests of this folder; each returns the number of failed tests.
#pragma once

int run_bands_tests(void);
int run_caps_tests(void);
int run_curve_tests(void);
int run_draw_tests(void);
int run_grid_tests(void);
int run_out_tests(void);
int run_update_tests(void);
int run_view_case_tests(void);
