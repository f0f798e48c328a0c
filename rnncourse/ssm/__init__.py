"""State space models: the linear system, scans, the diagonal layer and the selective one (chapter `ssm`)."""

from rnncourse.ssm.s4d import S4D, causal_convolution, s4d_kernel, s4d_kernel_direct
from rnncourse.ssm.scan import associative_scan, compose_affine, linear_scan, linear_scan_sequential
from rnncourse.ssm.selective import Mamba, selective_scan, selective_scan_sequential
from rnncourse.ssm.system import LinearSSM, discretize, hippo_legs, krylov, ssm_step

__all__ = [
    "S4D", "LinearSSM", "Mamba", "associative_scan", "causal_convolution", "compose_affine", "discretize", "hippo_legs",
    "krylov", "linear_scan", "linear_scan_sequential", "s4d_kernel", "s4d_kernel_direct", "selective_scan",
    "selective_scan_sequential", "ssm_step",
]  # fmt: skip
