// Who runs this process, and from where.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_USER_SIZE = 64, PL_HOST_SIZE = 128, PL_TTY_SIZE = 64 };

// The account's name, safe to print; "?" when the system knows none.
void pl_user_name(char out[PL_USER_SIZE]);

// The name of another account, likewise; its number when the system knows no name.
void pl_user_name_of(char out[PL_USER_SIZE], unsigned id);

// This machine's name, safe to print; "" when it has none.
void pl_host_name(char out[PL_HOST_SIZE]);

// The terminal on standard input, "/dev/pts/3"; "" when there is none. Safe to print.
void pl_tty_name(char out[PL_TTY_SIZE]);

#ifdef __cplusplus
}
#endif
