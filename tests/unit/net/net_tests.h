// The parts of test_net.
#pragma once

void test_gradients_of_every_op(void **state);
void test_weights_round_trip(void **state);
void test_weights_hostile(void **state);
void test_weights_not_strict(void **state);
void test_weights_words(void **state);
