# A thin layer on the `janitor` command; `make` alone lists the targets.
#
# Values reach the commands as environment variables and are never pasted into a shell line, so that no character in
# them means anything to make or to the shell. Give them as `make query-db REPO=worker-basic`.
#
# make itself ends with 2 whenever a command fails; it prints the command's own exit code (`Error 1`).

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

ifeq ($(TOOLS),docker)
# Everything that is asked for runs in the tools' container, by this same file.
FIRST_GOAL := $(or $(firstword $(MAKECMDGOALS)),help)
$(FIRST_GOAL): ; @infra/docker/tools.sh $(or $(MAKECMDGOALS),help)
ifneq (,$(filter-out $(FIRST_GOAL),$(MAKECMDGOALS)))
$(filter-out $(FIRST_GOAL),$(MAKECMDGOALS)): $(FIRST_GOAL) ; @:
endif
else

ifneq (,$(and $(findstring environment,$(origin ENV)),$(findstring /,$(value ENV))))
# Some shells keep the path of a start-up file in ENV.
unexport ENV
else
override ENV := $(value ENV)
export ENV
endif
override CONFIG := $(value CONFIG)
override REPO := $(value REPO)
override RUN_ID := $(value RUN_ID)
override TIMEOUT_MINUTES := $(value TIMEOUT_MINUTES)
override FOLLOW := $(value FOLLOW)
override FOR := $(value FOR)
override END := $(value END)
override DRY_RUN := $(value DRY_RUN)
override VANISHED := $(value VANISHED)
override TEST := $(value TEST)
override ABANDON_PLACE := $(value ABANDON_PLACE)
override CLOSE := $(value CLOSE)
override SCOPE := $(value SCOPE)
override JOBS := $(value JOBS)
override ONLY := $(value ONLY)
override REPORT := $(value REPORT)
override DAYS := $(value DAYS)
override RUNS := $(value RUNS)
override LIMIT := $(value LIMIT)
override INSTANCE := $(value INSTANCE)
override YES := $(value YES)
override FAILED := $(value FAILED)
override FORMAT := $(value FORMAT)
override OUTPUT := $(value OUTPUT)
override DIR := $(value DIR)
override REPOS_FILE := $(value REPOS_FILE)
override TO := $(value TO)
override NETWORK := $(value NETWORK)
override PYTHON := $(value PYTHON)
override IMAGE := $(value IMAGE)
override AMI := $(value AMI)
override CUDA_IMAGE := $(value CUDA_IMAGE)
override TIDY := $(value TIDY)
override BASE := $(value BASE)
override FOLDER := $(value FOLDER)
override ENGINE := $(value ENGINE)
override JSON := $(value JSON)
override AIRFLOW_IMAGE := $(value AIRFLOW_IMAGE)
override AIRFLOW_BASE := $(value AIRFLOW_BASE)
override PUSH := $(value PUSH)
override REGISTRY := $(value REGISTRY)
override KILL := $(value KILL)
override RUN_IDS := $(value RUN_IDS)
override WORKERS := $(value WORKERS)
override REPOSITORIES := $(value REPOSITORIES)
override MAX_COST_USD := $(value MAX_COST_USD)
override OLDER_THAN := $(value OLDER_THAN)
override SQLITE := $(value SQLITE)
override REPAIR := $(value REPAIR)
export RUN_IDS WORKERS REPOSITORIES MAX_COST_USD OLDER_THAN SQLITE REPAIR
override POOL := $(value POOL)
override REASON := $(value REASON)
override EVERY := $(value EVERY)
override ONCE := $(value ONCE)
override PROVIDER := $(value PROVIDER)
override SPAWN := $(value SPAWN)
override COUNT := $(value COUNT)
override WAIT := $(value WAIT)
export POOL REASON EVERY ONCE PROVIDER SPAWN COUNT WAIT
override HERE := $(value HERE)
override MAX_STEPS := $(value MAX_STEPS)
override MAX_USD := $(value MAX_USD)
export HERE MAX_STEPS MAX_USD
export IMAGE BASE FOLDER ENGINE JSON AIRFLOW_IMAGE AIRFLOW_BASE PUSH REGISTRY AMI CUDA_IMAGE TIDY KILL
export CONFIG REPO RUN_ID TIMEOUT_MINUTES FOLLOW DAYS PYTHON JOBS ONLY REPORT
export REPOS_FILE TO DIR NETWORK FOR END DRY_RUN VANISHED ABANDON_PLACE CLOSE SCOPE RUNS LIMIT INSTANCE YES FAILED FORMAT OUTPUT TEST

STAMP := .venv/.stamp
BIN := .venv/bin
JANITOR := @$(BIN)/janitor

# Options from values; nothing where the value is empty.
CONFIG_ARGUMENT := $${CONFIG:+"$$CONFIG"}
CONFIG_OPTION := $${CONFIG:+"--config=$$CONFIG"}
REPO_OPTION := $${REPO:+"--repo=$$REPO"}
RUN_ID_OPTION := $${RUN_ID:+"--run-id=$$RUN_ID"}
TIMEOUT_OPTION := $${TIMEOUT_MINUTES:+"--timeout-minutes=$$TIMEOUT_MINUTES"}
FOLLOW_OPTION := $$(case "$$FOLLOW" in 0|no|false) echo --no-follow;; esac)
FOR_OPTION := $${FOR:+"--for=$$FOR"}
SCOPE_OPTION := $${SCOPE:+"--scope=$$SCOPE"}
END_OPTION := $$(case "$$END" in ''|0|no|false) ;; *) echo --end;; esac)
TEST_OPTION := $$(case "$$TEST" in ''|0|no|false) ;; *) echo --test;; esac)
UNDELIVERED_OPTION := $$(case "$$UNDELIVERED" in ''|0|no|false) ;; *) echo --undelivered;; esac)
DRY_RUN_OPTION := $$(case "$$DRY_RUN" in ''|0|no|false) ;; *) echo --dry-run;; esac)
VANISHED_OPTION := $$(case "$$VANISHED" in ''|0|no|false) ;; *) echo --vanished;; esac)
ABANDON_PLACE_OPTION := $${ABANDON_PLACE:+"--abandon-place=$$ABANDON_PLACE"}
CLOSE_OPTION := $$(case "$$CLOSE" in ''|0|no|false) ;; *) echo --close;; esac)
NETWORK_OPTION := $$(case "$$NETWORK" in ''|0|no|false) ;; *) echo --network;; esac)
JSON_OPTION := $$(case "$$JSON" in ''|0|no|false) ;; *) echo --json;; esac)
FAILED_OPTION := $$(case "$$FAILED" in ''|0|no|false) ;; *) echo --failed;; esac)
FORMAT_OPTION := $${FORMAT:+"--$$FORMAT"}
OUTPUT_OPTION := $${OUTPUT:+"--output=$$OUTPUT"}
YES_OPTION := $$(case "$$YES" in ''|0|no|false) ;; *) echo --yes;; esac)
KILL_OPTION := $$(case "$$KILL" in ''|0|no|false) ;; *) echo --kill-all-workers;; esac)
HERE_OPTION := $$(case "$$HERE" in ''|0|no|false) ;; *) echo --here;; esac)
DAYS_OPTION := $${DAYS:+"--days=$$DAYS"}
AMI_OPTION := $${AMI:+"--image=$$AMI"}
BASE_OPTION := $${BASE:+"--base=$$BASE"}
CUDA_IMAGE_OPTION := $${CUDA_IMAGE:+"--cuda-image=$$CUDA_IMAGE"}
TIDY_OPTION := $$(case "$$TIDY" in ''|0|no|false) ;; *) echo --tidy;; esac)
POOL_OPTION := $${POOL:+"--pool=$$POOL"}
REASON_OPTION := $${REASON:+"--reason=$$REASON"}
LIMIT_OPTION := $${LIMIT:+"--limit=$$LIMIT"}
JUNIT_OPTION := $${JUNIT:+"--junit=$$JUNIT"}
RUNS_OPTION := $${RUNS:+"--runs=$$RUNS"}
TO_OPTION := $${TO:+"--to=$$TO"}
LOG_FOLLOW_OPTION := $$(case "$$FOLLOW" in ''|0|no|false) ;; *) echo --follow;; esac)

# need <variable> <example>: ends with 2 and the usage where the value is missing.
need = @test -n "$$$(1)" || { echo "usage: make $@ $(1)=$(2)" >&2; exit 2; }

.PHONY: help run test test-quick test-full up down status validate-all-workers run-janitor fetch-report runs follow rerun cancel check-parallel-status query-parallel-run query-db \
	report failures culprit culprit-bench dashboard notify instances kill-all-workers terminate reap keep maintain repair-demo pool-demo list-worktrees cleanup-worktrees shards repairs pool pool-decisions pool-stop pool-resume pool-run pool-test pool-test-task breaker logs validate artefact accuracy check-config estimate waste db-migrate db-roles doctor completion setup lint format lock bench repair-bench crash-matrix \
	lambda image audit check-workflows ci dotenv ami check-packer infra-plan infra-apply env-file destroy idle-cost check-terraform

help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z][a-z-]*:.*## / { printf "  %-22s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "ENV chooses the environment (default: local). The same commands, with more options: .venv/bin/janitor --help"

$(STAMP): requirements.lock pyproject.toml
	@infra/scripts/setup.sh

setup: $(STAMP) ## make the virtual environment; every other target does so by itself
	@:

run: $(STAMP) ## validate the example workers, from nothing to results [CONFIG= REPO= TIMEOUT_MINUTES= YES=1]
	$(JANITOR) run $(REPO_OPTION) $(TIMEOUT_OPTION) $(YES_OPTION) -- $(CONFIG_ARGUMENT)

test: $(STAMP) ## run the tests of every change
	@$(BIN)/python -m pytest --numprocesses=4 --dist=loadscope -m "not full"

test-quick: $(STAMP) ## run what needs no server, for every save
	@$(BIN)/python -m pytest --numprocesses=2 --dist=worksteal -m "not full" tests/unit

test-full: test ## run all tests: those of every change, then what takes a machine of its own
	@$(BIN)/python -m tests.rest

up: $(STAMP) ## start the local stack in the background
	$(JANITOR) up

down: $(STAMP) ## stop the local stack; its data stays
	$(JANITOR) down

status: $(STAMP) ## what runs and answers, web UI, login [ENV=]
	$(JANITOR) status

validate-all-workers: $(STAMP) ## start a parallel run and follow it [ENV= CONFIG= TIMEOUT_MINUTES= REPO= FOLLOW=0 YES=1]
	$(JANITOR) validate-all-workers $(CONFIG_OPTION) $(REPO_OPTION) $(TIMEOUT_OPTION) $(FOLLOW_OPTION) $(YES_OPTION)

run-janitor: $(STAMP) ## validate repositories in turn on one instance [ENV= REPOS_FILE= REPO= TIMEOUT_MINUTES= FOLLOW=0 YES=1]
	$(JANITOR) run-janitor $(REPO_OPTION) $(TIMEOUT_OPTION) $(FOLLOW_OPTION) $(YES_OPTION) -- $${REPOS_FILE:+"$$REPOS_FILE"}

fetch-report: $(STAMP) ## bring the reports of a run into a folder, and say what they hold [RUN_ID= TO= ENV=]
	$(JANITOR) fetch-report $(TO_OPTION) -- $${RUN_ID:+"$$RUN_ID"}

runs: $(STAMP) ## the last runs: id, trigger, status, cost [LIMIT= ENV=]
	$(JANITOR) runs $(LIMIT_OPTION)

follow: $(STAMP) ## follow a run that was started before: RUN_ID= [ENV=]
	$(call need,RUN_ID,550e8400-e29b-41d4-a716-446655440000)
	$(JANITOR) follow -- "$$RUN_ID"

check-parallel-status: $(STAMP) ## what is running, and the time that remains [ENV=]
	$(JANITOR) check-parallel-status

rerun: $(STAMP) ## do a run again with the parameters that it had: RUN_ID= [FAILED=1 FOLLOW=0 YES=1 ENV=]
	$(call need,RUN_ID,550e8400-e29b-41d4-a716-446655440000)
	$(JANITOR) rerun $(FAILED_OPTION) $(FOLLOW_OPTION) $(YES_OPTION) -- "$$RUN_ID"

cancel: $(STAMP) ## stop one run and end its instances: RUN_ID= [YES=1 ENV=]
	$(call need,RUN_ID,550e8400-e29b-41d4-a716-446655440000)
	$(JANITOR) cancel $(YES_OPTION) -- "$$RUN_ID"

query-parallel-run: $(STAMP) ## one run with all of its results: RUN_ID= [JUNIT=FILE GITHUB=1 ENV=]
	$(call need,RUN_ID,550e8400-e29b-41d4-a716-446655440000)
	$(JANITOR) query-parallel-run $(JUNIT_OPTION) $(if $(GITHUB),--github) -- "$$RUN_ID"

query-db: $(STAMP) ## a repository's last validations: REPO= [ENV=]
	$(call need,REPO,worker-basic)
	$(JANITOR) query-db -- "$$REPO"

report: $(STAMP) ## a whole report: REPO= or RUN_ID= [FORMAT=html|junit|json OUTPUT= ENV=]
	@test -n "$$REPO$$RUN_ID" || { echo "usage: make report REPO=worker-basic or RUN_ID=550e84 [FORMAT=html]" >&2; exit 2; }
	$(JANITOR) report $(FORMAT_OPTION) $(OUTPUT_OPTION) -- "$${RUN_ID:-$$REPO}"

culprit: $(STAMP) ## which release broke a repository: REPO= [RUN_ID= HERE=1 MAX_STEPS= MAX_USD= JSON=1 ENV=]
	$(call need,REPO,worker-basic)
	$(JANITOR) culprit $${RUN_ID:+"--run=$$RUN_ID"} $(HERE_OPTION) $${MAX_STEPS:+"--max-steps=$$MAX_STEPS"} $${MAX_USD:+"--max-usd=$$MAX_USD"} $(JSON_OPTION) -- "$$REPO"

culprit-bench: $(STAMP) ## search the known culprits of the labelled cases, and count [JOBS= ONLY= JSON=1]
	@exec $(BIN)/python -m tests.corpus.culprits $${JOBS:+"--jobs=$$JOBS"} $${ONLY:+"--only=$$ONLY"} $(JSON_OPTION)

dashboard: $(STAMP) ## what broke, what lives, what it costs, what somebody has to know of [ONCE=1 EXPORT=1 ENV=]
	$(JANITOR) dashboard $(if $(ONCE),--once) $(if $(EXPORT),--export)

failures: $(STAMP) ## the failures of the last runs by cause [RUNS= ENV=]
	$(JANITOR) failures $(RUNS_OPTION)

notify: $(STAMP) ## send the messages that wait, or see them, or try the channels [DRY_RUN=1 TEST=1 UNDELIVERED=1 CONFIG= ENV=]
	$(JANITOR) notify $(DRY_RUN_OPTION) $(TEST_OPTION) $(UNDELIVERED_OPTION) $(CONFIG_OPTION)

instances: $(STAMP) ## what is alive in the cloud [ENV=]
	$(JANITOR) instances

kill-all-workers: $(STAMP) ## emergency: terminate every instance of the deployment [ENV=]
	$(JANITOR) kill-all-workers

terminate: $(STAMP) ## terminate one instance: INSTANCE= [YES=1 ENV=]
	$(call need,INSTANCE,i-1234567890abcdef0)
	$(JANITOR) terminate $(YES_OPTION) -- "$$INSTANCE"

reap: $(STAMP) ## end instances that nobody works on, as the reaper does [DRY_RUN=1 VANISHED=1 ABANDON_PLACE= ENV=]
	$(JANITOR) reap $(DRY_RUN_OPTION) $(VANISHED_OPTION) $(ABANDON_PLACE_OPTION)

keep: $(STAMP) ## keep a repository's instance for debugging: REPO= FOR=30m [RUN_ID= END=1 ENV=]
	$(call need,REPO,worker-basic FOR=30m)
	$(JANITOR) keep $(REPO_OPTION) $(FOR_OPTION) $(RUN_ID_OPTION) $(END_OPTION)

repair-demo: $(STAMP) ## break an example by its upstream, name the release, repair and prove it, on the local stack
	$(JANITOR) repair-demo

maintain: $(STAMP) ## repair what the last run found broken: RUN_IDS=a,b [WORKERS= REPOSITORIES= MAX_COST_USD= DRY_RUN=1]
	$(call need,RUN_IDS,night-a,night-b)
	$(JANITOR) maintain --run-ids="$$RUN_IDS" $${WORKERS:+"--workers=$$WORKERS"} $${REPOSITORIES:+"--repositories=$$REPOSITORIES"} $${MAX_COST_USD:+"--max-cost-usd=$$MAX_COST_USD"} $(DRY_RUN_OPTION)

list-worktrees: $(STAMP) ## the working trees of repairs, and who holds each [JSON=1 ENV=]
	$(JANITOR) maintain --list-worktrees $(JSON_OPTION)

cleanup-worktrees: $(STAMP) ## remove what dead holders left, never what a living one has [OLDER_THAN=24h DRY_RUN=1 ENV=]
	$(JANITOR) maintain --cleanup $${OLDER_THAN:+"--older-than=$$OLDER_THAN"} $(DRY_RUN_OPTION)

shards: $(STAMP) ## the shards of maintenance, or a file of them [SQLITE=shard_status.db JSON=1 ENV=]
	$(JANITOR) shards $${SQLITE:+export "--sqlite=$$SQLITE"} $(JSON_OPTION)

repairs: $(STAMP) ## the repairs, or one with its patch [REPAIR= JSON=1 ENV=]
	$(JANITOR) repairs $(JSON_OPTION) $${REPAIR:+show "$$REPAIR"}

pool: $(STAMP) ## the pools: what works, what waits, what is wrong, what it costs [POOL= JSON=1 ENV=]
	$(JANITOR) pool status $(POOL_OPTION) $(JSON_OPTION)

pool-demo: $(STAMP) ## six validations on the two workers of a pool, with times and costs, on the local stack
	$(JANITOR) pool-demo

pool-decisions: $(STAMP) ## why there are as many workers as there are [POOL= JSON=1 ENV=]
	$(JANITOR) pool decisions $(POOL_OPTION) $(JSON_OPTION)

pool-stop: $(STAMP) ## stop a pool: nothing is spawned, and what it has drains [POOL= REASON= ENV=]
	$(JANITOR) pool stop $(REASON_OPTION) -- $${POOL:+"$$POOL"}

pool-resume: $(STAMP) ## let a pool go on that was stopped [POOL= REASON= ENV=]
	$(JANITOR) pool resume $(REASON_OPTION) -- $${POOL:+"$$POOL"}

pool-run: $(STAMP) ## make passes over the pools until Ctrl-C, as gpu_pool does every minute [ONCE=1 EVERY=30 ENV=]
	$(JANITOR) pool run $$(case "$$ONCE" in ''|0|no|false) ;; *) echo --once;; esac) $${EVERY:+"--every=$$EVERY"}

pool-test: $(STAMP) ## which of database, provider, channel and storage fails [PROVIDER= SPAWN=1 POOL= YES=1 JSON=1 ENV=]
	$(JANITOR) pool test-connection $${PROVIDER:+"--provider=$$PROVIDER"} $$(case "$$SPAWN" in ''|0|no|false) ;; *) echo --spawn-test;; esac) $(POOL_OPTION) $(YES_OPTION) $(JSON_OPTION)

pool-test-task: $(STAMP) ## queue tasks that prove that workers take them [COUNT= WAIT= POOL= JSON=1 ENV=]
	$(JANITOR) pool test-task $${COUNT:+"--count=$$COUNT"} $${WAIT:+"--wait=$$WAIT"} $(POOL_OPTION) $(JSON_OPTION)

breaker: $(STAMP) ## whether launches are paused [CLOSE=1 SCOPE= ENV=]
	$(JANITOR) breaker $(CLOSE_OPTION) $(SCOPE_OPTION)

logs: $(STAMP) ## a validation's log: REPO= [RUN_ID= FOLLOW=1 ENV=]
	$(call need,REPO,worker-basic)
	$(JANITOR) logs $(RUN_ID_OPTION) $(LOG_FOLLOW_OPTION) -- "$$REPO"

validate: $(STAMP) ## run the static checks on a checkout, execute nothing of it: DIR= [NETWORK=1]
	$(call need,DIR,../worker-basic)
	$(JANITOR) validate $(NETWORK_OPTION) -- "$$DIR"

artefact: ## pack `janitor validate` as one file that needs Python alone: dist/janitor-validate.pyz
	@PYTHONPATH=include "$${PYTHON:-python3}" -m janitor.prepush.archive dist/janitor-validate.pyz

accuracy: $(STAMP) ## judge the labelled corpus, or a folder of labelled repositories [FOLDER= ENGINE= JOBS= ONLY= JSON=1]
	@test -n "$$FOLDER" -o -z "$$ENGINE" || { echo "usage: make $@ FOLDER=../labelled ENGINE=docker" >&2; exit 2; }
	@set -- $${JOBS:+"--jobs=$$JOBS"} $${ONLY:+"--only=$$ONLY"} $(JSON_OPTION); if test -z "$$FOLDER"; \
		then exec $(BIN)/python -m tests.corpus "$$@"; \
		else exec $(BIN)/python -m tests.accuracy $${ENGINE:+"--engine=$$ENGINE"} "$$@" -- "$$FOLDER"; fi

check-config: $(STAMP) ## check a configuration, or a sequential run's list, launch nothing [CONFIG= REPOS_FILE= ENV=]
	$(JANITOR) check-config $${REPOS_FILE:+--sequential} -- $${REPOS_FILE:+"$$REPOS_FILE"} $(CONFIG_ARGUMENT)

estimate: $(STAMP) ## what a run would cost at the worst, launch nothing [CONFIG= REPO= TIMEOUT_MINUTES= ENV=]
	$(JANITOR) estimate $(REPO_OPTION) $(TIMEOUT_OPTION) -- $(CONFIG_ARGUMENT)

waste: $(STAMP) ## what every instance-second went into, and what is unexplained [DAYS= ENV=]
	$(JANITOR) waste $(DAYS_OPTION)

db-migrate: $(STAMP) ## bring the database schema up to date [ENV=]
	$(JANITOR) db-migrate

db-roles: $(STAMP) ## make the database roles that write and read, or set their passwords anew [ENV=]
	$(JANITOR) db-roles

completion: $(STAMP) ## print what makes your shell complete commands, names and ids
	$(JANITOR) completion

doctor: $(STAMP) ## what is missing, in plain words: on this machine, or before the first dollar in an account [ENV=]
	$(JANITOR) doctor

lint: $(STAMP) ## style, types and the import contract
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(STAMP) ## format the code
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

lock: $(STAMP) ## pin anew what requirements.txt names
	@PATH="$(BIN):$$PATH" uv pip compile --universal --python-version 3.10 --generate-hashes --no-header \
		--no-emit-index-url --quiet requirements.txt -o requirements.lock

audit: $(STAMP) ## known vulnerabilities of the locked packages; says so where they can't be asked for
	@$(BIN)/python -I infra/scripts/audit.py

lambda: $(STAMP) ## pack the reaper's Lambda function: infra/lambda/dist/reaper.zip
	@$(BIN)/python infra/lambda/build.py

infra-plan: $(STAMP) ## show what Terraform would change in the cloud [ENV=]
	$(JANITOR) infra-plan

infra-apply: $(STAMP) ## make what the deployment needs in the cloud, and tell the settings [YES=1 ENV=]
	$(JANITOR) infra-apply $(YES_OPTION)

env-file: $(STAMP) ## write what Terraform made into infra/env/<ENV>.env, never a secret [ENV=]
	$(JANITOR) env-file

destroy: $(STAMP) ## remove everything that Terraform made; refuses while instances live [KILL=1 YES=1 ENV=]
	$(JANITOR) destroy $(KILL_OPTION) $(YES_OPTION)

idle-cost: $(STAMP) ## what the deployment costs a day while nothing runs [ENV=]
	$(JANITOR) idle-cost

check-terraform: $(STAMP) ## format, validate and test what Terraform reads; says so where there is no Terraform, fails then in CI
	@$(BIN)/python infra/scripts/check_terraform.py

bench: $(STAMP) ## measure what the orchestration costs
	@$(BIN)/python -m bench

repair-bench: $(STAMP) ## have the labelled broken repositories repaired by recipes alone, count [JOBS= ONLY= JSON=1]
	@$(BIN)/python -m tests.corpus.repairs $${JOBS:+"--jobs=$$JOBS"} $${ONLY:+"--only=$$ONLY"} $(JSON_OPTION)

crash-matrix: $(STAMP) ## kill every component at every edge, say what is left [JOBS= ONLY= REPORT=]
	@$(BIN)/python -m tests.crash $${JOBS:+"--jobs=$$JOBS"} $${ONLY:+"--only=$$ONLY"} $${REPORT:+"--report=$$REPORT"}

check-workflows: $(STAMP) ## the workflows and compose files: schema, actionlint, zizmor, pins, targets
	@$(BIN)/python infra/scripts/check_workflows.py

ci: lint check-workflows check-packer check-terraform test ## what a pull request must pass

dotenv: ## make .env from .env.example, with fresh secrets; what is in it stays
	@"$${PYTHON:-python3}" infra/scripts/write_dotenv.py

image: $(STAMP) ## build the images of the agent and of Airflow, push them to ENV's registry [ENV= PUSH=1 IMAGE= BASE= AIRFLOW_BASE=]
	@infra/docker/build.sh
	@infra/docker/build_airflow.sh
	@$(BIN)/python infra/docker/push.py

ami: $(STAMP) ## build the instances' machine image with Packer and publish it: ENV= [AMI= BASE= CUDA_IMAGE= TIDY=1 DRY_RUN=1]
	$(JANITOR) ami $(AMI_OPTION) $(BASE_OPTION) $(CUDA_IMAGE_OPTION) $(TIDY_OPTION) $(DRY_RUN_OPTION)

check-packer: $(STAMP) ## the machine image's definition and scripts: packer, shellcheck; says so where there is none, fails then in CI
	@$(BIN)/shellcheck infra/scripts/bootstrap.sh infra/packer/check.sh infra/packer/provision/*.sh
	@infra/packer/check.sh || test $$? = 3

endif
