"""From one sequence to another: model, attention and search (chapter `seq2seq`)."""

from rnncourse.seq2seq.attention import AdditiveAttention, Memory, additive_scores, tanh_scores
from rnncourse.seq2seq.model import Decoder, Encoder, Seq2Seq
from rnncourse.seq2seq.search import Hypothesis, beam_search, edit_distance, error_rate, greedy

__all__ = [
    "AdditiveAttention", "Decoder", "Encoder", "Hypothesis", "Memory", "Seq2Seq", "additive_scores",
    "beam_search", "edit_distance", "error_rate", "greedy", "tanh_scores",
]  # fmt: skip
