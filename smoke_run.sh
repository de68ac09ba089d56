#!/usr/bin/env bash
# Smoke run: trigger validate_workers through Airflow, wait for it, and verify what it left in Postgres and in the cloud.
#
#   ./smoke_run.sh                      the default configuration of ENV (local: the example workers)
#   PARALLEL_LIMIT=2 ./smoke_run.sh     at most two instances at once (default 10)
#   CONFIG=… REPO=… TIMEOUT_MINUTES=…   as for `make validate-all-workers`
#   ./smoke_run.sh --maintenance        repair what the last run found broken, by the DAG parallel_maintenance_poc; here
#                                       PARALLEL_LIMIT is how many shards at once
#
# Exit codes: 0 all well, 1 a validation or a verification failed, 2 bad usage, 3 the deployment can't be used.
set -uo pipefail
cd "$(dirname "$0")" || exit 3

MAINTENANCE=0
for word in "$@"; do
  case $word in
    --maintenance) MAINTENANCE=1 ;;
    -h | --help) sed -n '2,/^# Exit codes/s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "unknown word '$word'; see ./smoke_run.sh --help" >&2; exit 2 ;;
  esac
done

ENV=${ENV:-local}
PARALLEL_LIMIT=${PARALLEL_LIMIT:-10}
CONFIG=${CONFIG:-}
export JANITOR_ENV=$ENV

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  blue=$'\033[34m' green=$'\033[32m' yellow=$'\033[33m' red=$'\033[31m' off=$'\033[0m'
else
  blue='' green='' yellow='' red='' off=''
fi
info() { printf '%s[INFO]%s %s\n' "$blue" "$off" "$*"; }
success() { printf '%s[SUCCESS]%s %s\n' "$green" "$off" "$*"; }
warning() { printf '%s[WARNING]%s %s\n' "$yellow" "$off" "$*"; }
error() { printf '%s[ERROR]%s %s\n' "$red" "$off" "$*" >&2; }
die() { error "$2"; exit "$1"; }

if ! [[ $PARALLEL_LIMIT =~ ^[1-9][0-9]{0,2}$ ]]; then
  die 2 "PARALLEL_LIMIT is '$PARALLEL_LIMIT'; give a whole number from 1 to 999"
fi

# What a JSON document on standard input holds at a path such as `validations.0.status`.
field() {
  .venv/bin/python -c '
import json, sys
value = json.load(sys.stdin)
for key in sys.argv[1].split("."):
    value = value[int(key)] if isinstance(value, list) else value[key]
print(value if not isinstance(value, (list, dict)) else json.dumps(value))' "$1"
}

info "Preflight: ENV=$ENV, PARALLEL_LIMIT=$PARALLEL_LIMIT"
[[ -x .venv/bin/janitor ]] || die 3 "the project isn't set up; run 'make up' first"
janitor=.venv/bin/janitor
if [[ -n $CONFIG ]]; then
  "$janitor" check-config "$CONFIG" || die 2 "the configuration is wrong; nothing was started"
fi
"$janitor" status >/dev/null || die 3 "the deployment isn't up; run 'make up ENV=$ENV', then 'make status ENV=$ENV'"
success "Configuration, database, cloud and Airflow are there"

# What the smoke run of maintenance left: every shard final, nothing held, the disk as it was.
verify_maintenance() {
  local failures=0 name answer code state open_shards total held
  name="smoke-$(date -u +%Y%m%d-%H%M%S)-$$"
  info "Triggering parallel_maintenance_poc through Airflow, and waiting for it"
  answer=$("$janitor" maintain --run-ids "$name" --airflow --parallel-limit "$PARALLEL_LIMIT" --json)
  code=$?
  ((code <= 1)) || die "$code" "the run could not be carried out; see 'make status ENV=$ENV'"
  state=$(field runs.0.state <<<"$answer") || die 3 "the answer of maintain can't be read: $answer"
  info "Verifying the shards in Postgres"
  total=$(field runs.0.shards <<<"$answer" | .venv/bin/python -c 'import json, sys; print(len(json.load(sys.stdin)))')
  open_shards=$(field runs.0.shards <<<"$answer" | .venv/bin/python -c '
import json, sys
print(sum(row["completed_at"] is None for row in json.load(sys.stdin)))')
  failed=$(field runs.0.shards <<<"$answer" | .venv/bin/python -c '
import json, sys
print(sum(row["status"] == "failed" for row in json.load(sys.stdin)))')
  ((total > 0)) && success "$total shards were worked on" || warning "There was nothing to repair: no shard was made"
  [[ $open_shards == 0 ]] && success "Every shard has a final state" || { error "$open_shards shards have no final state"; failures=$((failures + 1)); }
  [[ $failed == 0 ]] && success "No shard failed by trouble of ours" || { error "$failed shards failed; see 'make shards ENV=$ENV'"; failures=$((failures + 1)); }
  [[ $state == success ]] && success "Airflow's run is a success" || { error "Airflow's run is $state"; failures=$((failures + 1)); }
  info "Verifying that no working tree of it is left"
  if held=$("$janitor" maintain --list-worktrees --json | .venv/bin/python -c '
import json, sys
print(sum(sys.argv[1] in tree["run_id"] for tree in json.load(sys.stdin)["worktrees"]))' "$name"); then
    [[ $held == 0 ]] && success "No lease and no working tree of it is left" || { error "$held working trees are left; see 'make list-worktrees ENV=$ENV'"; failures=$((failures + 1)); }
  else
    error "Postgres can't be asked which working trees are left"; failures=$((failures + 1))
  fi
  ((failures == 0)) || die 1 "Smoke run failed: $failures verification(s) failed for maintenance run $name"
  success "Smoke run passed: maintenance run $name"
  exit 0
}
((MAINTENANCE)) && verify_maintenance

info "Triggering validate_workers through Airflow"
arguments=(--no-follow --json --max-concurrent-instances "$PARALLEL_LIMIT")
[[ -n $CONFIG ]] && arguments+=(--config "$CONFIG")
[[ -n ${REPO:-} ]] && arguments+=(--repo "$REPO")
[[ -n ${TIMEOUT_MINUTES:-} ]] && arguments+=(--timeout-minutes "$TIMEOUT_MINUTES")
triggered=$("$janitor" validate-all-workers "${arguments[@]}")
code=$?
((code == 0)) || die "$code" "the run could not be triggered"
run_id=$(field run_id <<<"$triggered") && airflow_run_id=$(field airflow_run_id <<<"$triggered") || die 3 "the answer of validate-all-workers can't be read: $triggered"
success "Run $run_id is triggered"

info "Waiting for the run to end"
"$janitor" follow "$airflow_run_id"
followed=$?
((followed <= 1)) || die "$followed" "the run can't be followed; see 'make status ENV=$ENV'"

failures=0
fail() { error "$*"; failures=$((failures + 1)); }

info "Verifying in Postgres what the run wrote"
if run=$("$janitor" query-parallel-run --json "$run_id"); then
  status=$(field status <<<"$run")
  total=$(field total_repositories <<<"$run")
  rows=$(field validations <<<"$run" | .venv/bin/python -c 'import json, sys; print(len(json.load(sys.stdin)))')
  open_rows=$(field validations <<<"$run" | .venv/bin/python -c '
import json, sys
print(sum(row["finished_at"] is None for row in json.load(sys.stdin)))')
  [[ $rows == "$total" ]] && success "$rows of $total repositories have a row" || fail "$rows of $total repositories have a row"
  [[ $open_rows == 0 ]] && success "Every row has a final state" || fail "$open_rows rows have no final state"
  [[ $status == success ]] && success "The run's status is success" || fail "The run's status is $status"
else
  fail "Run $run_id can't be read back from Postgres"
fi

info "Verifying in the cloud that no instance is left"
if left=$("$janitor" instances --json); then
  count=$(.venv/bin/python -c 'import json, sys; print(len([i for i in json.load(sys.stdin) if i["run_id"] == sys.argv[1]]))' "$run_id" <<<"$left")
  others=$(.venv/bin/python -c 'import json, sys; print(len([i for i in json.load(sys.stdin) if i["run_id"] != sys.argv[1]]))' "$run_id" <<<"$left")
  [[ $count == 0 ]] && success "No instance of the run is left" || fail "$count instances of the run are left; run 'make kill-all-workers ENV=$ENV'"
  [[ $others == 0 ]] || warning "$others instances of other runs are alive; see 'make check-parallel-status ENV=$ENV'"
else
  fail "The cloud can't be asked which instances are left"
fi

if ((failures)); then
  die 1 "Smoke run failed: $failures verification(s) failed for run $run_id"
fi
success "Smoke run passed: run $run_id"
