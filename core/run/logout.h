// Whether a core would outlive its user's logout. systemd's logind can be told to end all that a session has started
// (KillUserProcesses=yes in logind.conf); what runs in a scope of the user's own manager is spared.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pl_logout {
  PL_LOGOUT_HARMLESS,  // nothing is killed: no logind, no session, root, or the setting is off
  PL_LOGOUT_SCOPE,     // it would be killed, but `systemd-run --user --scope` is there
  PL_LOGOUT_KILLS,     // it would be killed
} pl_logout;

// Asks logind by `busctl` when there is a session (XDG_SESSION_ID). Takes a few milliseconds; a busctl that does not
// answer within 2 s says nothing.
pl_logout pl_logout_check(void);

// What to do about PL_LOGOUT_KILLS; a static string.
const char *pl_logout_remedy(void);

#ifdef __cplusplus
}
#endif
