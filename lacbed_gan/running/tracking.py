"""A run in Weights & Biases, which never decides about the run: what it cannot do there is said in one line."""

from __future__ import annotations

import logging
import netrc
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from uuid import uuid4

from lightning.pytorch.loggers import WandbLogger

from lacbed_gan.base.files import write_atomically
from lacbed_gan.base.messages import printable

REACH = 3.0  # seconds to wait for a server that answers at all
INIT = 15.0  # and for one that takes a run
FINISH = 10.0  # and for one that takes what is still to be sent when a run has ended
SEND = 3600.0  # and for one that is taking weights
# Curves that W&B's own table of runs sums up by their lowest value, or their highest; it takes the last of the others.
LOWEST, HIGHEST = ("*/mse", "*/origin_mse", "*/span_error"), ("*/r", "*/origin_r")
PARTS = ("validation", "test", "train")


class Record(WandbLogger):
    """Lightning's W&B logger; what goes wrong there is said once, and training goes on.

    Attributes:
        trouble: the first thing that went wrong, in one line; "" for nothing.
    """

    def __init__(self, **arguments: Any):
        super().__init__(**arguments)
        self.trouble = ""

    def attempt(self, action: Callable[[], object]) -> object:
        """What the action returns; None where it fails, which is said, or where something has before."""
        if self.trouble:
            return None
        try:
            return action()
        except Exception as error:  # of W&B, its own process, the network, or a file that it wants to send
            self.trouble = printable(f"{type(error).__name__}: {error}")
            print(f"W&B: {self.trouble}; the run goes on without it", flush=True)
            return None

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.attempt(lambda: super(Record, self).log_metrics(metrics, step))

    def log_hyperparams(self, params: Any) -> None:
        self.attempt(lambda: super(Record, self).log_hyperparams(params))

    def log_image(self, key: str, images: list[Any], step: int | None = None, **more: Any) -> None:
        self.attempt(lambda: super(Record, self).log_image(key, images, step, **more))

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Nothing: weights are sent at the end, where that is asked for."""

    def finalize(self, status: str) -> None:
        """Nothing: `wandb_run` ends the run."""

    def send(self, result: Mapping[str, Any], table: Path, weights: Path | None) -> None:
        """The summary of a finished run, its table of crystals, and its weights where they are asked for."""
        self.attempt(lambda: self.experiment.summary.update(dict(result)))
        if not self.experiment.offline and unreachable(server()):
            return  # W&B would wait for it, artifact by artifact
        self.attempt(lambda: self._artifact("crystals", "table", table))
        if weights is not None:
            self.attempt(lambda: self._artifact("weights", "model", weights))

    def _artifact(self, name: str, kind: str, file: Path) -> None:
        import wandb
        from wandb.sdk.artifacts.exceptions import WaitTimeoutError

        artifact = wandb.Artifact(f"{name}-{self.experiment.name}", type=kind)
        artifact.add_file(str(file.resolve()), policy="immutable")  # it stays where it is
        logged = self.experiment.log_artifact(artifact)
        until = time.monotonic() + (0.0 if self.experiment.offline or kind == "table" else SEND)
        while time.monotonic() < until:
            try:
                logged.wait(int(10 * REACH))
                return
            except WaitTimeoutError:
                if trouble := unreachable(server()):
                    raise ConnectionError(trouble) from None


def wandb_logger(
    folder: Path,
    name: str,
    group: str | None,
    project: str,
    settings: Mapping[str, Any],
    tags: Sequence[str] = (),
    job_type: str = "train",
) -> Record | None:
    """Lightning's W&B logger of this run, offline where nobody is logged in or no server answers; never asks.

    The run has an id of its own, kept in wandb/id of its folder: going on with a run goes on in W&B, but the same run
    made again in another folder, or by somebody else, is another one. An agent of a W&B sweep gives its own.

    Args:
        group: name of the runs that it is to be compared with.
        tags, job_type: to filter by; the latter is train or report.

    Returns:
        None where W&B cannot even write to the folder, which is said.
    """
    os.environ.setdefault("WANDB_SILENT", "true")
    logging.getLogger("wandb").setLevel(logging.ERROR)
    mode = os.environ.get("WANDB_MODE") or ("online" if logged_in() else "offline")
    if mode == "online" and (trouble := unreachable(server())):
        mode = "offline"
        print(f"W&B: {trouble}; the run is recorded offline, {upload_line(folder)}", flush=True)
    plain = {"project": project, "group": group, "tags": list(tags), "job_type": job_type}
    # to filter runs by: one thickness is a number there
    plain["config"] = {k: v[0] if k == "thickness" and len(v) == 1 else v for k, v in settings.items()}
    for attempt in dict.fromkeys([mode, "offline"]):
        try:
            return _begun(folder, name, attempt, plain)
        except Exception as error:
            _forget()
            offline = attempt == "offline"
            end = "the run goes on without it" if offline else f"the run is recorded offline, {upload_line(folder)}"
            print(f"W&B: {printable(f'{type(error).__name__}: {error}')}; {end}", flush=True)
    return None


def _begun(folder: Path, name: str, mode: str, plain: dict[str, Any]) -> Record:
    import wandb

    id_file = folder / "wandb" / "id"
    if not id_file.exists():
        id_file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(id_file, f"{name}-{uuid4().hex[:8]}")
    agent = os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None
    logger = Record(
        name=name,
        id=agent or id_file.read_text(encoding="utf-8"),
        save_dir=folder.resolve(),  # W&B's own process may have started elsewhere
        resume="allow",
        mode=mode,
        settings=wandb.Settings(console="off", init_timeout=INIT, finish_timeout=FINISH),
        **plain,
    )
    run = logger.experiment
    # With two optimizers Lightning counts every batch twice: curves go by epoch.
    run.define_metric("*", step_metric="epoch")
    run.define_metric("step/*", step_metric="batch")
    for part in PARTS:
        for names, summary in ((LOWEST, "min"), (HIGHEST, "max")):
            for measure in names:
                run.define_metric(measure.replace("*", part), step_metric="epoch", summary=f"{summary},last")
    return logger


@contextmanager
def wandb_run(
    folder: Path, group: str | None, project: str, settings: Mapping[str, Any], **more: Any
) -> Iterator[Record | None]:
    """The logger of the run in a folder, which W&B counts as failed unless it comes to its end.

    It is finished in any case, so that the next run of a sweep is not merged into it; what a server has not taken
    within seconds stays in the folder.

    Args:
        more: tags and job_type.
    """
    logger = wandb_logger(folder, folder.name, group, project, settings, **more)
    failed = True
    try:
        yield logger
        failed = False
    finally:
        if logger is not None:
            finish(logger, int(failed), folder)


def finish(logger: Record, status: int, folder: Path) -> None:
    """End the run in W&B, with a line where a server did not take all of it."""
    import wandb

    run, line = logger.experiment, ""
    if not run.offline and (trouble := unreachable(server())):
        line = f"{trouble} any more"
    begun = time.monotonic()
    try:
        wandb.finish(status)
    except Exception as error:
        line = printable(f"{type(error).__name__}: {error}")
        _forget()
    if not line and not run.offline and time.monotonic() - begun > FINISH:
        line = f"the server did not take all of the run within {FINISH:g} s"
    if line:
        print(f"W&B: {line}; {upload_line(folder)}", flush=True)


def upload_line(folder: Path) -> str:
    """How to send what stayed in the folder."""
    return f"`wandb sync {folder / 'wandb'}/*run-*` sends it later"


def unreachable(server: str) -> str:
    """Why the server cannot be reached, in a few words; "" where it answers, whatever it says."""
    import requests

    try:
        requests.get(server, timeout=REACH, allow_redirects=False)
    except requests.RequestException as error:
        reason = "no answer" if isinstance(error, requests.Timeout) else type(error).__name__
        return f"no way to {server} ({reason})"
    return ""


def _forget() -> None:
    """End what W&B has begun in this process, so that it can begin anew."""
    import wandb

    try:
        wandb.teardown(exit_code=1)
    except Exception:
        logging.getLogger(__name__).debug("W&B does not end", exc_info=True)


def server() -> str:
    """The address of W&B's server."""
    return os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")


def logged_in() -> bool:
    """Whether there is a key for the server."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlparse(server()).hostname
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
