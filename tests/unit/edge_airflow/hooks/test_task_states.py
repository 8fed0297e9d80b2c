"""What Airflow's answers mean: a task or run that it does not name does not exist."""

from __future__ import annotations

from edge_airflow.hooks.task_states import AirflowTaskStates
from edge_training.ports.task_states import RunRef, TaskRef

RUN = RunRef("train", "manual__1")
OTHER_RUN = RunRef("train", "manual__2")
OTHER_DAG = RunRef("train_other", "manual__1")


class Airflow:
    """Answers as the execution API does."""

    def __init__(self) -> None:
        self.questions: list[str] = []

    def get_task_states(self, dag_id, *, task_ids, run_ids):
        self.questions.append(dag_id)
        known = {
            "train": {
                "manual__1": {"train_model": "deferred", "mapped_0": "running", "cleared": None},
                "manual__2": {"train_model": "failed"},
            },
            "train_other": {},
        }
        return {run_id: known[dag_id][run_id] for run_id in run_ids if run_id in known[dag_id]}

    def get_dr_count(self, dag_id, *, run_ids, states):
        assert states == ["queued", "running"]
        return int((dag_id, run_ids) == ("train", ["manual__1"]))


async def test_each_task_gets_its_own_runs_state():
    tasks = [TaskRef(RUN, "train_model"), TaskRef(OTHER_RUN, "train_model")]
    assert await AirflowTaskStates(Airflow()).states(tasks) == dict(
        zip(tasks, ["deferred", "failed"], strict=True)
    )


async def test_no_state_and_no_task_are_two_things():
    cleared, gone = TaskRef(RUN, "cleared"), TaskRef(OTHER_RUN, "cleared")
    assert await AirflowTaskStates(Airflow()).states([cleared, gone]) == {cleared: None}


async def test_a_deleted_run_has_no_tasks():
    assert await AirflowTaskStates(Airflow()).states([TaskRef(OTHER_DAG, "train_model")]) == {}


async def test_a_mapped_task_is_found_by_its_index():
    mapped = TaskRef(RUN, "mapped", map_index=0)
    assert await AirflowTaskStates(Airflow()).states([mapped, TaskRef(RUN, "mapped", 1)]) == {
        mapped: "running"
    }


async def test_there_is_one_question_per_dag():
    airflow = Airflow()
    await AirflowTaskStates(airflow).states(
        [TaskRef(run, "train_model") for run in (RUN, OTHER_RUN, OTHER_DAG)]
    )
    assert sorted(airflow.questions) == ["train", "train_other"]


async def test_runs_that_have_ended_or_are_gone_are_not_unfinished():
    assert await AirflowTaskStates(Airflow()).unfinished({RUN, OTHER_RUN, OTHER_DAG}) == {RUN}
