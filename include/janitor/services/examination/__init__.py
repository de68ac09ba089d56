"""What a deployment lacks before its first run: asked of AWS, Postgres and Airflow as the product would ask them."""
