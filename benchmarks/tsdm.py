"""Speed, memory and precision of TSDM-Fusion: plain student, fast student, bfloat16, teacher.

  python benchmarks/tsdm.py [--sizes 128x256,256x320,768x1024] [--threads 2] [--repeats 3] [--device cpu]

Sizes are height × width. The plain form is the oracle of the tests. Times are the median of the repeats; on a CPU also
the time of all cores together is given, which other programs disturb less, and the bounds that the machine's measured
peaks set: arithmetic, exponentials, and moving each block's input and output through memory once. Without --student and
--teacher the weights are random: times do not depend on them, but the precision of bfloat16 does.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import Budget
from fusion.tsdm.inference import fuse_whole
from fusion.tsdm.methods import load_student, load_teacher
from fusion.tsdm.networks.student import BLOCKS_PER_STAGE, DIM, HEADS, STAGES, TOKENS, WINDOW, Student
from fusion.tsdm.networks.teacher import Teacher
from fusion.tsdm.training.checkpoints import export, load_network

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
    plain = _oracle(load_network(Student(), student))

    print(f"PyTorch {torch.__version__}, {args.threads} threads, {_name(device)}; median of {args.repeats}")
    print(f"{'size':>10} {'what':24} {'wall s':>8} {'cores s':>8} {'Gflop/s':>8} {'peak GB':>8}  difference to float32")
    for size in args.sizes.split(","):
        height, width = (int(side) for side in size.split("x"))
        ir, vis = _pair(height, width, device)
        y = vis[:, :1]
        flops = {"student": _student_flops(plain, height, width)}
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
        if device.type == "cpu":
            print(f"{size:>10} bounds of the student: {_bounds(flops['student'], height, width)}")


def budgets() -> list[Budget]:
    """The student against its plain form on two threads, at the sizes at which that is measured; random weights."""
    torch.manual_seed(0)
    student = Student().eval().requires_grad_(False)
    plain = _oracle(student)

    @torch.inference_mode()
    def run(network: Callable[[Tensor, Tensor], Tensor], pair: tuple[Tensor, Tensor]) -> Tensor:
        return fuse_whole(network, *pair)

    pairs = {size: _pair(*size, torch.device("cpu")) for size in ((128, 256), (256, 320))}
    return [
        Budget(f"student, {h}×{w}, 2 threads", partial(run, plain, pair), partial(run, student, pair), 6, threads=2)
        for (h, w), pair in pairs.items()
    ]


@torch.inference_mode()
def measure(call: Callable[[], Tensor], repeats: int, device: torch.device) -> tuple[Tensor, float, float, float]:
    """Output, wall time, time of all cores (medians), and peak memory in GB (of the GPU, or of the process so far)."""
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
    return output, median(walls), median(cores), peak


def _oracle(student: Student) -> Callable[[Tensor, Tensor], Tensor]:
    """The plain form of the tests with the weights of ``student``."""
    sys.path.insert(0, str(ORACLE_FOLDER))
    from plain_student import plain_student

    return partial(plain_student, student.state_dict())


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


def _padded(height: int, width: int) -> int:
    """Pixels after the paper's padding: each of them is a token."""
    return (height // WINDOW + 1) * (width // WINDOW + 1) * TOKENS


def _student_flops(plain: Callable[[Tensor, Tensor], Tensor], height: int, width: int) -> int:
    """Counted on the plain form of a small image, in whose windows all is done that a larger one needs."""
    ir, vis = _pair(2 * WINDOW, 2 * WINDOW, torch.device("cpu"))
    return _flops(lambda: plain(ir, vis)) * _padded(height, width) // (4 * TOKENS)


def _bounds(flops: int, height: int, width: int) -> str:
    """Seconds that each resource needs by itself, at the peaks this machine reaches with PyTorch in float32."""
    square, large, row = torch.rand(1024, 1024), torch.rand(2, 2**25), torch.rand(2, 2**16)
    calls = (
        lambda: square @ square,
        lambda: large[0].copy_(large[1]),
        lambda: [torch.exp2(row[1], out=row[0]) for _ in range(50)],
    )
    # Time of all cores: what other programs take does not lower the peaks.
    seconds = [measure(call, 5, square.device)[2] / torch.get_num_threads() for call in calls]
    product, byte, power = seconds[0] / (2 * 1024**3), seconds[1] / large.nbytes, seconds[2] / (25 * row.numel())
    tokens, blocks = _padded(height, width), STAGES * BLOCKS_PER_STAGE
    moved, powers = tokens * blocks * 2 * DIM * 4, tokens * blocks * HEADS * TOKENS
    return (
        f"{flops * product:.2f} s arithmetic ({1e-9 / product:.0f} Gflop/s), {powers * power:.2f} s for "
        f"{powers / 1e9:.2f} G exponentials, {moved * byte:.2f} s for {moved / 1e9:.1f} GB ({1e-9 / byte:.0f} GB/s)"
    )


def _difference(output: Tensor, exact: Tensor) -> str:
    error = (output.float() - exact).abs().max().item()
    mse = (output.float() - exact).square().mean().item()
    return f"max {error:.1e}, PSNR {10 * torch.log10(torch.tensor(1 / mse)).item():.1f} dB" if mse else ""


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"


if __name__ == "__main__":
    main()
