"""Seeded tensors, and equality up to the size of what is compared."""

import torch


def randn(*shape, dtype=torch.float64, seed=0):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def close(actual, expected, tolerance=1e-9):
    """Equal up to `tolerance` of the largest element."""
    scale = max(1.0, expected.abs().max().item()) if expected.numel() else 1.0
    torch.testing.assert_close(actual, expected, rtol=0, atol=tolerance * scale)
