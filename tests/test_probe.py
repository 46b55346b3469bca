"""The probe of the processor's peak: that it computes what it says, so that it is not idle."""

import pytest

from fastnet import _core


@pytest.mark.parametrize("probe", [_core.fma_chains_f32, _core.fma_chains_f64])
def test_chains_start_from_their_numbers_and_are_run_n_times(isa, probe):
    mean = (_core.PROBE_CHAINS - 1) / 2
    assert probe(2.0, 1.0, 0) == mean
    assert probe(2.0, 1.0, 1) == 2 * mean + 1  # whole numbers: every rounding is exact
    assert probe(2.0, 1.0, 5) == 32 * mean + 31
    assert probe(0.5, 0.5, 1000) == 1.0  # the fixed point
