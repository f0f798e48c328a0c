"""From one sequence to another: an encoder reads the source, a decoder writes the target (chapter `seq2seq`).

Symbols
    x (B, S)  source tokens        h_j (B, K)  annotation of source position j      c_t (B, K)  context at output step t
    y (B, T)  target tokens        s_t (B, H)  the decoder's state                  V  size of the target vocabulary

Equations
    h = f(x)                                                                      `Encoder`
    c_t from s_{t-1} and all h_j                                                  `AdditiveAttention`
    s_t = g([y_{t-1} ; c_t], s_{t-1}),  p(y_t | y_<t, x) = softmax(W [s_t ; c_t] + b)     `Decoder`
    s_0 = tanh(W h_last + b)                                                      `Seq2Seq`

Sources: Sutskever, Vinyals and Le, "Sequence to sequence learning with neural networks" (2014); Cho et al., "Learning
phrase representations using RNN encoder-decoder" (2014), for s_0; Bahdanau, Cho and Bengio, "Neural machine translation
by jointly learning to align and translate" (2015), equation 4 and appendix A; Bengio et al., "Scheduled sampling for
sequence prediction with recurrent neural networks" (2015).
"""

import torch
from torch import Tensor, nn

from rnncourse.layers import Recurrent, check_lengths, padding_mask
from rnncourse.modes import known
from rnncourse.seq2seq.attention import AdditiveAttention, Memory


class Encoder(nn.Module):
    """Embed the source tokens and run a recurrent network over them.

    Args:
        vocab_size: of the source. rnn: a network with batch_first=True, in one direction or two, such as `LSTM`,
            `Bidirectional` or `Stacked`; its input_size is the width of the embedding.

    Called as `encoder(tokens, lengths=None)` with tokens (B, S), returns the annotations (B, S, K), K being hidden_size
    times the number of directions, and h_last (B, K): each direction's output where it has read the whole source.

    Raises:
        ValueError: tokens or lengths do not fit.
    """

    def __init__(self, vocab_size: int, rnn: nn.Module):
        super().__init__()
        _check_vocab_size(vocab_size)
        if not getattr(rnn, "batch_first", True):
            raise ValueError("rnn: got batch_first=False, expected True")
        self.embedding = nn.Embedding(vocab_size, rnn.input_size)
        self.rnn = rnn
        self.output_size = rnn.hidden_size * rnn.directions

    def forward(self, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        _check_tokens("tokens", tokens, self.embedding.num_embeddings)
        B, S = tokens.shape
        h, _ = self.rnn(self.embedding(tokens), None, lengths)  # (B, S, K)
        H = self.rnn.hidden_size
        ends = h.new_full((B,), S, dtype=torch.long) if lengths is None else check_lengths(lengths, B, S)
        forward_last = h[torch.arange(B, device=h.device), ends.to(h.device) - 1, :H]  # (B, H)
        return h, torch.cat([forward_last, h[:, 0, H:]], -1)  # a backward direction ends at the first step


class Decoder(nn.Module):
    """One output step: attend, update the state, give the logits of the next token.

    Args:
        vocab_size: V. rnn: a network in one direction with batch_first=True; its input is the embedding of the previous
            token and, with attention, the context. attention: None leaves the state alone to carry the source.

    Called as `decoder(token, state, memory=None)` with token (B,), state as the network's h0, and the attention's
    memory; returns logits (B, V), the new state, and the attention weights (B, S), or None.

    Raises:
        ValueError: the network reads the future, or is too narrow, or does not fit the attention.
    """

    def __init__(self, vocab_size: int, rnn: Recurrent, attention: AdditiveAttention | None = None):
        super().__init__()
        _check_vocab_size(vocab_size)
        context_size = attention.key_size if attention else 0
        if rnn.bidirectional or not rnn.batch_first:
            got = f"bidirectional={rnn.bidirectional}, batch_first={rnn.batch_first}"
            raise ValueError(f"rnn: got {got}, expected False and True: a decoder must not see what it predicts")
        if rnn.input_size <= context_size:
            raise ValueError(f"rnn: got input_size {rnn.input_size}, expected over {context_size}, that of the context")
        if attention and attention.query_size != rnn.hidden_size:
            got = attention.query_size
            raise ValueError(f"attention: got query_size {got}, expected the network's hidden_size {rnn.hidden_size}")
        self.embedding = nn.Embedding(vocab_size, rnn.input_size - context_size)
        self.rnn, self.attention = rnn, attention
        self.readout = nn.Linear(rnn.hidden_size + context_size, vocab_size)

    def forward(self, token: Tensor, state, memory: Memory | None = None):
        if token.dim() != 1:
            raise ValueError(f"token: got shape {tuple(token.shape)}, expected (B,), one token for each sequence")
        if (memory is None) != (self.attention is None):
            got, expected = type(memory).__name__, "None" if self.attention is None else "that of the attention"
            raise ValueError(f"memory: got {got}, expected {expected}")
        x, weights = self.embedding(token), None  # (B, E)
        if self.attention:
            top = (state[0] if isinstance(state, tuple) else state)[-1]  # s_{t-1} of the top layer, (B, H)
            context, weights = self.attention(top, memory)
            x = torch.cat([x, context], -1)  # (B, E + K)
        h, state = self.rnn(x[:, None], state)  # (B, 1, H)
        h = h.squeeze(1)
        return self.readout(torch.cat([h, context], -1) if self.attention else h), state, weights


class Seq2Seq(nn.Module):
    """An encoder and a decoder: the model of a target sequence given a source sequence.

    Args:
        encoder, decoder: the two. start, end: the target tokens that stand before the first token and after the last.

    Called as `model(source, target, lengths=None, teacher_forcing=1.0)`: source (B, S) with lengths (B,), target (B, T)
    without the start token. Returns the logits (B, T, V) of each target token given those before it, and the attention
    weights (B, T, S), or None. teacher_forcing is the probability with which the decoder is given the true previous
    token, drawn for each sequence and step; else it gets its own most likely one.

    Raises:
        ValueError: a shape, a token, a length or the probability does not fit.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, start: int, end: int):
        super().__init__()
        V = decoder.embedding.num_embeddings
        for name, token in (("start", start), ("end", end)):
            if not isinstance(token, int) or not 0 <= token < V:
                raise ValueError(f"{name}: got {token!r}, expected a token from 0 to {V - 1}")
        if decoder.attention and decoder.attention.key_size != encoder.output_size:
            got = decoder.attention.key_size
            raise ValueError(f"decoder: got key_size {got}, expected {encoder.output_size}, the encoder's output_size")
        self.encoder, self.decoder, self.start, self.end = encoder, decoder, start, end
        rnn = decoder.rnn
        self.bridge = nn.Linear(encoder.output_size, rnn.states * rnn.num_layers * rnn.hidden_size)

    def encode(self, source: Tensor, lengths: Tensor | None = None):
        """Read the source: the decoder's first state and its memory (None without attention)."""
        annotations, h_last = self.encoder(source, lengths)
        rnn = self.decoder.rnn
        state = torch.tanh(self.bridge(h_last)).unflatten(1, (rnn.states, rnn.num_layers, rnn.hidden_size))
        state = tuple(s.contiguous() for s in state.permute(1, 2, 0, 3))  # (num_layers, B, H) each
        memory = None
        if self.decoder.attention:
            ends = None if lengths is None else torch.as_tensor(lengths, device=source.device)
            padding = None if ends is None else padding_mask(ends, source.shape[1])
            memory = self.decoder.attention.memory(annotations, padding)
        return state if rnn.states > 1 else state[0], memory

    def forward(self, source: Tensor, target: Tensor, lengths: Tensor | None = None, teacher_forcing: float = 1.0):
        if not 0 <= teacher_forcing <= 1:
            raise ValueError(f"teacher_forcing: got {teacher_forcing!r}, expected a probability from 0 to 1")
        _check_tokens("target", target, self.decoder.embedding.num_embeddings)
        if len(target) != len(source):
            raise ValueError(f"target: got {len(target)} sequences, expected {len(source)}, one for each source")
        state, memory = self.encode(source, lengths)
        token = torch.full_like(target[:, 0], self.start)  # (B,)
        all_logits, all_weights = [], []
        for truth in target.unbind(1):
            logits, state, weights = self.decoder(token, state, memory)
            all_logits.append(logits)
            all_weights.append(weights)
            token = truth
            if teacher_forcing < 1:
                forced = torch.rand(truth.shape, device=truth.device) < teacher_forcing
                token = torch.where(forced, truth, logits.argmax(-1))
        return torch.stack(all_logits, 1), torch.stack(all_weights, 1) if memory else None


def _check_vocab_size(V):
    if not isinstance(V, int) or isinstance(V, bool) or V < 1:
        raise ValueError(f"vocab_size: got {V!r}, expected an integer of at least 1")


def _check_tokens(name, tokens, V):
    if tokens.dim() != 2 or tokens.shape[1] == 0 or tokens.is_floating_point() or tokens.dtype == torch.bool:
        got = f"{tuple(tokens.shape)} of {tokens.dtype}"
        raise ValueError(f"{name}: got shape {got}, expected (B, at least 1) of integers")
    if tokens.numel() and known(tokens) and not (tokens.min() >= 0 and tokens.max() < V):
        raise ValueError(f"{name}: got {tokens.min()} to {tokens.max()}, expected 0 to {V - 1} = vocab_size − 1")
