"""One run per training, and per check of data, on an MLflow server, also when many look for it and make it at
the same time.

MLflow has no unique key for runs, and numbers them in no order. What it has is a parameter of a run, which
can be written once and never changed. So every run of a training is a candidate, and its parameter
`elected_run` a ballot that whoever comes first fills in. All go through the candidates they see in the same
order, oldest first. They begin by proposing the first one; an empty ballot gets the proposal, a filled one
replaces it; the last proposal is elected.

All elect the same run: who makes a run looks again afterwards, so what two of them see differs only by later
candidates, and each sees all that the one with the smallest view sees. At the last of these everybody takes
over the same proposal, and ballots behind it are filled in only by those who have passed it.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_training.adapters.mlflow.refusals import unless_existing, unless_written
from edge_training.adapters.run_layout import RunIdentity, of_training
from edge_training.errors import ModelRegistryRefused, ModelRegistryUnavailable
from edge_training.ports.model_registry import STATE_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

BALLOT = "elected_run"
LOST = "KILLED"
"""The status of a run that was not elected."""
OLDEST_FIRST = ("attributes.start_time ASC",)
_QUOTABLE = re.compile(r"[^'\"`\\]+")


@dataclass(frozen=True)
class Candidate:
    """A run of a training.

    Attributes:
        run_id: MLflow's id of it.
        start_time_ms: When it was made, by its maker's clock.
        status: MLflow's word, such as `RUNNING`.
        ballot: The run that is written in its parameter, or None.
        is_registered: Whether a version was completed from it.
    """

    run_id: str
    start_time_ms: int
    status: str
    ballot: str | None = None
    is_registered: bool = False


@dataclass(frozen=True)
class Make:
    """Make a run."""


@dataclass(frozen=True)
class FillIn:
    """Fill in a run's ballot, unless somebody has."""

    run_id: str
    elected: str


@dataclass(frozen=True)
class Elected:
    """How an election ends.

    Attributes:
        run: The training's run.
        losers: Other runs that were made for it and still count as running; nobody writes to them.
    """

    run: Candidate
    losers: Sequence[Candidate]


def elect() -> Generator[Make | FillIn | None, Sequence[Candidate], Elected]:
    """The election, as a conversation: each yield asks for a change (None: for none), and is to be answered
    with the training's runs as they are after it.

    Raises:
        ModelRegistryUnavailable: A run vanished meanwhile.
    """
    candidates = yield None
    if not candidates:
        candidates = yield Make()
    while candidates:
        elected, empty = _go_through(candidates)
        if empty is None:
            losers = [found for found in candidates if found.run_id != elected.run_id]
            return Elected(elected, [loser for loser in losers if loser.status == "RUNNING"])
        candidates = yield FillIn(empty, elected.run_id)
        if any(found.run_id == empty and found.ballot is None for found in candidates):
            break
    raise ModelRegistryUnavailable("MLflow has lost a run that was just made or elected; it is made again.")


def _go_through(candidates: Sequence[Candidate]) -> tuple[Candidate, str | None]:
    """Who is elected, and the first ballot that is still empty; a registered run needs no election."""
    in_order = sorted(candidates, key=lambda found: (found.start_time_ms, found.run_id))
    for candidate in in_order:
        if candidate.is_registered:
            return candidate, None
    by_id = {candidate.run_id: candidate for candidate in in_order}
    elected = in_order[0]
    for candidate in in_order:
        if candidate.ballot is None:
            return elected, candidate.run_id
        # A ballot may name a run that somebody deleted by hand.
        elected = by_id.get(candidate.ballot, elected)
    return elected, None


def quoted(text: str) -> str:
    """A name or key as MLflow's queries take it.

    Raises:
        ModelRegistryRefused: It has quotes or backslashes.
    """
    if not _QUOTABLE.fullmatch(text):
        raise ModelRegistryRefused(f"{text!r} is no name for MLflow; use letters, digits, '_' and '-'.")
    return f"'{text}'"


def query_of(identity: RunIdentity) -> str:
    """MLflow's query for the runs of an identity."""
    return f"tags.{identity.tag} = {quoted(identity.value)}"


def training_run(client: MlflowClient, model_name: str, training_key: str, tags: Mapping[str, str]) -> Run:
    """The one run of a training, see `one_run`."""
    return one_run(client, model_name, of_training(training_key, tags), tags)


def one_run(client: MlflowClient, model_name: str, identity: RunIdentity, tags: Mapping[str, str]) -> Run:
    """The one run of an identity, found or made, by MLflow's client.

    Args:
        client: The client.
        model_name: The model's name, which is the experiment's.
        identity: What the run is known by.
        tags: What a run that has to be made is marked with.
    """
    voter = _Voter(client, _ensure_experiment(client, model_name), identity, tags)
    election = elect()
    change = next(election)
    while True:
        try:
            change = election.send(voter.after(change))
        except StopIteration as end:
            elected: Elected = end.value
            break
    for loser in elected.losers:
        client.set_terminated(loser.run_id, LOST)
    return client.get_run(elected.run.run_id)


@dataclass(frozen=True)
class _Voter:
    """Takes part in an election with MLflow's client."""

    client: MlflowClient
    experiment_id: str
    identity: RunIdentity
    tags: Mapping[str, str]

    def after(self, change: Make | FillIn | None) -> list[Candidate]:
        """Make a change and look at the runs."""
        from mlflow.entities import Param

        if isinstance(change, Make):
            tags = {**self.tags, self.identity.tag: self.identity.value}
            self.client.create_run(self.experiment_id, tags=tags, run_name=self.identity.run_name)
        elif isinstance(change, FillIn):
            unless_written(self.client.log_batch, change.run_id, (), [Param(BALLOT, change.elected)])
        order = list(OLDEST_FIRST)
        runs = self.client.search_runs([self.experiment_id], query_of(self.identity), order_by=order)
        return [_candidate(run) for run in runs]


def _candidate(run: Run) -> Candidate:
    return Candidate(
        run_id=run.info.run_id,
        start_time_ms=run.info.start_time,
        status=run.info.status,
        ballot=run.data.params.get(BALLOT),
        is_registered=STATE_TAG in run.data.tags,
    )


def _ensure_experiment(client: MlflowClient, name: str) -> str:
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        unless_existing(client.create_experiment, name)
        experiment = client.get_experiment_by_name(name)
    if experiment is None:
        raise ModelRegistryRefused(f"The experiment {name} was deleted; restore it in MLflow.")
    return str(experiment.experiment_id)
