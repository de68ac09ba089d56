#!/bin/sh
# Every container of the Airflow image starts here, whoever starts it: compose, Helm's chart, a hand. A component that
# isn't told its environment would take a deployment's runs for another's, so it ends at once, in words.
set -eu

project=/opt/airflow/janitor
executor=${AIRFLOW__CORE__EXECUTOR:-LocalExecutor}

refuse() {
    echo "error: $1" >&2
    exit 3
}

[ -n "${JANITOR_ENV:-}" ] \
    || refuse "JANITOR_ENV is not set in this container; give every component the same one, such as dev or prod"
[ -f "$project/infra/env/$JANITOR_ENV.env" ] \
    || refuse "JANITOR_ENV=$JANITOR_ENV: this image has no infra/env/$JANITOR_ENV.env"

case "${1:-} ${2:-}" in
"celery worker")
    # Without it the worker would wait for tasks for ever, and look healthy.
    case "$executor" in
    *CeleryExecutor*) ;;
    *) refuse "a Celery worker is of no use to $executor; set AIRFLOW_EXECUTOR=CeleryExecutor for all components" ;;
    esac
    ;;
"janitor "*)
    shift
    exec python -m janitor.cli.main "$@"
    ;;
esac
exec /entrypoint "$@"
