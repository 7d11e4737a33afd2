"""A labelled row that knows itself, even by its absence, would teach the gate the wrong thing."""

import numpy as np
import pytest
import torch

from offchain.gating.competence import NEARBY, Heard, Record
from offchain.gating.nearby import Nearby

ROWS = 60


@pytest.fixture
def chance():
    """Rows and labels without any relation, and experts that guess."""
    generator = torch.Generator().manual_seed(3)
    rows = torch.randn(ROWS, 4, generator=generator) / 50.0  # all near each other: a wide kernel
    truth = torch.arange(ROWS) % 2
    answers = torch.rand(ROWS, 200, 1, generator=generator)
    answers = torch.cat([answers, 1.0 - answers], dim=2)
    right = (answers.argmax(dim=2) == truth[:, None]).float()
    return rows, truth, answers, right


def test_who_is_right_does_not_seem_worse_nearby(chance) -> None:
    rows, truth, answers, right = chance
    ones = torch.ones(ROWS)
    record = Record.of(answers, right, ones)
    nearby, _ = Nearby.fit(rows, truth, right, 2)
    local = nearby.left_out(record.without(right, ones))
    signal = Heard.of(record, answers, local, (right, ones)).alone[..., NEARBY]
    assert abs(np.corrcoef(signal.flatten(), right.flatten())[0, 1]) < 0.05


def test_accuracy_without_a_row_is_that_of_the_others(chance) -> None:
    _, _, answers, right = chance
    record = Record.of(answers, right, torch.ones(ROWS))
    others = Record.of(answers[1:], right[1:], torch.ones(ROWS - 1))
    found = record.without(right, torch.ones(ROWS))[0]
    torch.testing.assert_close(found, others.accuracy)


def test_an_opinion_without_a_row_is_that_of_the_others(chance) -> None:
    rows, truth, _, right = chance
    rows = rows * 50.0
    nearby, opinions = Nearby.fit(rows, truth, right, 2)
    # The same width and ridge on the other rows, with their own mean.
    labels = torch.nn.functional.one_hot(truth, 2).double()
    kernel = (-torch.cdist(rows, rows).double().square() * nearby.scale.double()).exp()
    errors = []
    for ridge in (0.03, 0.3):
        apart = kernel[1:, 1:] + ridge * torch.eye(ROWS - 1, dtype=torch.float64)
        slopes = torch.linalg.solve(apart, labels[1:] - labels[1:].mean(dim=0))
        errors.append(float((kernel[0, 1:] @ slopes - opinions[0].double()).abs().max()))
    assert min(errors) < 1e-4
