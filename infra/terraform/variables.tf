variable "deployment" {
  description = "Names everything, and is the value of the tag janitor:deployment that all killers and policies hang on."
  type        = string

  validation {
    # It becomes part of the names of buckets and roles, and of the text of policies.
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,30}[a-z0-9]$", var.deployment))
    error_message = "Lower-case letters, digits and hyphens, 2 to 32 of them."
  }
}

variable "region" {
  description = "Where everything is."
  type        = string
}

variable "account_id" {
  description = "The only AWS account that this may be applied to; empty: any."
  type        = string
  default     = ""
}

variable "is_local" {
  description = "Applied to the local cloud, whose buckets are reached by path."
  type        = bool
  default     = false
}

variable "policies" {
  description = "Folder of the policies' JSON files."
  type        = string
  default     = "../policies"
}

variable "reaper_package" {
  description = "The reaper function's zip; `make lambda` packs it, the same bytes for the same source."
  type        = string
  default     = "../lambda/dist/reaper.zip"
}

# Instances

variable "instance_types" {
  description = "What may be launched. Only zones that offer one of them get a subnet."
  type        = list(string)
  default     = ["g5.xlarge", "g5.2xlarge", "g6.xlarge", "g6.2xlarge", "g6e.xlarge", "g4dn.xlarge"]
}

variable "image_id" {
  description = "AMI of the instances; empty: what the SSM parameter /janitor/<deployment>/ami names (`make ami`)."
  type        = string
  default     = ""
}

variable "root_device_name" {
  description = "The AMI's own root device: under another name the size below would make a second volume."
  type        = string
  default     = "/dev/sda1"
}

variable "volume_gib" {
  description = "Root volume of an instance, and what its cost is computed from."
  type        = number
  default     = 100
}

variable "max_instances" {
  description = "More live instances than this raise an alarm."
  type        = number
  default     = 10
}

variable "create_spot_role" {
  description = "Make the service-linked role that the first spot launch needs. False where the account has it."
  type        = bool
  default     = false
}

variable "bedrock_models" {
  description = "ARNs of models and inference profiles that the agent on an instance may invoke; none: it may invoke none."
  type        = list(string)
  default     = []
}

variable "image_repositories" {
  description = "ARNs of ECR repositories that an instance may pull from; none: it may pull from none."
  type        = list(string)
  default     = []
}

# Network

variable "vpc_cidr" {
  description = "Addresses of the VPC; each zone takes a sixteenth."
  type        = string
  default     = "10.77.0.0/16"
}

# Storage

variable "cache_volume_gib" {
  description = "The volume that keeps Docker's layers between sequential runs; 0: none."
  type        = number
  default     = 50
}

variable "cache_zone" {
  description = "Zone of that volume; empty: the first one that offers an instance type."
  type        = string
  default     = ""
}

variable "report_days" {
  description = "How long reports are kept in the bucket."
  type        = number
  default     = 365
}

variable "force_destroy" {
  description = "Let `make destroy` delete the bucket and the image repository with what is in them."
  type        = bool
  default     = false
}

# Killers

variable "reap_interval_seconds" {
  description = "Pause between two passes of the reaper: whole minutes, the shortest rate of EventBridge."
  type        = number
  default     = 300

  validation {
    condition     = var.reap_interval_seconds >= 60 && var.reap_interval_seconds % 60 == 0
    error_message = "A rate of EventBridge is whole minutes, at least one: give a multiple of 60."
  }
}

# Observability

variable "log_group" {
  description = "Where the instances' output goes. Two deployments in one account and region need two."
  type        = string
}

variable "log_days" {
  description = "How long logs are kept."
  type        = number
  default     = 30
}

variable "alarm_email" {
  description = "Who is written to when an alarm is raised; AWS asks for confirmation by mail. Empty: nobody."
  type        = string
  default     = ""
}

variable "monthly_budget_usd" {
  description = "AWS tells at 80 % and when the forecast passes it; 0: no budget."
  type        = number
  default     = 100
}

# Who runs it

variable "controller_principals" {
  description = "ARNs of users and roles that may take on the controller's role. None: attach its policy to your own role."
  type        = list(string)
  default     = []
}

variable "controller_on_ec2" {
  description = "Make a role and an instance profile for a controller that runs on EC2."
  type        = bool
  default     = false
}

variable "github_repository" {
  description = "owner/name of the repository whose workflows may push images and run the nightly; empty: none."
  type        = string
  default     = ""
}

variable "create_github_provider" {
  description = "Make GitHub's OIDC provider. False where the account has it: there can be one alone."
  type        = bool
  default     = true
}

# Database

variable "database" {
  description = "Make a PostgreSQL on RDS. Without it give the addresses of your own."
  type        = bool
  default     = false
}

variable "database_class" {
  description = "Its instance class."
  type        = string
  default     = "db.t4g.micro"
}

variable "database_gib" {
  description = "Its storage."
  type        = number
  default     = 20
}
