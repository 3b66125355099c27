#!/usr/bin/env python3
"""Weights of pleura in segmentation_models.pytorch and back, for every encoder and decoder attention.

    smp_round_trip.py [--list] [--backend NAME] [--size PX] [--encoder NAME] PLEURA

For each network:
  ours    pleura trains two steps and writes its weights; smp loads them with strict=True. Inference logits of both.
  theirs  smp initialises a network, gets statistics from a batch, and writes it with safetensors; pleura loads it
          strictly. Inference logits of both.
  step    pleura's fill rule on both sides, one training step: the loss, and every gradient's norm against doubles.
Prints one table row each and exits 1 when logits differ by more than 1e-4 of the largest or the loss by more than 1e-5.
The loss of torch's own floats stands beside ours: at 64 pixels some networks are that sensitive.

Needs torch, segmentation-models-pytorch and safetensors. --list prints every network's parameters, state-dict entries
and the SHA-256 of its listing, which tests/unit/net/test_net.c holds pleura to.
"""
import argparse
import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile

import numpy as np
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

ENCODERS = ["resnet18", "resnet34", "resnet50", "resnet101", "resnext50_32x4d", "se_resnet50", "se_resnext50_32x4d",
            "se_resnext101_32x4d"]
ATTENTIONS = [None, "scse"]
SEED_WEIGHTS, SEED_DATA, BATCH = 11, 12, 2
LOGIT_LIMIT, LOSS_LIMIT = 1e-4, 1e-5


def signed(seed, stream, count):
    """The rule's numbers in [-1, 1): splitmix64 of seed and place."""
    golden = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        place = np.arange(count, dtype=np.uint64) + np.uint64(((stream << 32) + 1) & (2**64 - 1))
        z = np.uint64(seed) + place * golden
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return np.float32(2) * ((z >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)) - np.float32(1)


def fill(model, seed):
    """The rule's weights, as core/net/golden_fill.c."""
    state = model.state_dict()
    for index, (name, tensor) in enumerate(state.items()):
        if name.endswith(("num_batches_tracked", "running_mean")):
            tensor.zero_()
        elif name.endswith("running_var"):
            tensor.fill_(1)
        else:
            s = signed(seed, index, tensor.numel())
            if tensor.dim() == 4:
                area = tensor.shape[2] * tensor.shape[3]
                fan_in, fan_out = tensor.shape[1] * area, tensor.shape[0] * area
                bound = math.sqrt(1 / fan_in)
                if name.startswith("decoder"):
                    bound = math.sqrt(6 / fan_in)
                if name.startswith("segmentation_head"):
                    bound = math.sqrt(6 / (fan_in + fan_out))
                values = np.float32(bound) * s
            elif name.startswith("segmentation_head"):
                values = np.zeros_like(s)
            elif ".fc1." in name or ".fc2." in name:
                values = np.float32(math.sqrt(1 / state[name.replace(".bias", ".weight")].shape[1])) * s
            elif name.endswith("weight"):
                values = np.float32(1) + np.float32(0.1) * s
            else:
                values = np.float32(0.1) * s
            tensor.copy_(torch.from_numpy(values.reshape(tuple(tensor.shape))))


def batch(seed, size):
    x = signed(seed, 1000000, BATCH * 3 * size * size).reshape(BATCH, 3, size, size)
    target = np.zeros((BATCH, 1, size, size), np.float32)
    for i in range(BATCH):
        target[i, 0, size // 8 + 3 * i:size // 2 + 3 * i, size // 4:3 * size // 4 - 2 * i] = 1
    return torch.from_numpy(x + target), torch.from_numpy(target)


def combo_loss(logits, target):
    """3 bce + 1 soft dice + 4 focal, in the logits' own precision."""
    p = torch.sigmoid(logits)
    bce = (logits.clamp(min=0) - logits * target + (1 + (-logits.abs()).exp()).log()).mean()
    dice = 1 - (2 * (p * target).sum() + 1e-6) / (p.sum() + target.sum() + 1e-6)
    o, t = p.clamp(1e-8, 1 - 1e-8), target.clamp(1e-8, 1 - 1e-8)
    pt = (1 - t) * (1 - o) + t * o
    return 3 * bce + dice + 4 * (-(1 - pt)**2 * torch.log(pt)).mean()


def network(encoder, attention):
    return smp.Unet(encoder, encoder_weights=None, classes=1, activation=None, decoder_attention_type=attention)


def inference(model, x):
    model.eval()
    with torch.no_grad():
        return model(x)


def pleura(options, *more):
    command = [options.pleura, "golden", "--json", "--backend", options.backend, "--seed-weights", str(SEED_WEIGHTS),
               "--seed-data", str(SEED_DATA), "--batch", str(BATCH), "--height", str(options.size), "--width",
               str(options.size), *more]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def distance(ours, theirs):
    """max|difference| / max|logit|"""
    ours = torch.tensor(ours, dtype=torch.float64)
    theirs = theirs.double().flatten()
    return float((ours - theirs).abs().max() / theirs.abs().max())


def our_weights(options, which, x, encoder, attention, folder):
    path = os.path.join(folder, "ours.safetensors")
    pleura(options, *which, "--steps", "2", "--save-weights", path)
    numbers = pleura(options, *which, "--steps", "0", "--weights", path, "--all-logits")
    model = network(encoder, attention)
    model.load_state_dict(load_file(path), strict=True)
    return distance(numbers["logits_inference"], inference(model, x))


def their_weights(options, which, x, encoder, attention, folder):
    path = os.path.join(folder, "theirs.safetensors")
    torch.manual_seed(1)
    model = network(encoder, attention)
    model.train()
    for _ in range(2):
        model(x)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, path)
    numbers = pleura(options, *which, "--steps", "0", "--weights", path, "--all-logits")
    return distance(numbers["logits_inference"], inference(model, x))


def step(options, which, x, target, encoder, attention):
    numbers = pleura(options, *which, "--steps", "1")
    model = network(encoder, attention)
    fill(model, SEED_WEIGHTS)
    model.train()
    with torch.no_grad():
        single = float(combo_loss(model(x), target))
    fill(model, SEED_WEIGHTS)
    model = model.double()
    loss = combo_loss(model(x.double()), target.double())
    loss.backward()
    errors = []
    for name, parameter in model.named_parameters():
        norm = 0.0 if parameter.grad is None else float(parameter.grad.norm())
        if norm == 0:  # nothing reads it, or its relu is shut
            assert numbers["grad_l2"][name] == 0, name
            continue
        # A single number may be what is left of a sum that cancels: it is not compared.
        if parameter.numel() == 1:
            continue
        errors.append(abs(numbers["grad_l2"][name] - norm) / norm)
    errors.sort()
    exact = float(loss)
    return abs(numbers["losses"][0] - exact) / exact, abs(single - exact) / exact, errors[len(errors) // 2], errors[-1]


def listing(model):
    parameters = {name for name, _ in model.named_parameters()}
    lines = []
    for index, (name, tensor) in enumerate(model.state_dict().items()):
        shape = "x".join(map(str, tensor.shape)) or "scalar"
        kind = "param" if name in parameters else "buffer"
        lines.append(f"{index} {name} {shape} {str(tensor.dtype).split('.')[1]} {kind}\n")
    return "".join(lines)


def print_list():
    for encoder in ENCODERS:
        for attention in ATTENTIONS:
            model = network(encoder, attention)
            digest = hashlib.sha256(listing(model).encode()).hexdigest()[:16]
            count = sum(parameter.numel() for parameter in model.parameters())
            print(f'{encoder} {attention or "none"} {count} {len(model.state_dict())} {digest}')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pleura", nargs="?", default="build/release/bin/pleura")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--backend", default="onednn")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--encoder", choices=ENCODERS)
    options = parser.parse_args()
    if options.list:
        print_list()
        return 0
    print(f"segmentation_models_pytorch {smp.__version__}, torch {torch.__version__}, backend {options.backend}, "
          f"{options.size} pixels, batch {BATCH}\n")
    print("| encoder | attention | ours in smp | smp's in ours | loss | torch's floats | gradients: median | worst |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    x, target = batch(SEED_DATA, options.size)
    failed = 0
    for encoder in [options.encoder] if options.encoder else ENCODERS:
        for attention in ATTENTIONS:
            which = ["--encoder", encoder, "--decoder-attention", attention or "none"]
            with tempfile.TemporaryDirectory() as folder:
                ours = our_weights(options, which, x, encoder, attention, folder)
                theirs = their_weights(options, which, x, encoder, attention, folder)
            loss, single, median, worst = step(options, which, x, target, encoder, attention)
            print(f"| {encoder} | {attention or 'none'} | {ours:.1e} | {theirs:.1e} | {loss:.1e} | {single:.1e} | "
                  f"{median:.1e} | {worst:.1e} |", flush=True)
            failed += ours > LOGIT_LIMIT or theirs > LOGIT_LIMIT or loss > LOSS_LIMIT
    print(f"\n{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
