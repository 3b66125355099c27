// Commands of the list of jobs.
#include "tui/commands/commands.h"
#include "tui/widgets/joblist.h"

static const pl_cmd cmds[] = {
    {.name = "next", .screen = "jobs", .keys = "j Down", .help = "the next job", .run = pl_joblist_next},
    {.name = "previous", .screen = "jobs", .keys = "k Up", .help = "the job before", .run = pl_joblist_previous},
    {.name = "cancel",
     .screen = "jobs",
     .keys = "X",
     .args = "JOB",
     .hint = "Cancel",
     .help = "end the job, or the one named; what it has done is kept; asks first",
     .shell = "jobs",
     .writes = true,
     .run = pl_joblist_cancel},
    {.name = "clear",
     .screen = "jobs",
     .keys = "C",
     .hint = "Clear",
     .help = "forget the jobs that have ended; asks first",
     .shell = "jobs",
     .writes = true,
     .run = pl_joblist_clear_ended},
    {.name = "back", .screen = "jobs", .keys = "q Esc Enter", .help = "close the list", .run = pl_joblist_close},
};

const pl_cmd_table pl_jobs_cmds = {cmds, sizeof cmds / sizeof cmds[0]};
