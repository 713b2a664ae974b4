"""What a run says of its epochs where there is no terminal."""

from types import SimpleNamespace

import torch

from lacbed_gan.running import epochs


def test_a_line_now_and_then(monkeypatch, capsys):
    now = iter([0.0, 10.0, 40.0, 40.0, 50.0])
    monkeypatch.setattr(epochs.time, "monotonic", lambda: next(now))
    lines = epochs.EpochLines("run")
    for epoch in range(3):
        losses = {"loss_g": torch.tensor(1.25), "test/mse": torch.tensor(0.00123456), "train/mse": torch.tensor(1.0)}
        trainer = SimpleNamespace(is_global_zero=True, current_epoch=epoch, max_epochs=9, callback_metrics=losses)
        lines.on_train_epoch_end(trainer, None)
    assert capsys.readouterr().out == "run: epoch 2 of 9, loss_g 1.25, test/mse 0.001235\n"
