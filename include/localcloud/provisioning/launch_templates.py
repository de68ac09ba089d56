"""Launch templates: their own tags are no part of what they launch.

moto writes the tags of a template among the tag specifications of its first version, where EC2 has none of them; a
second plan of Terraform would want them away.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses.launch_templates import LaunchTemplates

from localcloud.moto_pin import replace_attribute

OWN_TAGS = "launch-template"


def install() -> None:
    """Patch moto's CreateLaunchTemplate."""
    moto_create = vars(LaunchTemplates)["create_launch_template"]

    def create_launch_template(self: LaunchTemplates) -> ActionResult:
        answer = moto_create(self)
        template_id = answer.result["LaunchTemplate"]["LaunchTemplateId"]
        for version in self.ec2_backend.launch_templates[template_id].versions:
            _without_own_tags(version.data)
        return answer

    replace_attribute(LaunchTemplates, "create_launch_template", create_launch_template)


def _without_own_tags(data: dict[str, Any]) -> None:
    kept = [one for one in data.get("TagSpecifications") or [] if one.get("ResourceType") != OWN_TAGS]
    data.pop("TagSpecifications", None)
    if kept:
        data["TagSpecifications"] = kept
