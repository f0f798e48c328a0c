"""The library beside what a user would pick instead: both in one process, in turn, forward and backward unless said.

    python benchmarks/library.py [--rounds 15] [--threads 1 2] [--device cpu] [--only lstm]

writes benchmarks/results/library-DEVICE.json, .md and .svg. The ratio is ours / theirs, pair by pair: below 1 is faster.
Peers beside torch come with `pip install -e .[bench]`; a row whose peer is missing is printed as such.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from rnncourse.bptt import weight_gradient
from rnncourse.cost import processor
from rnncourse.fast import product, step_product
from rnncourse.gru import GRU
from rnncourse.linear import minGRU
from rnncourse.lstm import LSTM
from rnncourse.recurrence import RNN
from rnncourse.seq2seq.attention import additive_scores, tanh_scores
from rnncourse.ssm import selective_scan, selective_scan_sequential
from rnncourse.ssm.s4d import S4D, s4d_kernel, s4d_kernel_direct
from rnncourse.ssm.scan import linear_scan

RESULTS = Path(__file__).with_name("results")
WARM_UP = 2


@dataclass
class Case:
    """Two functions without arguments that do the same work; `target` is the ratio that we promise, None where we don't.

    `floor` is the part of ours that no layer can do without: its time says which targets this processor allows.
    """

    name: str
    size: str
    peer: str
    ours: Callable
    theirs: Callable | None  # None: the peer is not installed
    target: float | None = None
    floor: Callable | None = None


@dataclass
class Measurement:
    """Milliseconds and ratios: quartiles. `floor` is the median of floor / theirs."""

    name: str
    size: str
    peer: str
    threads: int
    target: float | None
    ours_ms: list[float]
    theirs_ms: list[float]
    ratio: list[float]
    floor: float | None


def gradients(function: Callable, inputs: list, device) -> Callable:
    """Forward and backward of a function of tensors, for timing: gradients of all inputs, none kept."""
    inputs = [x.detach().to(device).requires_grad_() for x in inputs]
    with torch.no_grad():
        weight = torch.randn_like(function(*inputs))
    return lambda: torch.autograd.grad(function(*inputs), inputs, weight)


def layers(device):
    """RNN, GRU and LSTM against torch.nn with the same parameters: T = 128, D = H."""
    targets = {("RNN", 256): 0.65, ("RNN", 512): 0.55, ("GRU", 256): 0.70, ("GRU", 512): 0.55}
    for ours, theirs in ((RNN, nn.RNN), (GRU, nn.GRU), (LSTM, nn.LSTM)):
        for B, H in ((8, 64), (32, 128), (32, 256), (32, 512)):
            a, b = ours(H, H).to(device), theirs(H, H, batch_first=True).to(device)
            b.load_state_dict(a.state_dict())
            x = torch.randn(B, 128, H, device=device)
            runs = [lambda m=m, x=x: torch.autograd.grad(m(x)[0].sum(), list(m.parameters())) for m in (a, b)]
            target = targets.get((ours.__name__, H)) or ("lstm" if ours is LSTM and B * H >= 8192 else None)
            floor = products(a, x.transpose(0, 1).contiguous())
            yield Case(ours.__name__, f"B {B}, H {H}", f"torch.nn.{theirs.__name__}", *runs, target, floor)
            if H == 512 and device == "cpu":  # what `rnncourse.fast` gains by torch's private operators
                name = f"{ours.__name__}, public"
                yield Case(name, f"B {B}, H {H}", f"torch.nn.{theirs.__name__}", _public(runs[0]), runs[1])


def products(layer, x) -> Callable:
    """The matrix products of forward and backward alone, by the fastest operators that we know: x is (T, B, D)."""
    T, B, _ = x.shape
    W_ih, W_hh = (W.detach() for W in layer.weights(0)[:2])
    h, da = x.new_empty(T, B, W_hh.shape[1]).normal_(), x.new_empty(T, B, len(W_hh)).normal_()

    @torch.no_grad()
    def run():
        product(x, W_ih)
        for times, rows in ((step_product(W_hh, T, B), h), (step_product(W_hh.T, T, B), da)):
            for row in rows.unbind(0):
                times(row)
        weight_gradient(da, x), weight_gradient(da, h)

    return run


def _public(run):
    """The same run without torch's private operators."""

    def without():
        with torch.backends.mkldnn.flags(enabled=False):
            run()

    return without


def scans(device):
    """linear_scan against mamba.py's pscan, torch's own associative_scan, compiled, and the form in logarithms."""
    from torch._higher_order_ops.associative_scan import associative_scan

    def compose(left, right):
        return left[0] * right[0], right[0] * left[1] + right[1]

    def logarithms(a, b):
        a_star = a.log().cumsum(1)
        return torch.exp(a_star + torch.logcumsumexp(b.log() - a_star, 1))

    compiled = torch.compile(lambda a, b: associative_scan(compose, (a, b), 1, combine_mode="generic")[1], dynamic=False)
    peers = [("mamba.py pscan", _pscan(), 0.6), ("associative_scan, compiled", compiled, 0.6), ("log space", logarithms, 0.1)]
    for B, T, D in ((8, 1024, 256), (16, 2048, 128), (4, 1024, 1024)):
        inputs = [torch.rand(B, T, D), torch.rand(B, T, D)]
        for peer, function, target in peers:
            theirs = function and gradients(function, inputs, device)
            yield Case("linear_scan", f"B {B}, T {T}, D {D}", peer, gradients(linear_scan, inputs, device), theirs, target)


def _pscan():
    try:
        from mambapy.pscan import pscan
    except ImportError:
        return None
    return lambda a, b: pscan(a[..., None], b[..., None])[..., 0]  # it wants (B, T, D, N)


def selective(device):
    """selective_scan against mamba.py's."""
    try:
        from mambapy.mamba import MambaBlock

        theirs = lambda *inputs: MambaBlock.selective_scan(None, *inputs)  # noqa: E731
    except ImportError:
        theirs = None
    N = 16
    for B, T, D in ((1, 1024, 256), (4, 1024, 256), (1, 4096, 256)):
        inputs = [
            torch.randn(B, T, D), 0.1 * torch.rand(B, T, D), -torch.arange(1.0, N + 1).repeat(D, 1),
            torch.randn(B, T, N), torch.randn(B, T, N), torch.ones(D),
        ]  # fmt: skip
        run = theirs and gradients(theirs, inputs, device)
        yield Case("selective_scan", f"B {B}, T {T}, D {D}", "mamba.py", gradients(selective_scan, inputs, device), run, 0.2)


def kernels(device):
    """The kernel of S4D, forward, against the plain sum of complex exponentials."""
    for D, N, T in ((64, 64, 1024), (128, 64, 4096)):
        layer = S4D(D, N).to(device)
        with torch.no_grad():
            z, B_bar, C = layer.discrete()
        c = (C * B_bar).detach()
        runs = [torch.no_grad()(lambda f=f, c=c, z=z, T=T: f(c, z, T)) for f in (s4d_kernel, s4d_kernel_direct)]
        yield Case("S4D kernel, forward", f"D {D}, N {N}, T {T}", "complex exp", *runs, 0.15)


def minimal(device):
    """minGRU against the same layer by the form in logarithms of its paper."""

    def logarithms(layer, x):
        k, h = layer.linear_z(x), layer.linear_h(x)
        log_g = torch.where(h >= 0, (F.relu(h) + 0.5).log(), -F.softplus(-h))
        log_a, log_b = -F.softplus(k), -F.softplus(-k) + log_g
        a_star = log_a.cumsum(1)
        return torch.exp(a_star + torch.logcumsumexp(log_b - a_star, 1))

    for B, T, D, H in ((8, 512, 64, 256), (16, 1024, 64, 128)):
        layer = minGRU(D, H, candidate="g").to(device)
        x = [torch.randn(B, T, D)]
        ours = gradients(lambda x, layer=layer: layer(x)[0], x, device)
        theirs = gradients(lambda x, layer=layer: logarithms(layer, x), x, device)
        yield Case("minGRU", f"B {B}, T {T}, D {D}, H {H}", "log space", ours, theirs, 0.25)


def scores(device):
    """The scores of additive attention against their form with tanh."""
    for B, S, A in ((32, 50, 256), (64, 50, 512)):
        inputs = [torch.randn(B, A), torch.randn(B, S, A), torch.randn(A)]
        runs = [gradients(f, inputs, device) for f in (additive_scores, tanh_scores)]
        yield Case("additive scores", f"B {B}, S {S}, A {A}", "tanh form", *runs, 0.35)
        inputs = [x.to(device) for x in inputs]
        runs = [lambda f=f, xs=inputs: f(*xs) for f in (additive_scores, tanh_scores)]
        yield Case("additive scores, forward", f"B {B}, S {S}, A {A}", "tanh form", *runs)


def measure(case: Case, threads: int, rounds: int, device: str) -> Measurement:
    """Run both in turn; the first rounds don't count."""
    functions = [f for f in (case.ours, case.theirs, case.floor) if f]
    times = [[] for _ in functions]
    for number in range(WARM_UP + rounds):
        for function, kept in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            if device != "cpu":
                torch.cuda.synchronize()
            if number >= WARM_UP:
                kept.append(1e3 * (time.perf_counter() - start))
    ratios = [a / b for a, b in zip(*times[:2], strict=True)]
    floor = case.floor and round(statistics.median(a / b for a, b in zip(times[2], times[1], strict=True)), 4)
    target = case.target
    if target == "lstm":
        target = 1.05 if threads == 1 else 1.2
    return Measurement(case.name, case.size, case.peer, threads, target, *map(_quartiles, (*times[:2], ratios)), floor)


def _quartiles(values):
    return [round(q, 4) for q in statistics.quantiles(values, n=4)]


def saved_bytes(function: Callable) -> int:
    """Bytes that a forward pass keeps for its backward, each storage once."""
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        function()
    return sum(kept.values())


def memory(device) -> list[dict]:
    """What selective_scan keeps for its backward against the plain loop, in the length T and in the state N."""
    rows = []
    for T, N in ((512, 16), (1024, 16), (1024, 64)):
        B, D = 2, 64
        shapes = [(B, T, D), (B, T, D), (D, N), (B, T, N), (B, T, N)]
        inputs = [torch.rand(shape, device=device).requires_grad_() for shape in shapes]
        row = {"B": B, "T": T, "D": D, "N": N, "inputs": 4 * sum(x.numel() for x in inputs)}
        for function in (selective_scan, selective_scan_sequential):
            row[function.__name__] = saved_bytes(lambda f=function, xs=inputs: f(*xs))
        rows.append(row)
    return rows


def write_table(measurements: list[Measurement], record: dict, path: Path):
    """The results as a page, slower cases named as such."""
    lines = [f"# The library beside its peers, on {record['device']}", ""]
    lines += [f"`{record['command']}`, torch {record['torch']}.", ""]
    lines += [
        "| case | size | peer | threads | ours, ms | theirs, ms | ours / theirs | quartiles | products / theirs | target |",
        "|" + "---|" * 10,
    ]
    for m in measurements:
        target = "" if m.target is None else f"{m.target:g} {'met' if m.ratio[1] <= m.target else '**missed**'}"
        ratio = f"{m.ratio[1]:.2f}" + (" (slower)" if m.ratio[1] > 1 else "")
        cells = [m.name, m.size, m.peer, m.threads, f"{m.ours_ms[1]:.2f}", f"{m.theirs_ms[1]:.2f}", ratio]
        floor = "" if m.floor is None else f"{m.floor:.2f}"
        lines.append("| " + " | ".join(map(str, [*cells, f"{m.ratio[0]:.2f}–{m.ratio[2]:.2f}", floor, target])) + " |")
    lines += ["", "Products: the time of a layer's matrix products without all else, as our layers call them. No"]
    lines += ["arrangement of the rest gets below it on this processor, nor to a target below it."]
    lines += ["", "Where ours is slower, use the peer: the state_dict of RNN, GRU and LSTM is that of `torch.nn`.", ""]
    lines += ["## Memory kept for the backward of the selective scan", ""]
    lines += ["| B, T, D, N | inputs | selective_scan | plain loop |", "|---|---|---|---|"]
    for row in record["memory"]:
        sizes = [f"{row[key] / 1e6:.2f} MB" for key in ("inputs", "selective_scan", "selective_scan_sequential")]
        lines.append(f"| {row['B']}, {row['T']}, {row['D']}, {row['N']} | " + " | ".join(sizes) + " |")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw(measurements: list[Measurement], path: Path):
    """One bar a case: the median ratio, its quartiles, the target as an orange tick, the products alone as a gray one."""
    fig, ax = plt.subplots(figsize=(8, 0.22 * len(measurements) + 1))
    for y, m in enumerate(reversed(measurements)):
        low, middle, high = m.ratio
        ax.barh(y, middle, color="#2b6cb0" if m.threads == 1 else "#90b4d8")
        ax.plot([low, high], [y, y], color="black", linewidth=1)
        if m.floor:
            ax.plot([m.floor] * 2, [y - 0.4, y + 0.4], color="gray", linewidth=2)
        if m.target:
            ax.plot([m.target] * 2, [y - 0.4, y + 0.4], color="#c05621", linewidth=2)
    ax.set_yticks(range(len(measurements)))
    ax.set_yticklabels([f"{m.name} {m.size}, {m.peer}, {m.threads} thread(s)" for m in reversed(measurements)], fontsize=6)
    ax.axvline(1, color="gray", linewidth=0.8)
    ax.set_xscale("log")
    ax.set_xlabel("time, ours / theirs")
    with plt.rc_context({"svg.hashsalt": "rnncourse"}):
        fig.savefig(path, metadata={"Date": None}, bbox_inches="tight")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    groups = (layers, scans, selective, kernels, minimal, scores)
    cases = [c for group in groups for c in group(arguments.device) if arguments.only.lower() in c.name.lower()]
    measurements = []
    for threads in arguments.threads if arguments.device == "cpu" else [1]:
        torch.set_num_threads(threads)
        for case in tqdm(cases, desc=f"{threads} thread(s)", unit="case"):
            if case.theirs is None:
                tqdm.write(f"{case.name} {case.size}: {case.peer} is not installed (pip install -e .[bench])")
                continue
            m = measure(case, threads, arguments.rounds, arguments.device)
            measurements.append(m)
            met = "" if m.target is None else f"   target {m.target:g}: {'met' if m.ratio[1] <= m.target else 'MISSED'}"
            tqdm.write(
                f"{m.name:20} {m.size:24} {m.peer:28} {m.ours_ms[1]:9.2f} ms {m.theirs_ms[1]:9.2f} ms"
                f"   ratio {m.ratio[1]:.3f} [{m.ratio[0]:.3f}, {m.ratio[2]:.3f}]{met}"
                + (f"   products alone {m.floor:.3f}" if m.floor else "")
            )
    device = torch.cuda.get_device_name() if arguments.device != "cpu" else processor()
    record = {
        "command": f"python benchmarks/library.py --rounds {arguments.rounds}", "seed": 0, "device": device,
        "python": platform.python_version(), "torch": torch.__version__,
        "measurements": [asdict(m) for m in measurements], "memory": memory(arguments.device),
    }  # fmt: skip
    if arguments.only:
        return  # part of a run is for the eye
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"library-{arguments.device}"
    target.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    write_table(measurements, record, target.with_suffix(".md"))
    draw(measurements, target.with_suffix(".svg"))
    print(f"written: {target}.json, .md and .svg")


if __name__ == "__main__":
    main()
