#!/usr/bin/env python3
"""PyTorch's numbers for the loss, the optimizers and the schedules: writes tests/golden/torch/*.h.

    make_torch_golden.py LOSSES OUT

LOSSES is unet_pipeline/Losses.py of https://github.com/sneddy/pneumothorax-segmentation (read, never copied). Everything
is computed in float64. The tests read the committed numbers; Python is needed only to make them anew.
"""
import importlib.util
import math
import os
import sys

import torch
from torch.optim import lr_scheduler

TERMS = ["bce", "dice", "focal", "jaccard", "lovasz", "lovasz_sigmoid"]
HEAD = "// Made by tests/tools/make_torch_golden.py with PyTorch %s.\n#pragma once\n" % torch.__version__


def numbers(values):
    return ", ".join(repr(float(v)) for v in values)


def table(name, dimensions, rows):
    lines = ",\n".join("    {%s}" % numbers(r) for r in rows)
    return "\nstatic const double %s%s = {\n%s,\n};\n" % (name, dimensions, lines)


def losses(path, out):
    spec = importlib.util.spec_from_file_location("Losses", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    generator = torch.Generator().manual_seed(7)
    images, height, width = 3, 5, 4
    logits = 3 * torch.randn(images, 1, height, width, dtype=torch.float64, generator=generator)
    logits = logits.float().double()  # what a float32 backend can hold
    target = (torch.rand(images, 1, height, width, generator=generator) < 0.4).double()
    target[1] = 0  # an image without a mask
    count = logits.numel()
    text = HEAD + "\nenum { TORCH_IMAGES = %d, TORCH_HEIGHT = %d, TORCH_WIDTH = %d, TORCH_PIXELS = %d };\n" % (
        images, height, width, count)
    text += "\nstatic const double torch_logits[TORCH_PIXELS] = {%s};\n" % numbers(logits.flatten())
    text += "\nstatic const double torch_target[TORCH_PIXELS] = {%s};\n" % numbers(target.flatten())
    values, slopes = [], []
    weights = [{term: 1.0} for term in TERMS]
    weights.append({"bce": 3, "dice": 1, "focal": 4})
    weights.append(dict(zip(TERMS, [3, 1, 4, 1, 5, 9])))
    for w in weights:
        x = logits.clone().requires_grad_(True)
        # StableBCELoss calls .float(): the same lines in double need the class to keep the type.
        with keep_double():
            loss = module.ComboLoss(weights=w)(x, target)
            loss.backward()
        values.append([loss.item()])
        slopes.append(x.grad.flatten())
    text += "\n// One row a term with weight 1, then bce 3, dice 1, focal 4, then all terms 3, 1, 4, 1, 5, 9.\n"
    text += "enum { TORCH_LOSSES = %d };\n" % len(weights)
    text += "\nstatic const double torch_losses[TORCH_LOSSES] = {%s};\n" % numbers(v[0] for v in values)
    text += table("torch_slopes", "[TORCH_LOSSES][TORCH_PIXELS]", slopes)
    with keep_double():
        p = torch.sigmoid(logits)
        per_batch = module.dice_metric(p, target).item()
        per_image = module.dice_metric(p, target, per_image=True).item()
    text += "\n// dice_metric of the batch, and with per_image.\n"
    text += "static const double torch_dice[2] = {%s};\n" % numbers([per_batch, per_image])
    write(out, "losses.h", text)


class keep_double:
    """Tensor.float() does nothing inside, so that the reference computes in float64 as its input is."""

    def __enter__(self):
        self.float = torch.Tensor.float
        torch.Tensor.float = lambda tensor: tensor

    def __exit__(self, *_):
        torch.Tensor.float = self.float


def optimizers(out):
    parameters, steps = 6, 5
    generator = torch.Generator().manual_seed(11)
    start = torch.randn(parameters, dtype=torch.float64, generator=generator).float().double()
    gradients = torch.randn(steps, parameters, dtype=torch.float64, generator=generator).float().double()
    rate = [0.1, 0.1, 0.05, 0.05, 0.025]
    cases = [  # C's attributes, PyTorch's class and arguments, clip_norm
        ("PL_OPTIMIZER_ADAM", 0, 0, 0, 0, torch.optim.Adam, {}),
        ("PL_OPTIMIZER_ADAM", 0.01, 0, 0, 1.5, torch.optim.Adam, {}),
        ("PL_OPTIMIZER_ADAMW", 0.1, 0, 0, 0, torch.optim.AdamW, {}),
        ("PL_OPTIMIZER_ADAMW", 0.01, 0, 0, 1.5, torch.optim.AdamW, {}),
        ("PL_OPTIMIZER_SGD", 0, 0, 0, 0, torch.optim.SGD, {}),
        ("PL_OPTIMIZER_SGD", 0.01, 0.9, 0, 1.5, torch.optim.SGD, {}),
        ("PL_OPTIMIZER_SGD", 0.01, 0.9, 1, 0, torch.optim.SGD, {}),
    ]
    text = HEAD + '\n#include "core/net/graph.h"\n'
    text += "\nenum { TORCH_PARAMETERS = %d, TORCH_STEPS = %d, TORCH_OPTIMIZERS = %d };\n" % (
        parameters, steps, len(cases))
    text += "\nstatic const double torch_start[TORCH_PARAMETERS] = {%s};\n" % numbers(start)
    text += "\nstatic const double torch_rates[TORCH_STEPS] = {%s};\n" % numbers(rate)
    text += table("torch_gradients", "[TORCH_STEPS][TORCH_PARAMETERS]", gradients)
    text += "\nstatic const struct {\n  pl_optimizer optimizer;\n  double weight_decay, momentum;\n  int nesterov;\n"
    text += "  double clip_norm;\n  double parameters[TORCH_STEPS][TORCH_PARAMETERS];  // after each step\n"
    text += "} torch_optimizers[TORCH_OPTIMIZERS] = {\n"
    for kind, decay, momentum, nesterov, clip, cls, extra in cases:
        p = torch.nn.Parameter(start.clone())
        arguments = dict(lr=0.1, weight_decay=decay, **extra)
        if cls is torch.optim.SGD:
            arguments.update(momentum=momentum, nesterov=bool(nesterov))
        optimizer = cls([p], **arguments)
        rows = []
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = rate[step]
            p.grad = gradients[step].clone()
            if clip > 0:
                torch.nn.utils.clip_grad_norm_([p], clip)
            optimizer.step()
            rows.append("         {%s}" % numbers(p.detach()))
        text += "    {%s, %r, %r, %d, %r,\n     {\n%s,\n     }},\n" % (
            kind, float(decay), float(momentum), nesterov, float(clip), ",\n".join(rows))
    text += "};\n"
    write(out, "optimizers.h", text)


def schedules(out):
    epochs = 30
    base = 0.1
    # A score that rises, stalls, falls, rises again: it makes plateaus, ends of cooldowns and late improvements.
    scores = [0.30, 0.35, 0.40, 0.40, 0.4000001, 0.39, 0.38, 0.41, 0.41, 0.41, 0.41, 0.41, 0.41, 0.45, 0.44, 0.43,
              float("nan"), 0.42, 0.41, 0.46, 0.46, 0.46, 0.46, 0.46, 0.46, 0.46, 0.46, 0.46, 0.46, 0.46]
    cases = [
        ("multistep", "gamma 0.75, milestones 3,5,6,7,8,9,10,11,13,15",
         lambda o: lr_scheduler.MultiStepLR(o, [3, 5, 6, 7, 8, 9, 10, 11, 13, 15], gamma=0.75)),
        ("plateau_max", "gamma 0.1, patience 2, threshold 1e-4",
         lambda o: lr_scheduler.ReduceLROnPlateau(o, mode="max", factor=0.1, patience=2)),
        ("plateau_min", "gamma 0.5, patience 1, threshold 1e-2, cooldown 2, minimum 0.01, of 1 - score",
         lambda o: lr_scheduler.ReduceLROnPlateau(o, mode="min", factor=0.5, patience=1, threshold=1e-2, cooldown=2,
                                                  min_lr=0.01)),
        ("cosine", "period 30, minimum 0.001", lambda o: lr_scheduler.CosineAnnealingLR(o, 30, eta_min=0.001)),
        ("cosine_short", "period 8, minimum 0", lambda o: lr_scheduler.CosineAnnealingLR(o, 8)),
        ("warm_restarts", "period 4, factor 2, minimum 0.001",
         lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 4, T_mult=2, eta_min=0.001)),
        ("warm_restarts_even", "period 5, factor 1, minimum 0",
         lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 5)),
    ]
    text = HEAD + "\n#include <math.h>\n\nenum { TORCH_EPOCHS = %d };\n" % epochs
    text += "\nstatic const double torch_scores[TORCH_EPOCHS] = {%s};\n" % numbers(scores).replace("nan", "(double)NAN")
    text += "\n// The learning rate of each epoch; the scheduler steps after it. The first is 0.1.\n"
    for name, words, make in cases:
        p = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        optimizer = torch.optim.SGD([p], lr=base)
        scheduler = make(optimizer)
        rates = []
        for epoch in range(epochs):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau):
                scheduler.step(scores[epoch] if name == "plateau_max" else 1 - scores[epoch])
            else:
                scheduler.step()
        text += "\n// %s\nstatic const double torch_%s[TORCH_EPOCHS] = {%s};\n" % (words, name, numbers(rates))
    write(out, "schedules.h", text)


def write(out, name, text):
    with open(os.path.join(out, name), "w") as f:
        f.write(text)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    losses(sys.argv[1], sys.argv[2])
    optimizers(sys.argv[2])
    schedules(sys.argv[2])
