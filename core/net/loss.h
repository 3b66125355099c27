// The terms of the loss.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

// The terms of the loss, with x the logits, p = sigmoid(x), t the target. Sums are over the whole batch unless said
// otherwise; with one class the reference's channel weights are 1. The formulas are written out in backend_ref.
typedef enum pl_loss_term {
  PL_LOSS_BCE,      // StableBCELoss: mean of max(x,0) - x*t + log(1 + exp(-|x|))
  PL_LOSS_DICE,     // soft_dice_loss: 1 - (2*sum(p*t) + 1e-6) / (sum(p) + sum(t) + 1e-6)
  PL_LOSS_FOCAL,    // FocalLoss2d: mean of -(1-q)^2 * log(q), q the probability of what is; p, t kept off 0 and 1
  PL_LOSS_JACCARD,  // jaccard: 1 - (I + 1e-3) / (sum(p) + sum(t) - I + 1e-3), I = sum(p*t)
  PL_LOSS_LOVASZ,   // symmetric_lovasz: Lovasz hinge of (x, t) and of (-x, 1-t), halved; mean over the images
  PL_LOSS_LOVASZ_SIGMOID,  // lovasz_sigmoid: Lovasz extension of the Jaccard loss at |t - p|
  PL_LOSS_TERMS
} pl_loss_term;

const char *pl_loss_term_name(pl_loss_term term);  // "bce", "dice", ...: as in the reference's table of weights

#ifdef __cplusplus
}
#endif
