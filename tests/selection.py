"""Which tests `make test` runs, and what `make test-full` adds: each part of the rest says why it can't fit.

`make test` is for every change. The rest proves what takes a machine of its own, an engine of its own or the whole
labelled corpus: before a release, nightly, and in CI as far as an hour reaches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the suite that `make test` leaves out."""

    name: str
    paths: tuple[str, ...]
    """Folders, files and tests below tests/."""
    why: str
    minutes: float
    """What it takes on two quiet cores, for whoever has to choose."""

    def holds(self, nodeid: str) -> bool:
        """Whether a test is in it."""
        test = nodeid.removeprefix("tests/")
        return any(test == one or test.startswith((f"{one}/", f"{one}::", f"{one}[")) for one in self.paths)


REST = (
    Part(
        name="whole stacks",
        paths=(
            "dags/test_runs.py::test_two_runs_at_once_do_not_mix_and_share_the_limit",
            "dags/test_runs.py::test_airflow_dags_trigger_runs_the_same_dag",
            "dags/test_runs.py::test_marking_a_run_failed_still_ends_its_instances",
            "dags/test_runs.py::test_a_launch_that_waits_for_a_place_holds_no_worker",
            "dags/test_budget_refusal.py",
            "dags/test_culprit.py",
            "dags/test_experiment.py",
            "dags/test_history_pruning.py",
            "dags/test_maintenance_run.py",
            "dags/test_pages.py",
            "dags/test_pool_run.py",
            "dags/test_repair_demo.py",
            "dags/test_sequential_run.py",
            "integration/stack/test_stack_health.py",
            "integration/stack/test_stack_killed_scheduler.py",
            "integration/stack/test_stack_other_users.py",
            "integration/stack/test_stack_running.py",
            "unit/orchestration/test_environment_of_components.py"
            "::test_a_component_that_forks_has_imported_what_its_tasks_need[airflow celery worker]",
        ),
        why="waits for whole runs of an Airflow, one after another: `make test` has one of each kind",
        minutes=9,
    ),
    Part(
        name="instances",
        paths=(
            "integration/services/test_sequential.py::test_error_lines_that_nobody_expects_are_quoted_in_the_verdict",
            "integration/services/test_sequential.py::test_the_log_is_searched_beyond_empty_pages_and_what_is_not_searched_is_told",
            "integration/services/test_sequential.py::test_the_cache_volume_follows_the_runs_and_never_prevents_one",
            "integration/services/test_sequential.py::test_a_volume_that_the_instance_can_not_use_is_told_by_its_report",
            "integration/killers/test_each_killer_alone.py::test_without_it_the_leak_check_fails",
            "crash/test_crash_places.py",
            "integration/experiments/test_by_airflow.py::test_green_with_the_patch_red_without_and_no_face_says_anything_else",
            "integration/services/test_concluding.py::test_a_worker_on_a_box_ends_as_a_proven_success",
            "integration/services/test_sequential.py::test_a_report_that_storage_refused_is_asked_for_again_and_the_next_repository_gets_the_instance",
            "integration/services/test_places.py::test_a_local_cloud_is_one_place_whatever_its_port",
            "integration/costs/test_budget.py::test_one_run_planned_many_times_at_once_is_reserved_once",
            "integration/costs/test_budget_settling.py::test_settling_at_once_releases_each_once",
            "integration/killers/test_guest_timer.py::test_a_lease_holds_over_a_reboot",
            "integration/killers/test_guest_timer.py::test_an_earlier_instant_or_rubbish_in_the_file_changes_nothing",
        ),
        why="takes an instance through its whole life in one more way: `make test` has one of each kind",
        minutes=4,
    ),
    Part(
        name="validations",
        paths=(
            "integration/validator/test_validator_build.py::TestHandlers::test_generator_that_raises_is_found_out",
            "integration/validator/test_validator_build.py::TestHandlers::test_plain_handler_that_returns_a_generator_is_found_out",
            "integration/validator/test_validator_build.py::TestHandlers::test_worker_with_arguments_of_its_own_and_older_tests",
            "integration/validator/test_validator_provenance.py::test_an_interpreter_that_lists_nothing_costs_no_verdict",
            "integration/validator/test_validator_checkout.py::TestContent::test_big_file_is_noted_and_harms_nothing",
            "integration/agent/test_agent_in_validator.py::test_agent_that_can_not_tell_makes_an_error",
            "integration/validator/test_validator_build.py::TestHandlers::test_program_behind_a_script_in_the_place_where_copy_puts_it",
            "integration/validator/test_validator_build.py::TestInstall::test_pip_installs_where_there_is_no_uv",
        ),
        why="installs the SDK for one more oddity each: `make test` has one of each kind of verdict",
        minutes=4,
    ),
    Part(
        name="hostile",
        paths=(
            "integration/reuse/test_reuse_whole.py",
            "integration/validator/test_validator_attacks.py",
            "unit/test_linear_patterns.py",
            "integration/validator/test_validator_hostile.py::test_hundred_megabytes_of_output_cost_little_and_end_in_a_verdict",
            "integration/validator/test_validator_hostile.py::test_what_forks_away_is_ended_and_noted",
            "unit/validator/test_validator_dockerfile.py::TestCommand::test_long_script_that_is_started_often_costs_little",
            "unit/validator/test_validator_error_shapes.py::test_many_members_cost_little",
            "integration/agent/test_agent_confinement.py::test_full_workspace_fills_no_disk_of_the_machine",
            "integration/agent/test_agent_hostile.py::test_planted_settings_and_hooks_do_nothing",
            "integration/agent/test_agent_hostile.py::test_noticed_injection_contradicts_a_pass",
            "integration/agent/test_agent_hostile.py::test_injected_instructions_can_not_end_the_agent_before_it_looked",
            "integration/agent/test_agent_endpoints.py::test_silent_endpoint_is_left_at_the_wall_clock[anthropic]",
            "integration/cli/test_no_silence.py::test_a_supervisor_of_the_local_stack_that_hangs[down]",
            "integration/cli/test_no_silence.py::test_a_supervisor_of_the_local_stack_that_hangs[query-db]",
        ),
        why="attacks from within, tries each pattern on its worst texts, waits for who never answers: in more ways",
        minutes=5,
    ),
    Part(
        name="pool",
        paths=(
            "integration/stores/test_pool_races.py"
            "::test_eight_claimers_of_five_hundred_tasks_of_whom_one_is_killed_each_second",
        ),
        why="kills a claimer each second until eight of them have done five hundred tasks: `make test` kills a few",
        minutes=1,
    ),
    Part(
        name="pool in trouble",
        paths=(
            "integration/killers/test_pool_machines.py",
            "integration/pool/test_pool_crashes.py",
            "integration/pool/test_pool_troubles.py",
        ),
        why="spawns and ends machines for each edge at which a pass is killed, for each thing that goes wrong, and for"
        " each killer that is left alone with one",
        minutes=4,
    ),
    Part(
        name="proposals",
        paths=(
            "integration/repairs/test_by_agent.py",
            "integration/repairs/test_whole_way.py",
            "integration/repairs/test_publishing.py::test_what_github_answers_has_its_outcome",
        ),
        why="starts an agent or a push for each way in which a model or GitHub may go wrong",
        minutes=3,
    ),
    Part(
        name="fresh clone",
        paths=("acceptance",),
        why="installs every package anew and starts a stack from nothing",
        minutes=8,
    ),
    Part(
        name="corpus",
        paths=(
            "integration/corpus/test_corpus.py",
            "integration/corpus/test_accuracy_folder.py::test_right_and_wrong_verdicts_of_real_runs",
        ),
        why="validates each repository of the labelled corpus; what each kind of fault is judged by has its unit tests",
        minutes=5,
    ),
    Part(
        name="culprits",
        paths=(
            "integration/corpus/test_culprits.py::test_the_others",
            "integration/culprit/test_culprit_command.py::test_the_release_is_named_and_the_second_time_from_the_rows",
            "integration/culprit/test_culprit_command.py::test_a_release_that_can_not_be_built_is_named",
        ),
        why="searches for the release that broke each labelled repository: half a dozen installations for each",
        minutes=5,
    ),
    Part(
        name="local cloud",
        paths=(
            "integration/localcloud/test_box_runtime.py",
            "integration/localcloud/test_cloud_airflow.py",
            "integration/localcloud/test_cloud_alarms.py",
            "integration/localcloud/test_cloud_definitions.py",
            "integration/localcloud/test_cloud_fault_rules.py",
            "integration/localcloud/test_cloud_full_disk.py",
            "integration/localcloud/test_cloud_lambda_hostile.py",
            "integration/localcloud/test_cloud_processes.py",
            "integration/localcloud/test_cloud_restart.py",
            "integration/providers/test_stand_in.py",
            "integration/localcloud/test_cloud_volumes.py::test_a_volume_survives_a_killed_cloud_while_a_machine_has_it",
            "integration/localcloud/test_cloud_lambda.py",
            "integration/localcloud/test_cloud_output.py",
            "integration/localcloud/test_cloud_scheduler.py",
            "integration/localcloud/test_cloud_sight.py",
        ),
        why="kills what stands in for AWS or RunPod, and fills its disk: it changes seldom, the product often",
        minutes=4,
    ),
    Part(
        name="clocks",
        paths=(
            "dags/test_schedule.py",
            "integration/localcloud/test_cloud_events.py::test_scheduled_rule_fires_every_minute",
        ),
        why="waits for whole minutes of a clock that isn't ours",
        minutes=3,
    ),
    Part(
        name="browser",
        paths=("integration/web/test_pages_shown.py",),
        why="loads each page in a browser, in both themes, with a fleet of two hundred, and measures its contrasts",
        minutes=3,
    ),
    Part(
        name="kills",
        paths=(
            "dags/kills",
            "integration/maintenance/test_commands.py",
            "integration/maintenance/test_runs.py::test_a_killed_run_is_told_of_and_not_started_again_and_the_others_go_on",
            "integration/maintenance/test_runs.py::test_a_run_that_takes_too_long_is_ended_and_the_others_go_on",
            "integration/stack/test_stack_recovery.py::test_a_killed_stack_comes_up_with_its_data",
            "integration/stack/test_stack_recovery.py::test_two_stacks_and_down_ends_all_of_one",
            "integration/stack/test_stack_recovery.py::test_an_interrupted_up_leaves_nothing_that_the_next_cant_use",
            "integration/maintenance/test_kills.py",
            "integration/stack/test_stack_recovery.py::test_the_cause_is_shown_and_kept_and_not_what_it_brought_down",
        ),
        why="kills what runs, and waits until Airflow has noticed or starts anew; `make crash-matrix` tries every cell",
        minutes=15,
    ),
    Part(
        name="Docker truth",
        paths=(
            "integration/validator/docker",
            "integration/validator/test_validator_docker.py",
            "integration/agent/test_agent_docker.py",
            "integration/agent/test_agent_image.py",
            "integration/culprit/test_docker_obeys.py",
            "integration/reuse/test_reuse_engine.py",
        ),
        why="builds base images and asks a real engine what each broken worker does",
        minutes=11,
    ),
    Part(
        name="repairs",
        paths=("integration/recipes/test_corpus.py::test_the_whole_corpus",),
        why="validates each broken repository four times and more: `make test` repairs one of each kind",
        minutes=14,
    ),
    Part(
        name="workspaces",
        paths=(
            "integration/workspaces/test_leases.py::test_two_processes_race_for_long",
            "integration/workspaces/test_hostile_repositories.py::test_a_hundred_thousand_files_come_and_go",
            "integration/workspaces/test_dead_holders.py::test_killed_at_each_edge_nothing_is_left_after_a_sweep",
        ),
        why="stops and kills holders of a lease a hundred times over, and checks out a hundred thousand files",
        minutes=5,
    ),
    Part(
        name="Terraform",
        paths=("integration/infrastructure",),
        why="plans, applies and destroys a whole deployment with a provider that takes seconds for each call",
        minutes=8,
    ),
    Part(
        name="machine",
        paths=("integration/machine",),
        why="mounts loop devices, starts engines of its own, and kills the bootstrap at each of its steps",
        minutes=5,
    ),
    Part(
        name="compose",
        paths=("integration/compose",),
        why="builds Airflow's image and runs a whole deployment in containers, with workers of its own",
        minutes=12,
    ),
)
"""In the order of what guards the product most: CI runs as many of them as its hour reaches."""


@cache
def _parts_touching(file: str) -> tuple[Part, ...]:
    """Those that a file, or some test of it, is in."""
    return tuple(part for part in REST if part.holds(file) or any(path.startswith(f"{file}::") for path in part.paths))


def part_of(nodeid: str) -> Part | None:
    """The part of the rest that a test is in; None for a test of `make test`."""
    file = nodeid.removeprefix("tests/").split("::", 1)[0]
    return next((part for part in _parts_touching(file) if part.holds(nodeid)), None)
