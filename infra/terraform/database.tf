# Optional. AWS makes the master's password and keeps it in Secrets Manager: it is in no file and no state of Terraform.

resource "aws_security_group" "controller" {
  count = var.database ? 1 : 0

  name        = "${local.name}-controller"
  description = "Give it to the machines of Airflow: they may reach the database"
  vpc_id      = aws_vpc.janitor.id
  ingress     = []

  egress {
    description = "AWS, the database, git"
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "database" {
  count = var.database ? 1 : 0

  name        = "${local.name}-database"
  description = "PostgreSQL, for the controller alone"
  vpc_id      = aws_vpc.janitor.id

  ingress {
    description     = "PostgreSQL"
    from_port       = 5432
    to_port         = 5432
    protocol        = "tcp"
    security_groups = [aws_security_group.controller[0].id]
  }
}

resource "aws_db_subnet_group" "janitor" {
  count = var.database ? 1 : 0

  name       = local.name
  subnet_ids = [for zone in local.zones : aws_subnet.public[zone].id]
}

resource "aws_db_instance" "janitor" {
  count = var.database ? 1 : 0

  identifier                   = local.name
  engine                       = "postgres"
  engine_version               = "16"
  instance_class               = var.database_class
  allocated_storage            = var.database_gib
  storage_type                 = "gp3"
  storage_encrypted            = true
  db_name                      = "janitor"
  username                     = "janitor_master"
  manage_master_user_password  = true
  db_subnet_group_name         = aws_db_subnet_group.janitor[0].name
  vpc_security_group_ids       = [aws_security_group.database[0].id]
  publicly_accessible          = false
  multi_az                     = false
  backup_retention_period      = 7
  deletion_protection          = !var.force_destroy
  skip_final_snapshot          = var.force_destroy
  final_snapshot_identifier    = "${local.name}-final"
  auto_minor_version_upgrade   = true
  performance_insights_enabled = false
}
