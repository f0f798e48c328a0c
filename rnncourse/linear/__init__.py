"""Recurrences linear in their state: minimal gated networks and linear attention (chapter `linear`)."""

from rnncourse.linear.minimal import (
    linear_attention,
    linear_attention_recurrent,
    linear_attention_step,
    minGRU,
    minLSTM,
)

__all__ = ["linear_attention", "linear_attention_recurrent", "linear_attention_step", "minGRU", "minLSTM"]
