"""Truncated backpropagation through time: windows, carried states and memory, on recall and on real text.

Recall: at each step of an endless stream of symbols, name the symbol that came `lag` steps before.
Text: a language model of characters reads a stream of English prose once.
"""

import time

import torch
from stored import run
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from rnncourse.bptt import TruncatedBPTT, clip_gradient_norm
from rnncourse.layers import orthogonal_
from rnncourse.recurrence import RNN, LanguageModel
from rnncourse.tasks import prose

SYMBOLS = 4
SETTINGS = dict(seeds=[0, 1, 2], lags=[2, 4, 8, 16], windows=[1, 2, 4, 8, 16, 32], updates=2000, steps=12_000)
QUICK = dict(seeds=[0], lags=[2], windows=[1, 4], updates=20, steps=200)
TEXT = [(5, 5), (20, 20), (20, 40), (20, 200), (200, 200), (None, None)]  # k1, k2; None: the whole stream


def recall(lag, k, how, seed, updates, H=64, B=16):
    """Share of right answers in the last tenth of a training with windows of k steps.

    how: "carried" and "reset" say what becomes of the state between two windows; "read-out" carries it and trains the
    read-out alone, so that no gradient reaches the recurrence.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    rnn, readout = orthogonal_(RNN(SYMBOLS, H)), nn.Linear(H, SYMBOLS)
    parameters = [*rnn.parameters(), *readout.parameters()] if how != "read-out" else list(readout.parameters())
    optimiser = torch.optim.Adam(parameters, lr=2e-3)
    symbols = torch.randint(SYMBOLS, (B, updates * k + lag), generator=generator)
    state, right = None, []
    for begin in range(lag, lag + updates * k, k):
        output, state = rnn(F.one_hot(symbols[:, begin : begin + k], SYMBOLS).float(), state)
        state = None if how == "reset" else state.detach()
        logits, wanted = readout(output), symbols[:, begin - lag : begin - lag + k]
        optimiser.zero_grad()
        F.cross_entropy(logits.flatten(0, 1), wanted.flatten()).backward()
        clip_gradient_norm(parameters, 1.0)
        optimiser.step()
        right.append((logits.argmax(-1) == wanted).float().mean().item())
    last = right[-len(right) // 10 :]
    return sum(last) / len(last)


def streams(split, B, alphabet):
    """The text of a split as B streams side by side, (B, T)."""
    tokens = torch.tensor([alphabet.find(c) + 1 for c in prose(split)])  # 0 for a character that is not in it
    return tokens[: len(tokens) // B * B].view(B, -1)


def losses(model, tokens, k1, k2, carry):
    """The mean loss of each window of a stream (B, T + 1), one after the other."""
    for begin in range(0, 0 if carry else tokens.shape[1] - 1, k1):
        logits, _ = model(tokens[:, begin : begin + k1])
        yield F.cross_entropy(logits.flatten(0, 1), tokens[:, begin + 1 : begin + k1 + 1].flatten())
    for logits, window in TruncatedBPTT(k1, k2).windows(model, tokens[:, :-1]) if carry else ():
        yield F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:][:, window].flatten())


def saved_bytes(losses):
    """Bytes that autograd keeps for the last loss, each piece of memory counted once, parameters left out."""
    pieces = {}

    def keep(tensor):
        if not isinstance(tensor, nn.Parameter):
            pieces[tensor.untyped_storage().data_ptr()] = tensor  # alive until counted, or its place would be reused
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        for _ in losses:
            total = sum(tensor.untyped_storage().nbytes() for tensor in pieces.values())
            pieces.clear()
    return total


def text(k1, k2, carry, seed, steps, B=32, H=128):
    """Read `steps` characters of each of B streams once; nats on unseen text, time of an update, and bytes kept."""
    alphabet = "".join(sorted(set(prose("train"))))
    tokens, unseen = streams("train", B, alphabet)[:, : steps + 1].clone(), streams("valid", B, alphabet)
    torch.manual_seed(seed)
    model = LanguageModel(len(alphabet) + 1, RNN(32, H))
    parameters = list(model.parameters())
    optimiser = torch.optim.Adam(parameters, lr=2e-3)
    start = time.perf_counter()
    for loss in losses(model, tokens, k1, k2, carry):
        optimiser.zero_grad()
        loss.backward()
        clip_gradient_norm(parameters, 1.0)
        optimiser.step()
    seconds = (time.perf_counter() - start) / -(-steps // k1)
    with torch.no_grad():
        (loss,) = losses(model, unseen, unseen.shape[1] - 1, None, True)
    kept = saved_bytes(losses(model, tokens[:, : k2 + 1].clone(), k1, k2, carry))
    return dict(nats=loss.item(), milliseconds=1e3 * seconds, kilobytes=kept / 1e3)


def measure(seeds, lags, windows, updates, steps):
    torch.set_num_threads(1)
    recalled, written = [], []
    for lag, how in tqdm([(lag, how) for lag in lags for how in ("carried", "reset", "read-out")], desc="recall"):
        for k in windows if how != "read-out" else windows[:1]:
            shares = [recall(lag, k, how, seed, updates) for seed in seeds]
            recalled.append(dict(lag=lag, k=k, how=how, shares=[round(share, 3) for share in shares]))
    for k1, k2, carry in tqdm([(20, 20, False), *((k1 or steps, k2 or steps, True) for k1, k2 in TEXT)], desc="text"):
        trained = [text(k1, k2, carry, seed, steps) for seed in seeds]
        written.append(dict(k1=k1, k2=k2, carry=carry, updates=-(-steps // k1), runs=trained))
    return dict(recall=recalled, text=written)


if __name__ == "__main__":
    run(measure, SETTINGS, QUICK)
