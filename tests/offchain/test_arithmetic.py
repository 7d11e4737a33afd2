"""The grid that networks learn on, and the integers that they start from."""

import pytest
import torch
from torch import Tensor

from marketplace.protocol.errors import ConfigurationError
from offchain.arithmetic import (
    FAST,
    FLOOR_BITS,
    MIXED,
    REPLAYABLE,
    arithmetic,
    computing,
    normals,
    significant,
    uniforms,
)


def numbers() -> Tensor:
    """Numbers of both signs and of all sizes, some of them just at the borders of rounding."""
    generator = torch.Generator().manual_seed(0)
    scale = torch.randint(-60, 60, (5_000,), generator=generator).double()
    drawn = torch.randn(5_000, generator=generator, dtype=torch.float64) * 2.0**scale
    return torch.cat([drawn, torch.tensor([0.0, 1.0, -1.0, 1 + 2.0**-16, 1 + 2.0**-17])])


@pytest.mark.parametrize("bits", [2, 12, 16, 18, 52])
def test_rounding_keeps_so_many_bits_and_is_nearest(bits: int) -> None:
    before = numbers()
    rounded = significant(before.clone(), bits)
    mantissas, _ = torch.frexp(rounded)
    assert bool((mantissas * 2.0**bits == (mantissas * 2.0**bits).round()).all())
    _, exponents = torch.frexp(before)
    unit = torch.ldexp(torch.ones_like(before), exponents - bits)
    assert bool(((rounded - before).abs() <= unit / 2).all())
    assert torch.equal(significant(rounded.clone(), bits), rounded)


def test_what_cancels_to_noise_is_zero_and_the_rest_fits_into_float32() -> None:
    before, settled = numbers(), numbers()
    REPLAYABLE.settle([settled])
    assert bool((settled[before.abs() < 2.0 ** -(FLOOR_BITS + 1)] == 0).all())
    assert torch.equal(settled.float().double(), settled)


def test_other_arithmetics_leave_numbers_alone() -> None:
    value = torch.tensor([1 / 3])
    FAST.settle([value])
    MIXED.settle([value])
    assert float(value[0]) == float(torch.tensor(1 / 3))


def test_draws_are_on_a_grid_and_distributed_as_they_should() -> None:
    drawn = normals((50_000,), torch.Generator().manual_seed(0))
    assert abs(float(drawn.mean())) < 0.02
    assert float(drawn.std()) == pytest.approx(1, abs=0.01)
    below = [float((drawn < edge).double().mean()) for edge in (-1.0, 0.0, 2.0)]
    assert below == pytest.approx([0.1587, 0.5, 0.9772], abs=0.01)
    even = uniforms((1_000,), torch.Generator().manual_seed(0))
    assert bool(((even * 65_536) == (even * 65_536).round()).all())
    assert 0 <= float(even.min()) < float(even.max()) < 1


def test_the_environment_chooses_and_a_statement_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOEMARKET_ARITHMETIC", raising=False)
    assert arithmetic() is REPLAYABLE
    monkeypatch.setenv("MOEMARKET_ARITHMETIC", "fast")
    assert arithmetic() is FAST
    with computing(MIXED):
        assert arithmetic() is MIXED
    monkeypatch.setenv("MOEMARKET_ARITHMETIC", "exact")
    with pytest.raises(ConfigurationError, match="'exact', which is no arithmetic"):
        arithmetic()
