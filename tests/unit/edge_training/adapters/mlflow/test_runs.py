"""The election of a training's run, in every order in which its voters' requests can arrive."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from edge_training.adapters.mlflow.runs import Candidate, FillIn, Make, elect, quoted
from edge_training.errors import ModelRegistryRefused, ModelRegistryUnavailable


@dataclass
class Server:
    """Runs of one training; a ballot that is filled in stays as it is."""

    clocks: Iterator[int]
    runs: dict[str, Candidate] = field(default_factory=dict)

    def change(self, change: Make | FillIn | None) -> None:
        if isinstance(change, Make):
            number = next(self.clocks)
            # Ids are random in MLflow: here their order has nothing to do with that of their making.
            run_id = f"{(len(self.runs) * 7 + 3) % 10}-{len(self.runs)}"
            self.runs[run_id] = Candidate(run_id, number, "RUNNING")
        elif isinstance(change, FillIn) and self.runs[change.run_id].ballot is None:
            self.runs[change.run_id] = replace(self.runs[change.run_id], ballot=change.elected)


class Voter:
    """One that looks for the run; each `step` is one request."""

    def __init__(self, server: Server) -> None:
        self._server, self._election = server, elect()
        self._change, self._has_changed = next(self._election), False
        self.elected: str | None = None

    def step(self) -> None:
        if not self._has_changed:
            self._server.change(self._change)
            self._has_changed = True
            return
        try:
            self._change = self._election.send(list(self._server.runs.values()))
        except StopIteration as end:
            self.elected = end.value.run.run_id
        self._has_changed = False


def elected_by_all(voters: list[Voter], order: Iterator[int]) -> set[str | None]:
    for number in order:
        if voters[number].elected is None:
            voters[number].step()
    for voter in voters:
        while voter.elected is None:
            voter.step()
    return {voter.elected for voter in voters}


@pytest.mark.parametrize("clocks", [(5, 5), (5, 4), (4, 5)])
def test_two_voters_agree_in_every_order_of_their_requests(clocks):
    for order in itertools.product((0, 1), repeat=12):
        server = Server(iter(clocks))
        voters = [Voter(server), Voter(server)]

        assert len(elected_by_all(voters, iter(order))) == 1


def test_many_voters_agree_in_any_order_whatever_their_clocks_say():
    for seed in range(3000):
        chance = random.Random(seed)
        server = Server(iter(lambda chance=chance: chance.randrange(3), None))
        voters = [Voter(server) for _ in range(5)]

        order = (chance.randrange(5) for _ in range(chance.randrange(60)))
        assert len(elected_by_all(voters, order)) == 1, seed


def test_who_comes_later_elects_the_same_run_also_when_an_older_one_turns_up():
    server = Server(iter((9, 1)))
    first = elected_by_all([Voter(server)], iter(()))
    server.change(Make())

    assert elected_by_all([Voter(server), Voter(server)], iter((0, 1, 0, 1))) == first


def test_a_registered_run_needs_no_ballot():
    server = Server(iter(()))
    server.runs = {
        "a": Candidate("a", 1, "RUNNING", ballot="a"),
        "b": Candidate("b", 2, "FINISHED", is_registered=True),
    }

    assert elected_by_all([Voter(server)], iter(())) == {"b"}


def test_a_ballot_that_names_a_deleted_run_is_passed_over():
    server = Server(iter(()))
    server.runs = {"a": Candidate("a", 1, "RUNNING", ballot="deleted")}

    assert elected_by_all([Voter(server)], iter(())) == {"a"}


def test_a_run_that_vanishes_while_it_is_made_is_made_by_the_next_try():
    election = elect()
    next(election)
    election.send([])

    with pytest.raises(ModelRegistryUnavailable):
        election.send([])


def test_a_ballot_that_the_server_does_not_keep_ends_the_try():
    election, forgetful = elect(), [Candidate("a", 1, "RUNNING")]
    next(election)
    election.send(forgetful)

    with pytest.raises(ModelRegistryUnavailable):
        election.send(forgetful)


@pytest.mark.parametrize("text", ["", "it's", 'a"b', "a\\b"])
def test_a_name_that_would_break_out_of_a_query_is_refused(text):
    with pytest.raises(ModelRegistryRefused, match="is no name for MLflow"):
        quoted(text)
