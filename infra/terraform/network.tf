# Public addresses and no ingress in the place of a NAT gateway: a gateway costs $1.20 a day and zone while nothing runs.
# Instances reach SSM, git and the registries by themselves; nobody reaches them. S3 has its own way, which is free.

data "aws_availability_zones" "here" {
  state = "available"

  filter {
    name   = "zone-type"
    values = ["availability-zone"]
  }
}

data "aws_ec2_instance_type_offerings" "gpu" {
  location_type = "availability-zone"

  filter {
    name   = "instance-type"
    values = var.instance_types
  }
}

locals {
  zones = sort(setintersection(
    data.aws_availability_zones.here.names,
    data.aws_ec2_instance_type_offerings.gpu.locations,
  ))

  # A zone's addresses go by its letter: a zone that comes or goes moves no other one's.
  zone_numbers = { for zone in local.zones : zone => index(split("", "abcdefghijklmnop"), substr(zone, -1, 1)) }
}

resource "aws_vpc" "janitor" {
  cidr_block           = var.vpc_cidr
  enable_dns_hostnames = true
  enable_dns_support   = true

  tags = { Name = local.name }
}

resource "aws_internet_gateway" "out" {
  vpc_id = aws_vpc.janitor.id

  tags = { Name = local.name }
}

resource "aws_subnet" "public" {
  for_each = local.zone_numbers

  vpc_id                  = aws_vpc.janitor.id
  availability_zone       = each.key
  cidr_block              = cidrsubnet(var.vpc_cidr, 4, each.value)
  map_public_ip_on_launch = true

  tags = { Name = "${local.name}-${each.key}" }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.janitor.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.out.id
  }

  tags = { Name = local.name }
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.janitor.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.public.id]

  tags = { Name = "${local.name}-s3" }
}

resource "aws_security_group" "instances" {
  name        = "${local.name}-instances"
  description = "Out to everywhere, in from nowhere"
  vpc_id      = aws_vpc.janitor.id
  ingress     = [] # a rule that somebody adds by hand is taken away again

  egress {
    description = "SSM, git, package indexes, registries"
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
