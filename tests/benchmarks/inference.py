"""Time of each step of inference, ours against native transformers, in one run.

    python tests/benchmarks/inference.py [--size small] [--device cpu] [--repeats 9]

Both sides take turns (A B A B ...), so a drift of the machine hits both; each row prints both medians and the median
of the ratios native / ours, with their range: above 1 means that ours is faster. Weights are random and equal on both
sides. onnxruntime and openvino join as further peers of the forward pass where they are installed.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import transformers
from PIL import Image
from torch import Tensor
from tqdm import tqdm
from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil

from depth_anything import DepthAnythingConfig, DepthAnythingForDepthEstimation, DepthAnythingImageProcessor

PICTURES = {"640x480": (480, 640), "1920x1080": (1080, 1920), "4000x3000": (3000, 4000)}  # names are width x height
NATIVE_PROCESSOR = {
    "size": {"height": 518, "width": 518},
    "keep_aspect_ratio": True,
    "ensure_multiple_of": 14,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}
Step = Callable[[], object]


def main() -> int:
    """Runs the steps that the command line chooses."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    device = torch.device(arguments.device)
    print(f"{arguments.size}, {device}, {arguments.threads} threads, torch {torch.__version__}, "
          f"transformers {transformers.__version__}, median of {arguments.repeats}")  # fmt: skip
    config = DepthAnythingConfig.from_size(arguments.size, version=2)
    with tempfile.TemporaryDirectory() as folder:
        DepthAnythingForDepthEstimation(config).save_pretrained(folder)
        load_ours: Step = lambda: DepthAnythingForDepthEstimation.from_pretrained(folder)  # noqa: E731
        load_native: Step = lambda: transformers.DepthAnythingForDepthEstimation.from_pretrained(folder)  # noqa: E731
        if "load" in arguments.steps:
            compare("from_pretrained", load_native, load_ours, arguments.repeats)
        ours = load_ours().eval().to(device)
        native = load_native().eval().to(device)
    processors = (DPTImageProcessorPil(**NATIVE_PROCESSOR), DepthAnythingImageProcessor())
    for name, (height, width) in PICTURES.items():
        array = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        array = np.asarray(Image.fromarray(array).resize((width, height), Image.Resampling.BICUBIC))
        benchmark_picture(name, array, (native, ours), processors, arguments)
    if "modes" in arguments.steps:
        benchmark_modes(native, ours, arguments)
    if "peers" in arguments.steps and device.type == "cpu":  # both peers run on the CPU here
        benchmark_peers(native, ours, arguments)
    return 0


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="small", choices=["small", "base", "large", "giant"])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=9)
    steps = ["load", "preprocess", "forward", "postprocess", "whole", "modes", "peers"]
    parser.add_argument("--steps", nargs="+", choices=steps, default=steps)
    return parser.parse_args()


def benchmark_picture(
    name: str,
    array: np.ndarray,
    models: tuple[transformers.PreTrainedModel, DepthAnythingForDepthEstimation],
    processors: tuple[DPTImageProcessorPil, DepthAnythingImageProcessor],
    arguments: argparse.Namespace,
) -> None:
    """Preprocess, forward, post-process and the whole way, for one size of picture."""
    native_processor, our_processor = processors
    picture = Image.fromarray(array)
    sizes = [array.shape[:2]]
    device = models[1].device
    if "preprocess" in arguments.steps:
        for kind, given in (("array", array), ("PIL", picture)):
            pair = [lambda p=p, g=given: p(g, return_tensors="pt") for p in processors]
            compare(f"preprocess {kind} {name}", *pair, arguments.repeats)
    pixels = our_processor(array, return_tensors="pt")["pixel_values"].to(device)
    if "forward" in arguments.steps:
        compare(f"forward {name} as {pixels.shape[3]}x{pixels.shape[2]}",
                *[lambda m=m: forward(m, pixels) for m in models], arguments.repeats)  # fmt: skip
    if "postprocess" in arguments.steps:
        with torch.inference_mode():
            output = models[1](pixels)
        pair = [lambda p=p: (p.post_process_depth_estimation(output, sizes), synchronize(device)) for p in processors]
        compare(f"post-process {name}", *pair, arguments.repeats)

    def whole(processor: object, model: transformers.PreTrainedModel) -> Tensor:
        inputs = processor(picture, return_tensors="pt")["pixel_values"].to(device)
        with torch.inference_mode():
            return processor.post_process_depth_estimation(model(inputs), sizes)[0]["predicted_depth"].cpu()

    if "whole" in arguments.steps:
        pair = [lambda p=p, m=m: whole(p, m) for p, m in zip((native_processor, our_processor), models, strict=True)]
        compare(f"whole path PIL {name}", *pair, arguments.repeats)


def benchmark_modes(
    native: transformers.PreTrainedModel, ours: DepthAnythingForDepthEstimation, arguments: argparse.Namespace
) -> None:
    """Offered ways to be faster against native float32; their error as a share of the output's range."""
    pixels = torch.randn(1, 3, 518, 686, device=ours.device)
    expected = forward(ours, pixels).float()
    for dtype in (torch.float32, torch.bfloat16):
        for compiled in (False, True):
            model = copy.deepcopy(ours).to(dtype).to(memory_format=torch.channels_last)
            batch = pixels.to(memory_format=torch.channels_last)
            run = torch.compile(model) if compiled else model
            error = (forward(run, batch).float() - expected).abs().max() / (expected.max() - expected.min())
            name = f"{str(dtype).removeprefix('torch.')}, channels-last{', compiled' if compiled else ''}"
            compare(f"forward 686x518, {name}, error {error:.1e} of the range",
                    lambda: forward(native, pixels), lambda run=run, batch=batch: forward(run, batch),
                    arguments.repeats)  # fmt: skip


def benchmark_peers(
    native: transformers.PreTrainedModel, ours: DepthAnythingForDepthEstimation, arguments: argparse.Namespace
) -> None:
    """Other runtimes on the exported native network against our eager and our fastest mode."""
    pixels = torch.randn(1, 3, 518, 686)
    fastest = torch.compile(copy.deepcopy(ours).to(torch.bfloat16).to(memory_format=torch.channels_last))
    for name, make in (("onnxruntime", onnxruntime_peer), ("openvino", openvino_peer)):
        try:
            peer = make(native.cpu(), pixels, arguments.threads)
        except ImportError as error:
            print(f"{name}: left out, {error}")
            continue
        given = pixels.to(ours.device)
        for mode, model in (("float32", ours), ("bfloat16, channels-last, compiled", fastest)):
            compare(f"forward 686x518, {name} in its default precision, ours in {mode}", peer,
                    lambda model=model, given=given: forward(model, given), arguments.repeats, name)  # fmt: skip


def onnxruntime_peer(native: transformers.PreTrainedModel, pixels: Tensor, threads: int) -> Step:
    """A forward pass of the exported network by onnxruntime on the CPU."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.onnx")
        torch.onnx.export(native, (pixels,), path, dynamo=True, verbose=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: pixels.numpy()}
    return lambda: session.run(None, feed)


def openvino_peer(native: transformers.PreTrainedModel, pixels: Tensor, threads: int) -> Step:
    """A forward pass of the converted network by openvino on the CPU."""
    import openvino

    converted = openvino.convert_model(native, example_input=pixels)
    compiled = openvino.compile_model(converted, "CPU", {"INFERENCE_NUM_THREADS": threads})
    return lambda: compiled(pixels.numpy())


def forward(model: Callable[..., object], pixels: Tensor) -> Tensor:
    """One forward pass, finished when this returns."""
    with torch.inference_mode():
        predicted = model(pixels).predicted_depth
    synchronize(pixels.device)
    return predicted


def synchronize(device: torch.device) -> None:
    """Waits for a device that works behind Python's back."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def compare(name: str, theirs: Step, ours: Step, repeats: int, peer: str = "native") -> None:
    """Prints one row: both medians and the ratio peer / ours, measured in turns after one warm-up of each."""
    theirs(), ours()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in tqdm(range(repeats), desc=name, leave=False):
        for step, measured in zip((theirs, ours), times, strict=True):
            start = time.perf_counter()
            step()
            measured.append(time.perf_counter() - start)
    ratios = [a / b for a, b in zip(*times, strict=True)]
    medians = [1000 * statistics.median(measured) for measured in times]
    print(f"{name:<66} {peer} {medians[0]:9.1f} ms   ours {medians[1]:9.1f} ms   "
          f"{peer} / ours {statistics.median(ratios):5.2f} ({min(ratios):.2f}..{max(ratios):.2f})")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
