#include "core/net/loss.h"

static const char *const loss_term_names[PL_LOSS_TERMS];

const char *pl_loss_term_name(pl_loss_term term) { return loss_term_names[term]; }

static const char *const loss_term_names[PL_LOSS_TERMS] = {
    [PL_LOSS_BCE] = "bce",         [PL_LOSS_DICE] = "dice",     [PL_LOSS_FOCAL] = "focal",
    [PL_LOSS_JACCARD] = "jaccard", [PL_LOSS_LOVASZ] = "lovasz", [PL_LOSS_LOVASZ_SIGMOID] = "lovasz_sigmoid",
};
