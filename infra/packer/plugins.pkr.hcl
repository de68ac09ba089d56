# Packer 1.6 knows none of this, so that infra/packer/check.sh leaves the file out there.
packer {
  required_version = ">= 1.7.0"
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.2.8, < 2.0.0"
    }
  }
}
