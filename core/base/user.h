// Who runs this process.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_USER_SIZE = 64 };

// The account's name, safe to print; "?" when the system knows none.
void pl_user_name(char out[PL_USER_SIZE]);

#ifdef __cplusplus
}
#endif
