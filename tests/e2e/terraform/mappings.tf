# Event source mappings of every kind of source.

resource "aws_lambda_event_source_mapping" "queue" {
  event_source_arn                   = "arn:aws:sqs:us-east-1:${local.account}:work"
  function_name                      = aws_lambda_function.main.arn
  batch_size                         = local.later ? 20 : 10
  maximum_batching_window_in_seconds = local.later ? 5 : 1
  function_response_types            = ["ReportBatchItemFailures"]
  enabled                            = local.later
  filter_criteria {
    filter {
      pattern = jsonencode({ body = { kind = ["order"] } })
    }
  }
  scaling_config {
    maximum_concurrency = local.later ? 3 : 2
  }
  tags = { team = local.later ? "two" : "one" }
}

resource "aws_lambda_event_source_mapping" "stream" {
  event_source_arn               = "arn:aws:kinesis:us-east-1:${local.account}:stream/clicks"
  function_name                  = "${aws_lambda_function.main.arn}:${aws_lambda_alias.live.name}"
  starting_position              = "LATEST"
  batch_size                     = 100
  parallelization_factor         = local.later ? 3 : 2
  maximum_retry_attempts         = 4
  maximum_record_age_in_seconds  = 120
  bisect_batch_on_function_error = true
  destination_config {
    on_failure {
      destination_arn = "arn:aws:sqs:us-east-1:${local.account}:failed"
    }
  }
}

resource "aws_lambda_event_source_mapping" "table" {
  event_source_arn           = "arn:aws:dynamodb:us-east-1:${local.account}:table/orders/stream/2026-01-01T00:00:00.000"
  function_name              = aws_lambda_function.plain.function_name
  starting_position          = "TRIM_HORIZON"
  tumbling_window_in_seconds = local.later ? 60 : 30
}

resource "aws_lambda_event_source_mapping" "moment" {
  event_source_arn            = "arn:aws:kinesis:us-east-1:${local.account}:stream/moments"
  function_name               = aws_lambda_function.plain.function_name
  starting_position           = "AT_TIMESTAMP"
  starting_position_timestamp = "2026-01-02T03:04:05Z"
}

resource "aws_lambda_event_source_mapping" "managed_kafka" {
  event_source_arn  = "arn:aws:kafka:us-east-1:${local.account}:cluster/ours/11111111-2222-3333-4444-555555555555-1"
  function_name     = aws_lambda_function.plain.function_name
  topics            = ["orders"]
  starting_position = "TRIM_HORIZON"
  amazon_managed_kafka_event_source_config {
    consumer_group_id = "terraformed"
  }
}

resource "aws_lambda_event_source_mapping" "own_kafka" {
  function_name     = aws_lambda_function.plain.function_name
  topics            = ["orders"]
  starting_position = "LATEST"
  batch_size        = local.later ? 50 : 40
  self_managed_event_source {
    endpoints = { KAFKA_BOOTSTRAP_SERVERS = "kafka1.example.org:9092,kafka2.example.org:9092" }
  }
  self_managed_kafka_event_source_config {
    consumer_group_id = "terraformed-own"
  }
  source_access_configuration {
    type = "BASIC_AUTH"
    uri  = "arn:aws:secretsmanager:us-east-1:${local.account}:secret:kafka-AbCdEf"
  }
}

resource "aws_lambda_event_source_mapping" "broker" {
  event_source_arn = "arn:aws:mq:us-east-1:${local.account}:broker:ours:b-11111111-2222-3333-4444-555555555555"
  function_name    = aws_lambda_function.plain.function_name
  queues           = ["orders"]
  source_access_configuration {
    type = "BASIC_AUTH"
    uri  = "arn:aws:secretsmanager:us-east-1:${local.account}:secret:mq-AbCdEf"
  }
}

resource "aws_lambda_event_source_mapping" "documents" {
  event_source_arn  = "arn:aws:rds:us-east-1:${local.account}:cluster:documents"
  function_name     = aws_lambda_function.plain.function_name
  starting_position = "LATEST"
  document_db_event_source_config {
    database_name   = "shop"
    collection_name = "orders"
    full_document   = local.later ? "UpdateLookup" : "Default"
  }
  source_access_configuration {
    type = "BASIC_AUTH"
    uri  = "arn:aws:secretsmanager:us-east-1:${local.account}:secret:documents-AbCdEf"
  }
}
