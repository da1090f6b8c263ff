"""Speed, memory and precision of TSDM-Fusion: plain student, fast student, bfloat16, teacher.

  python benchmarks/tsdm.py [--sizes 128x256,256x320,768x1024] [--threads 2] [--repeats 3] [--device cpu]

Sizes are height × width. The plain form is the oracle of the tests. Times are the best of the repeats; on a CPU also
the time of all cores together is given, which other programs disturb less. Without --student and --teacher the weights
are random: times do not depend on them, but the precision of bfloat16 does.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from fusion.tsdm.checkpoints import export, load_network
from fusion.tsdm.inference import fuse_whole
from fusion.tsdm.methods import load_student, load_teacher
from fusion.tsdm.student import Student
from fusion.tsdm.teacher import Teacher

ORACLE_FOLDER = Path(__file__).parents[1] / "tests" / "fusion" / "tsdm"
PLAIN_UP_TO = 256 * 320
"""Pixels up to which the plain student is measured; beyond, it takes minutes and many gigabytes."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="128x256,256x320,768x1024")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--student", type=Path, help="student weights (default: random)")
    parser.add_argument("--teacher", type=Path, help="teacher weights (default: random)")
    parser.add_argument("--scratch", type=Path, default=Path("/tmp"), help="where random weights are written")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    torch.manual_seed(0)
    student = args.student or _random(Student(), args.scratch / "random_student.safetensors")
    teacher = args.teacher or _random(Teacher(), args.scratch / "random_teacher.safetensors")
    plain = _plain_student(student)

    print(f"PyTorch {torch.__version__}, {args.threads} threads, {_name(device)}; best of {args.repeats}")
    print(f"{'size':>10} {'what':24} {'wall s':>8} {'cores s':>8} {'Gflop/s':>8} {'peak GB':>8}  difference to float32")
    for size in args.sizes.split(","):
        height, width = (int(side) for side in size.split("x"))
        ir, vis = _pair(height, width, device)
        y = vis[:, :1]
        flops = {"student": _flops(lambda ir=ir, vis=vis: fuse_whole(Student(), ir.cpu(), vis.cpu()))}
        flops["teacher"] = _flops(lambda ir=ir, y=y: Teacher()(ir.cpu(), y.cpu()))
        rows: list[tuple[str, Callable[[], Tensor]]] = []
        for name, dtype in (("", torch.float32), (" bfloat16", torch.bfloat16)):
            fuse_student, fuse_teacher = load_student(student, device, dtype), load_teacher(teacher, device, dtype)
            rows.append((f"student{name}", lambda fuse=fuse_student, ir=ir, vis=vis: fuse(ir, vis)))
            rows.append((f"teacher{name}", lambda fuse=fuse_teacher, ir=ir, y=y: fuse(ir, y)))
        if device.type == "cpu" and height * width <= PLAIN_UP_TO:
            rows.append(("student plain", lambda ir=ir, vis=vis: fuse_whole(plain, ir, vis)))
        exact: dict[str, Tensor] = {}
        for name, call in sorted(rows, key=lambda row: row[0]):
            kind = name.split()[0]
            output, wall, cores, peak = measure(call, args.repeats, device)
            difference = _difference(output, exact.setdefault(kind, output))
            rate = flops[kind] / wall / 1e9
            print(f"{size:>10} {name:24} {wall:8.3f} {cores:8.3f} {rate:8.1f} {peak:8.2f}  {difference}", flush=True)
        print(f"{size:>10} flops: student {flops['student'] / 1e9:.1f} G, teacher {flops['teacher'] / 1e9:.1f} G")


@torch.inference_mode()
def measure(call: Callable[[], Tensor], repeats: int, device: torch.device) -> tuple[Tensor, float, float, float]:
    """Output, best wall time, best time of all cores, and peak memory in GB (of the GPU, or of the process so far)."""
    output = call()
    walls, cores = [], []
    for _ in range(repeats):
        if device.type == "cuda":
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        wall, core = time.perf_counter(), time.process_time()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        walls.append(time.perf_counter() - wall)
        cores.append(time.process_time() - core)
    cuda = device.type == "cuda"
    peak = torch.cuda.max_memory_allocated() / 1e9 if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return output, min(walls), min(cores), peak


def _plain_student(weights: Path) -> Callable[[Tensor, Tensor], Tensor]:
    """The oracle of the tests with ``weights``."""
    sys.path.insert(0, str(ORACLE_FOLDER))
    from plain_student import plain_student

    return partial(plain_student, load_network(Student(), weights).state_dict())


def _random(network: torch.nn.Module, path: Path) -> Path:
    export(network.state_dict(), path)
    return path


def _pair(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    y, x = torch.meshgrid(torch.linspace(0, 20, height), torch.linspace(0, 30, width), indexing="ij")
    waves = [0.5 + 0.25 * torch.sin(x + k) + 0.25 * torch.sin(x * y / 9 + k) for k in range(4)]
    planes = torch.stack(waves)[None].to(device)
    return planes[:, :1].contiguous(), planes[:, 1:].contiguous()


@torch.inference_mode()
def _flops(call: Callable[[], Tensor]) -> int:
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


def _difference(output: Tensor, exact: Tensor) -> str:
    error = (output.float() - exact).abs().max().item()
    mse = (output.float() - exact).square().mean().item()
    return f"max {error:.1e}, PSNR {10 * torch.log10(torch.tensor(1 / mse)).item():.1f} dB" if mse else ""


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


if __name__ == "__main__":
    main()
