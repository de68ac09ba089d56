variable "region" {
  type        = string
  description = "Where the image is made and kept."
}

variable "deployment" {
  type        = string
  description = "Whose image it is; the value of its tag janitor:ami, by which older ones are found."
}

variable "source_ami" {
  type        = string
  description = "What it is built on: Ubuntu with NVIDIA's driver, toolkit and Docker. `make ami` asks AWS for the newest."
}

variable "stamp" {
  type        = string
  description = "Instant of the build, in the name of the image; two images of one name can't be."
}

variable "commit" {
  type        = string
  default     = "unknown"
  description = "The checkout that it is made of, as a tag."
}

variable "subnet_id" {
  type        = string
  default     = ""
  description = "A public subnet for the builder; empty: the default network's."
}

variable "instance_type" {
  type        = string
  default     = "t3.large"
  description = "Of the builder. The driver is in the base: no GPU is needed to build, and no quota for one."
}

variable "volume_gib" {
  type        = number
  default     = 80
  description = "Root volume: not less than the base's, not more than the launch template's (JANITOR_VOLUME_GIB)."
}

variable "log_group" {
  type        = string
  default     = "/janitor-runner"
  description = "Where machines write what they did at boot (JANITOR_LOG_GROUP)."
}

variable "cuda_image" {
  type        = string
  default     = ""
  description = "Container image that is known to work with CUDA, with which the host is tried; empty: the host isn't."
}
