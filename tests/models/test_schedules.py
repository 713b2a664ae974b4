from itertools import pairwise

import pytest
import torch
from torch import nn

from lacbed_gan.models.schedules import SCHEDULES, WARM_UP, average_weights, scheduled


def rates(schedule, steps=100):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    scheduler = scheduled(optimizer, schedule, steps)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def test_learning_rates_by_hand():
    assert rates("constant") == [2.0] * 100
    linear = rates("linear")
    assert linear[:50] == [2.0] * 50
    assert linear[-1] == pytest.approx(2 * 2 / 101) and linear[75] == pytest.approx(2 * 2 * (1 - 76 / 101))
    cosine = rates("cosine")
    assert cosine[0] == pytest.approx(2 / 101 / WARM_UP)
    assert max(cosine) <= 2.0 and cosine.index(max(cosine)) in (2, 3)
    assert all(a > b for a, b in pairwise(cosine[3:]))
    assert 0 < cosine[-1] < 0.001


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_never_ends_before_training(schedule):
    """A resumed run may make a step more than was planned."""
    assert all(0 <= SCHEDULES[schedule](k / 10) <= 1 for k in range(11))
    assert min(rates(schedule, 1)) > 0


def test_the_average_by_hand():
    average, network = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        average.weight.fill_(0.0)
        network.weight.fill_(1.0)
    average_weights(average, network, decay=0.9, step=1)  # decay 2/11 so early
    assert average.weight.item() == pytest.approx(9 / 11)
    average_weights(average, network, decay=0.9, step=1000)
    assert average.weight.item() == pytest.approx(0.9 * 9 / 11 + 0.1)
    assert network.weight.item() == 1.0
