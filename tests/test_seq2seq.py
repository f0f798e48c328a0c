"""seq2seq: the models against torch.nn and their equations; what it, attention and search do with bad input."""

import copy
import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse.bidirectional import Bidirectional, Stacked
from rnncourse.gru import GRU
from rnncourse.lstm import LSTM
from rnncourse.recurrence import RNN
from rnncourse.seq2seq import (
    AdditiveAttention,
    Decoder,
    Encoder,
    Seq2Seq,
    additive_scores,
    beam_search,
    error_rate,
    greedy,
    tanh_scores,
)
from rnncourse.tasks import Batch
from rnncourse.training import fit

CELLS = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}
START, END = 0, 1


def tokens(*shape, V=7, seed=0):
    return torch.randint(V, shape, generator=torch.Generator().manual_seed(seed))


def model(cell="GRU", V=5, attention=True, num_layers=1, seed=0, sharpness=1.0, source_size=7):
    """A small model in float64; sharpness makes its distributions uneven, as a trained one's are."""
    torch.manual_seed(seed)
    encoder = Encoder(source_size, Bidirectional(CELLS[cell], 4, 3))
    attend = AdditiveAttention(5, 6, 4) if attention else None
    decoder = Decoder(V, CELLS[cell](3 + 6 * attention, 5, num_layers), attend)
    net = Seq2Seq(encoder, decoder, START, END).double()
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(sharpness)
    return net


@pytest.mark.parametrize("lengths", [None, [5, 1, 3]])
def test_encoder_is_torchs(lengths):
    torch.manual_seed(0)
    theirs = nn.LSTM(4, 3, batch_first=True, bidirectional=True, dtype=torch.float64)
    ours = Encoder(7, LSTM(4, 3, bidirectional=True)).double()
    ours.rnn.load_state_dict(theirs.state_dict())
    x = tokens(3, 5)
    embedded = ours.embedding(x)
    if lengths is None:
        expected, (h_n, _) = theirs(embedded)
    else:
        lengths = torch.tensor(lengths)
        pack = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        expected, (h_n, _) = theirs(pack)
        expected = pad_packed_sequence(expected, batch_first=True)[0]
    annotations, h_last = ours(x, lengths)
    torch.testing.assert_close(annotations, expected)
    torch.testing.assert_close(h_last, torch.cat([h_n[0], h_n[1]], -1))
    assert ours.output_size == 6


def test_encoder_of_one_direction_and_of_a_stack():
    x, lengths = tokens(3, 5), torch.tensor([5, 1, 3])
    annotations, h_last = Encoder(7, RNN(4, 3))(x, lengths)
    torch.testing.assert_close(h_last, annotations[range(3), lengths - 1])
    stack = Stacked([Bidirectional(GRU, 4, 3), GRU(6, 6), GRU(6, 6)], residual=True)
    annotations, h_last = Encoder(7, stack)(x, lengths)
    torch.testing.assert_close(h_last, annotations[range(3), lengths - 1])


@pytest.mark.parametrize("attention", [True, False])
def test_the_model_is_its_equations(attention):
    """Two layers of LSTM, with torch's LSTM as g and the sequence written out step by step."""
    net = model("LSTM", attention=attention, num_layers=2)
    source, target = tokens(3, 6), tokens(3, 4, V=5, seed=1)
    g = nn.LSTM(net.decoder.rnn.input_size, 5, 2, batch_first=True, dtype=torch.float64)
    g.load_state_dict(net.decoder.rnn.state_dict())
    h, h_last = net.encoder(source)
    start = torch.tanh(net.bridge(h_last)).view(3, 2, 2, 5)  # (B, h or c, layer, H)
    state = tuple(start[:, i].transpose(0, 1).contiguous() for i in range(2))
    heard = torch.cat([torch.full((3, 1), START), target[:, :-1]], 1)
    expected = []
    for t in range(4):
        x = net.decoder.embedding(heard[:, t])
        parts = []
        if attention:
            look = net.decoder.attention
            e = tanh_scores(look.W_q(state[0][1]), look.W_k(h), look.v)  # the query is the upper layer's h
            parts = [torch.einsum("bj,bjk->bk", e.softmax(-1), h)]
        output, state = g(torch.cat([x, *parts], -1)[:, None], state)
        expected.append(net.decoder.readout(torch.cat([output[:, 0], *parts], -1)))
    torch.testing.assert_close(net(source, target)[0], torch.stack(expected, 1))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("attention", [True, False])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_shapes_gradients_and_causality(cell, attention, num_layers):
    net = model(cell, attention=attention, num_layers=num_layers)
    source, target, lengths = tokens(3, 6), tokens(3, 4, V=5, seed=1), torch.tensor([6, 2, 4])
    logits, weights = net(source, target, lengths)
    assert logits.shape == (3, 4, 5)
    if attention:
        assert weights.shape == (3, 4, 6)
        torch.testing.assert_close(weights.sum(-1), torch.ones(3, 4, dtype=torch.float64))
        assert (weights[1, :, 2:] == 0).all()
    else:
        assert weights is None
    gradients = torch.autograd.grad(logits.square().sum(), list(net.parameters()), retain_graph=True)
    assert all(g.isfinite().all() and g.any() for g in gradients)
    changed = target.clone()
    changed[:, 2] = (changed[:, 2] + 1) % 5
    other = net(source, changed, lengths)[0]
    assert torch.equal(other[:, :3], logits[:, :3]), "a target token must not be seen before it is predicted"
    assert not torch.equal(other[:, 3], logits[:, 3])


@settings(max_examples=15, deadline=None)
@given(
    cell=st.sampled_from(sorted(CELLS)),
    attention=st.booleans(),
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    extra=st.integers(0, 2),
)
def test_padded_sources_are_each_source_alone(cell, attention, lengths, extra):
    net = model(cell, attention=attention)
    source, target = tokens(len(lengths), max(lengths) + extra), tokens(len(lengths), 3, V=5, seed=1)
    logits, _ = net(source, target, torch.tensor(lengths))
    for b, length in enumerate(lengths):
        torch.testing.assert_close(logits[b : b + 1], net(source[b : b + 1, :length], target[b : b + 1])[0])


def test_without_teacher_the_model_hears_itself():
    net = model("LSTM", sharpness=4)
    source = tokens(20, 6)
    logits, _ = net(source, tokens(20, 5, V=5), teacher_forcing=0.0)
    said = logits.argmax(-1)
    torch.testing.assert_close(net(source, said)[0], logits)
    for row, hypothesis in zip(said.tolist(), greedy(net, source, 5), strict=True):
        assert row[: len(hypothesis.tokens)] == hypothesis.tokens


@pytest.mark.parametrize("ratio", [0.25, 0.8])
def test_teacher_forcing_ratio_is_its_probability(ratio):
    net = model("RNN", sharpness=4)
    source, target = tokens(2000, 3), tokens(2000, 2, V=5, seed=1)
    torch.manual_seed(0)
    mixed = net(source, target, teacher_forcing=ratio)[0][:, 1]
    forced, free = (net(source, target, teacher_forcing=r)[0][:, 1] for r in (1.0, 0.0))
    differ = (forced != free).any(-1)
    is_forced = (mixed == forced).all(-1)
    assert (is_forced | (mixed == free).all(-1)).all() and differ.sum() > 500
    rate = is_forced[differ].double().mean().item()
    assert abs(rate - ratio) < 4.5 * math.sqrt(ratio * (1 - ratio) / differ.sum().item())


def reversal(generator, batch_size=64):
    """Say the source backwards: sources of 2 to 5 tokens from 2 to 7, padded with 0; targets end with END."""
    lengths = torch.randint(2, 6, (batch_size,), generator=generator)
    source = torch.randint(2, 8, (batch_size, 5), generator=generator)
    source[torch.arange(5) >= lengths[:, None]] = 0
    target = torch.full((batch_size, 6), END)
    for row, wanted, n in zip(source, target, lengths, strict=True):
        wanted[:n] = row[:n].flip(0)
    return Batch((source, target, lengths), target, torch.arange(6) <= lengths[:, None])


def test_it_learns_to_reverse_and_attends_backwards():
    torch.manual_seed(0)
    attention = AdditiveAttention(32, 32, 16)
    net = Seq2Seq(Encoder(8, Bidirectional(GRU, 16, 16)), Decoder(8, GRU(16 + 32, 32), attention), START, END)
    fit(net, reversal, 250, optimizer=torch.optim.Adam(net.parameters(), lr=1e-2))
    (source, target, lengths), *_ = reversal(torch.Generator().manual_seed(1), 100)
    references = [row[:n] for row, n in zip(target.tolist(), lengths.tolist(), strict=True)]
    said = greedy(net, source, 8, lengths)
    assert error_rate([h.tokens for h in said], references) < 0.02
    assert all(h.ended for h in said)
    searched = [best[0].tokens for best in beam_search(net, source, 8, 4, lengths)]
    assert error_rate(searched, references) < 0.02
    _, weights = net(source, target, lengths)
    looks_at = weights.argmax(-1)  # the alignment: output t of n comes from source position n − 1 − t
    right = [looks_at[b, t] == n - 1 - t for b, n in enumerate(lengths.tolist()) for t in range(n)]
    assert sum(right) / len(right) > 0.8


def test_models_copy_pickle_and_reload():
    net, source, target = model("LSTM"), tokens(2, 4), tokens(2, 3, V=5)
    expected = net(source, target)[0]
    other = model("LSTM", seed=5)
    other.load_state_dict(net.state_dict())
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), other):
        assert torch.equal(twin(source, target)[0], expected)


def test_autocast_trains():
    net = model("GRU").float()
    with torch.autocast("cpu", torch.bfloat16):
        logits, weights = net(tokens(2, 4), tokens(2, 3, V=5), torch.tensor([4, 2]))
        loss = logits.float().square().mean()
    loss.backward()
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in net.parameters())
    exact, _ = net(tokens(2, 4), tokens(2, 3, V=5), torch.tensor([4, 2]))
    torch.testing.assert_close(logits.float(), exact, rtol=0, atol=0.02)
    assert (weights[1, :, 2:] == 0).all()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: tanh_scores(torch.zeros(2, 3), torch.zeros(2, 4, 5), torch.zeros(3)), r"\[\(2, 3\), \(2, 4, 5\)"),
        (lambda: additive_scores(torch.zeros(1, 3), torch.zeros(2, 4, 3), torch.zeros(3)), "query, keys, v"),
        (lambda: additive_scores(torch.zeros(2, 3), torch.zeros(2, 4, 3), torch.zeros(1)), "query, keys, v"),
        (lambda: additive_scores(torch.zeros(3), torch.zeros(4, 3), torch.zeros(3)), "query, keys, v"),
        (lambda: AdditiveAttention(0, 1, 1), "query_size: got 0"),
        (lambda: AdditiveAttention(1, 1, 1.5), "size: got 1.5"),
        (lambda: AdditiveAttention(2, 3, 4).memory(torch.zeros(1, 5, 2)), r"annotations: got \(1, 5, 2\)"),
        (lambda: AdditiveAttention(2, 3, 4).memory(torch.zeros(1, 0, 3)), r"annotations: got \(1, 0, 3\)"),
        (lambda: AdditiveAttention(2, 3, 4).memory(torch.zeros(1, 2, 3), torch.zeros(1, 2)), "padding: .* torch.float"),
        (
            lambda: AdditiveAttention(2, 3, 4).memory(torch.zeros(2, 2, 3), torch.tensor([[False, True], [True] * 2])),
            "padding: got a source that is padding alone",
        ),
        (lambda: (a := AdditiveAttention(2, 3, 4))(torch.zeros(2, 2), a.memory(torch.zeros(1, 5, 3))), "query: got"),
        (lambda: Encoder(0, RNN(2, 3)), "vocab_size: got 0"),
        (lambda: Encoder(5, RNN(2, 3, batch_first=False)), "rnn: got batch_first=False"),
        (lambda: Encoder(5, RNN(2, 3))(torch.tensor([[5]])), "tokens: got 5 to 5, expected 0 to 4"),
        (lambda: Encoder(5, RNN(2, 3))(torch.zeros(1, 2)), r"tokens: got shape \(1, 2\) of torch.float32"),
        (lambda: Encoder(5, RNN(2, 3))(tokens(2, 0)), r"tokens: got shape \(2, 0\)"),
        (lambda: Encoder(7, RNN(2, 3))(tokens(2, 3), torch.tensor([3, 0])), "lengths: got values from 0"),
        (lambda: Decoder(5, RNN(2, 3, bidirectional=True)), "rnn: got bidirectional=True"),
        (lambda: Decoder(5, RNN(3, 3), AdditiveAttention(3, 3, 2)), "rnn: got input_size 3, expected over 3"),
        (lambda: Decoder(5, RNN(5, 3), AdditiveAttention(4, 3, 2)), "attention: got query_size 4"),
        (lambda: Decoder(True, RNN(5, 3)), "vocab_size: got True"),
        (lambda: model().decoder(tokens(2, 1), None, None), r"token: got shape \(2, 1\)"),
        (lambda: model().decoder(tokens(2), None, None), "memory: got NoneType"),
        (lambda: Seq2Seq(Encoder(5, RNN(2, 3)), Decoder(5, RNN(2, 3)), 5, 1), "start: got 5, expected a token"),
        (lambda: Seq2Seq(Encoder(5, RNN(2, 3)), Decoder(5, RNN(2, 3)), 0, -1), "end: got -1"),
        (
            lambda: Seq2Seq(Encoder(5, RNN(2, 3)), Decoder(5, RNN(8, 3), AdditiveAttention(3, 6, 2)), 0, 1),
            "decoder: got key_size 6, expected 3",
        ),
        (lambda: model()(tokens(2, 3), tokens(3, 3, V=5)), "target: got 3 sequences, expected 2"),
        (lambda: model()(tokens(2, 3), tokens(2, 3, V=5) + 5), "target: got"),
        (lambda: model()(tokens(2, 3), tokens(2, 3, V=5), teacher_forcing=1.5), "teacher_forcing: got 1.5"),
        (lambda: model()(tokens(2, 3), tokens(2, 3, V=5), torch.tensor([4, 3])), "lengths: got values from 3 to 4"),
        (lambda: greedy(model(), tokens(2, 3), 0), "max_steps: got 0"),
        (lambda: beam_search(model(), tokens(2, 3), 3, 0), "width: got 0"),
        (lambda: beam_search(model(), tokens(2, 3), 3, 2, n_best=3), "n_best: got 3, expected at most width = 2"),
        (lambda: beam_search(model(), tokens(2, 3), 3, 2, alpha=-1), "alpha: got -1"),
        (lambda: beam_search(model(), tokens(2, 3), 3, 2, alpha=math.nan), "alpha: got nan"),
        (lambda: error_rate(["a"], []), "hypotheses: got 1, expected 0"),
        (lambda: error_rate([], []), "references: got no symbol"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("cell", CELLS)
def test_cuda_equals_cpu(cell):
    net = model(cell, sharpness=3)
    source, target, lengths = tokens(4, 5), tokens(4, 3, V=5), torch.tensor([5, 2, 4, 1])
    found = beam_search(net, source, 6, 3, lengths, n_best=3)
    logits, _ = net(source, target, lengths)
    gradients = torch.autograd.grad(logits.square().sum(), list(net.parameters()))
    net = net.cuda()
    there, _ = net(source.cuda(), target.cuda(), lengths.cuda(), teacher_forcing=1.0)
    torch.testing.assert_close(there.cpu(), logits, rtol=1e-9, atol=1e-12)
    for mine, other in zip(torch.autograd.grad(there.square().sum(), list(net.parameters())), gradients, strict=True):
        torch.testing.assert_close(mine.cpu(), other, rtol=1e-8, atol=1e-10)
    assert [[h.tokens for h in row] for row in beam_search(net, source.cuda(), 6, 3, lengths.cuda(), n_best=3)] == [
        [h.tokens for h in row] for row in found
    ]
