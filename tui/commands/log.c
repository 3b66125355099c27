// Commands of screen Log.
#include "tui/screens/log.h"
#include "tui/commands/commands.h"

static const pl_cmd cmds[] = {
    {.name = "search",
     .screen = "log",
     .keys = "/",
     .args = "TEXT",
     .hint = "Search",
     .help = "find a line that holds this",
     .run = pl_log_search},
    {.name = "search-next",
     .screen = "log",
     .keys = "n",
     .hint = "Next",
     .help = "find the next one",
     .run = pl_log_search_next},
    {.name = "search-previous",
     .screen = "log",
     .keys = "N",
     .help = "find the one before",
     .run = pl_log_search_previous},
    {.name = "down", .screen = "log", .keys = "j Down", .help = "one line down", .run = pl_log_down},
    {.name = "up", .screen = "log", .keys = "k Up", .help = "one line up", .run = pl_log_up},
    {.name = "page-down", .screen = "log", .keys = "PgDn Space ^F", .help = "one page down", .run = pl_log_page_down},
    {.name = "page-up", .screen = "log", .keys = "PgUp ^B", .help = "one page up", .run = pl_log_page_up},
    {.name = "first", .screen = "log", .keys = "g Home", .help = "to the first line", .run = pl_log_first},
    {.name = "last",
     .screen = "log",
     .keys = "G End",
     .hint = "Follow",
     .help = "to the last line, and follow",
     .run = pl_log_last},
};

const pl_cmd_table pl_log_cmds = {cmds, sizeof cmds / sizeof cmds[0]};
