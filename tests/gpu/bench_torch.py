#!/usr/bin/env python3
"""PyTorch's side of tests/gpu.sh: the same steps as bench_gpu, a JSON line each; or the reference's losses.

  bench_torch.py ROW...            rows: KIND:HOW:PRECISION:BATCH:SIZE[:STEPS], such as train:eager:f16:8:512:100 or
                                   predict:max-autotune:bf16:16:512
  bench_torch.py --losses BATCH SIZE STEPS    float32, TF32 off

Eager is autocast with channels_last, cudnn.benchmark and fused Adam, float16 with a GradScaler. Inputs lie on the device.
The network is reference.py's, in PLEURA_REFERENCE. Times are by events; memory is the allocator's peak.
"""
import json, os, statistics, sys

sys.path.insert(0, os.environ.get("PLEURA_REFERENCE", "../shared/reference"))
import torch
import reference

DTYPES = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}


def make_step(kind, how, precision, batch, size):
    device, dtype = torch.device("cuda"), DTYPES[precision]
    model = reference.build_model(1).to(device).to(memory_format=torch.channels_last).train(kind == "train")
    x, target = (v.to(device) for v in reference.make_batch(7, 0, batch, size, size))
    x = x.contiguous(memory_format=torch.channels_last)
    criterion, mixed = reference.ComboLoss(), precision != "f32"
    autocast = lambda: torch.autocast("cuda", dtype=dtype if mixed else torch.bfloat16, enabled=mixed)
    compiled = (lambda f: f) if how == "eager" else (lambda f: torch.compile(f, mode=how))
    if kind == "predict":
        forward = compiled(lambda x: torch.sigmoid(model(x)))

        def predict():
            if how != "eager":
                torch.compiler.cudagraph_mark_step_begin()
            with torch.no_grad(), autocast():
                forward(x)
        return predict
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
    scaler = torch.amp.GradScaler("cuda", enabled=precision == "f16")
    loss_of = compiled(lambda x, t: criterion(model(x).float(), t))

    def train():
        optimizer.zero_grad(set_to_none=True)
        if how != "eager":
            torch.compiler.cudagraph_mark_step_begin()
        with autocast():
            loss = loss_of(x, target)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
    return train


def time_row(text):
    kind, how, precision, batch, size, steps = (text.split(":") + ["100"])[:6]
    batch, size, steps = int(batch), int(size), int(steps)
    row = {"name": f"{kind} {precision} b{batch} {size}", "backend": f"torch {how}", "torch": torch.__version__,
           "cudnn": torch.backends.cudnn.version(), "device": torch.cuda.get_device_name(), "steps": steps}
    try:
        torch._dynamo.reset()
        step = make_step(kind, how, precision, batch, size)
        for _ in range(5):
            step()
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        times = []
        for _ in range(steps):
            start, stop = torch.cuda.Event(True), torch.cuda.Event(True)
            start.record()
            step()
            stop.record()
            stop.synchronize()
            times.append(start.elapsed_time(stop))
        times.sort()
        row |= {"ms_median": statistics.median(times), "ms_p10": times[steps // 10], "ms_p90": times[steps * 9 // 10],
                "memory_MiB": torch.cuda.max_memory_allocated() / 2**20}
    except Exception as problem:  # a row that PyTorch cannot compute is said, and the next one goes on
        row["error"] = repr(problem)[:300]
    print(json.dumps(row), flush=True)
    torch.cuda.empty_cache()


def print_losses(batch, size, steps):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    model = reference.build_model(1).cuda().train()
    x, target = (v.cuda() for v in reference.make_batch(7, 0, batch, size, size))
    optimizer, criterion = torch.optim.Adam(model.parameters(), lr=1e-4), reference.ComboLoss()
    for _ in range(steps):
        optimizer.zero_grad()
        loss = criterion(model(x), target)
        loss.backward()
        optimizer.step()
        print("%.9g" % loss.item(), flush=True)


if sys.argv[1:2] == ["--losses"]:
    print_losses(*(int(word) for word in sys.argv[2:5]))
else:
    torch.backends.cudnn.benchmark = True
    for argument in sys.argv[1:]:
        time_row(argument)
