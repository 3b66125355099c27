#!/usr/bin/env python3
"""The competition winner's own programs on pleura's networks and maps.

    winner.py infer UNET_PIPELINE IMAGES SAMPLE SIDE OUT.pkl WEIGHTS...   his Inference.py: mean of networks and flips
    winner.py pack MAPS SIDE OUT.pkl                      pleura's maps of 16 bits as he keeps probabilities
    winner.py submit UNET_PIPELINE PKL SAMPLE TRIPLET OUT.csv             his TripletSubmit.py
    winner.py ensemble UNET_PIPELINE SAMPLE TRIPLET OUT.csv PKL=WEIGHT... the same of several, made larger first
    winner.py dice UNET_PIPELINE PKL RLE TRIPLET          his TripletMaskBinarization and dice_metric, as JSON
    winner.py maps PKL MAPS SIDE MOST                     the largest difference of probabilities is at most MOST
    winner.py rows HIS_CSV CSV [PIXELS]                   the same rows in any order; at most so many pixels differ

UNET_PIPELINE is that folder of https://github.com/sneddy/pneumothorax-segmentation (MIT). Its programs run unchanged;
only their configurations are written here. Needs what they need: torch, albumentations 0.4, opencv, pandas, PyYAML; and
for infer segmentation-models-pytorch and safetensors.
"""
import json
import pathlib
import pickle
import subprocess
import sys
import tempfile

import numpy as np
import score_reference
import torch


class Network(torch.nn.Module):
    """What he makes by name: the U-Net of pleura's weights, which takes the images before they are normalised."""

    def __init__(self, encoder):
        super().__init__()
        import segmentation_models_pytorch as smp
        self.unet = smp.Unet(encoder, encoder_weights=None, classes=1)
        self.mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
        self.deviation = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)

    def load_state_dict(self, state):
        self.unet.load_state_dict(state)

    def forward(self, images):
        with torch.no_grad():
            return self.unet((images - self.mean) / self.deviation)


def run(pipeline, program, config):
    """Configurations are YAML, and JSON is YAML."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=".") as file:
        json.dump(config, file)
        file.flush()
        tools = pathlib.Path(__file__).resolve().parent
        subprocess.run([sys.executable, str(pathlib.Path(pipeline).resolve() / program), pathlib.Path(file.name).name],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={"PYTHONPATH": str(tools)})


def infer(pipeline, images, sample, side, out, *weights):
    from safetensors.torch import load_file
    with tempfile.TemporaryDirectory(dir=".") as folder:
        work = pathlib.Path(folder)
        (work / "data/test").mkdir(parents=True)
        (work / "checkpoints/fold0").mkdir(parents=True)
        for name, _ in score_reference.read_table(sample):
            (work / f"data/test/{name}.png").symlink_to((pathlib.Path(images) / f"{name}.png").resolve())
        for i, path in enumerate(weights):
            torch.save(load_file(path), work / f"checkpoints/fold0/u_fold0_epoch{i}.pth")
        text = (pathlib.Path(pipeline) / "transforms/valid_transforms_1024_old.json").read_text(encoding="utf-8")
        (work / "transforms.json").write_text(text.replace("1024", side), encoding="utf-8")
        run(pipeline, "Inference.py", {
            "DATA_DIRECTORY": f"{work}/data", "NUM_WORKERS": 0, "DEVICE": "cpu", "BATCH_SIZE": 2,
            "MODEL": {"PY": "winner", "CLASS": "Network", "ARGS": {"encoder": "resnet18"}},
            "CHECKPOINTS": {"FULL_FOLDER": "checkpoints", "PIPELINE_PATH": str(work), "PIPELINE_NAME": "u"},
            "SELECTED_CHECKPOINTS": {"fold0": list(range(len(weights)))},
            "TEST_TRANSFORMS": f"{work}/transforms.json", "FLIP": True, "RESULT_FOLDER": ".", "RESULT": out,
        })


def pack(maps, side, out):
    masks = {}
    for path in sorted(pathlib.Path(maps).glob("*.png")):
        values = score_reference.resize(score_reference.read_png16(path), int(side))
        masks[path.stem] = (values / 65535.0).astype(np.float32)
    with open(out, "wb") as file:
        pickle.dump(masks, file)


def load(path):
    with open(path, "rb") as file:
        return pickle.load(file)


def thresholds(text):
    top, area, bottom = score_reference.triplet_of(text)
    return {"AREA_THRESHOLD": area, "TOP_SCORE_THRESHOLD": top, "BOTTOM_SCORE_THRESHOLD": bottom, "USELEAK": False,
            "USECONTOURS": False}


def submit(pipeline, masks, sample, triplet, out):
    run(pipeline, "TripletSubmit.py",
        {"SAMPLE_SUB": sample, "MASK_DICT": masks, "SUB_FILE": out, **thresholds(triplet)})


def ensemble(pipeline, sample, triplet, out, *parts):
    weights = {path: float(weight) for path, weight in (part.split("=") for part in parts)}
    run(pipeline, "TripletSubmit.py",
        {"SAMPLE_SUB": sample, "RESULT_WEIGHTS": weights, "RESHAPE_MODE": True, "SUB_FILE": out, **thresholds(triplet)})


def dice(pipeline, masks, rle, triplet):
    sys.path.insert(0, pipeline)
    from Losses import dice_metric
    from MaskBinarizers import TripletMaskBinarization
    masks = load(masks)
    truths = score_reference.unite(score_reference.read_table(rle), next(iter(masks.values())).shape[0])
    names = sorted(name for name in masks if name in truths)
    probabilities = torch.from_numpy(np.stack([masks[n] for n in names]))[:, None]
    labels = torch.from_numpy(np.stack([truths[n] for n in names]).astype(np.float32))[:, None]
    binarizer = TripletMaskBinarization([score_reference.triplet_of(triplet)])
    predicted = next(binarizer.transform(probabilities))
    print(json.dumps({"images": len(names), "dice": dice_metric(predicted, labels, per_image=True).item()}))


def maps(masks, folder, side, most):
    worst, masks = 0.0, load(masks)
    for name, mask in masks.items():
        values = score_reference.resize(score_reference.read_png16(pathlib.Path(folder) / f"{name}.png"), int(side))
        worst = max(worst, float(np.abs(values / 65535.0 - mask).max()))
    print(f"{len(masks)} maps, the largest difference is {worst:.2g}")
    sys.exit(0 if masks and worst <= float(most) else 1)


def as_he_writes(codes, side):
    """utils/mask_functions.mask2rle forgets a run that reaches the last pixel; pleura does not."""
    mask = score_reference.decode(codes, side)
    return " ".join(codes.split()[:-2]) if mask[-1, -1] else codes


def rows(his, ours, pixels=0):
    side, his, ours = 1024, dict(score_reference.read_table(his)), dict(score_reference.read_table(ours))
    if his.keys() != ours.keys() or not his:
        sys.exit("the rows are of other images")
    ours = {name: as_he_writes(codes, side) for name, codes in ours.items()}
    differ = [n for n in his if his[n] != ours[n]]
    count = sum(int((score_reference.decode(his[n], side) ^ score_reference.decode(ours[n], side)).sum())
                for n in differ)
    filled = sum(codes != "-1" for codes in his.values())
    print(f"{len(his)} rows, {filled} with a mask, {len(differ)} differ by {count} pixels together")
    sys.exit(0 if count <= int(pixels) and (pixels or not differ) and filled > 0 else 1)


if __name__ == "__main__":
    commands = {f.__name__: f for f in (infer, pack, submit, ensemble, dice, maps, rows)}
    commands[sys.argv[1]](*sys.argv[2:])
