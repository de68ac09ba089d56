"""moto remembers every object that it ever made, for its reset API. A server that runs for weeks can't afford that:
each log event, object version and instance would stay in memory for good. The reset API is closed here anyway.
"""

from __future__ import annotations

from typing import Any

from moto.core.common_models import BaseModel

from localcloud.moto_pin import replace_attribute


def install() -> None:
    """Patch moto so that it forgets what is no longer in use."""

    def untracked(cls: type, *_: Any, **__: Any) -> Any:
        return object.__new__(cls)

    replace_attribute(BaseModel, "__new__", staticmethod(untracked))
