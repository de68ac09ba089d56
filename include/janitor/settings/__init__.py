"""Settings: the one place where environment variables are read.

Six sources, strongest first:

1. `JANITOR_*` variables of the process;
2. `<state_dir>/stack.env`, which the local stack writes when it starts (only where the environment has such a stack);
3. `infra/env/<ENV>.override.env`, a checkout's own settings, which git ignores;
4. `<state_dir>/infrastructure.env`, what `make infra-apply` made in such a stack's cloud;
5. `infra/env/<ENV>.env`;
6. the vendor's own variables of the process (`AWS_REGION`, …), only for the settings that say so.

The vendor's variables come last so that credentials or an endpoint exported in a shell can't make the local
environment talk to real AWS, nor hand real keys to the local cloud. Within one source a setting's `JANITOR_` name comes
before the vendor's. An empty value counts as not set.

One vendor's variable is stronger outside an embedded stack: `AWS_REGION` of the process comes before `AWS_REGION` of
the files, as every tool of AWS has it. JANITOR_REGION, in the process or in a file, comes before both.

A component of Airflow is told its environment by JANITOR_ENV and has no default (`component`).

What an embedded stack has made for itself (identity, database URLs, Airflow's login, endpoint and keys) counts as its
`stack.env` says, over the process; a process that names another stack, or has any of these that this one didn't make,
is refused (`own_stack`).

Environments differ in these values alone; no code asks which environment it runs in. Each subject's settings are
declared in a module of their own, and `Settings` is all of them together.
"""

from janitor.settings.component import component_environment
from janitor.settings.dag import DagSettings, hand_over_dag_settings, load_dag_settings
from janitor.settings.loading import DEFAULT_ENVIRONMENT, Settings, load_settings
from janitor.settings.parts.deployment import STACK_ENV_NAME, StackKind
from janitor.settings.project import env_file_path, project_root
from janitor.settings.variables import Variable

__all__ = [
    "DEFAULT_ENVIRONMENT",
    "STACK_ENV_NAME",
    "DagSettings",
    "Settings",
    "StackKind",
    "Variable",
    "component_environment",
    "env_file_path",
    "hand_over_dag_settings",
    "load_dag_settings",
    "load_settings",
    "project_root",
]
