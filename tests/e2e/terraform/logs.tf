# What hangs on log groups: filters, streams, and who may write.

resource "aws_cloudwatch_log_group" "app" {
  name              = "/terraformed/app"
  retention_in_days = local.later ? 30 : 1
  tags              = { team = local.later ? "two" : "one" }
}

resource "aws_cloudwatch_log_stream" "app" {
  name           = "first"
  log_group_name = aws_cloudwatch_log_group.app.name
}

resource "aws_lambda_permission" "logs" {
  statement_id  = "logs"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.plain.function_name
  principal     = "logs.amazonaws.com"
  source_arn    = "${aws_cloudwatch_log_group.app.arn}:*"
}

resource "aws_cloudwatch_log_subscription_filter" "app" {
  name            = "terraformed"
  log_group_name  = aws_cloudwatch_log_group.app.name
  filter_pattern  = local.later ? "{ $.level = \"ERROR\" }" : "ERROR"
  destination_arn = aws_lambda_function.plain.arn
  depends_on      = [aws_lambda_permission.logs]
}

resource "aws_cloudwatch_log_metric_filter" "app" {
  name           = "terraformed"
  log_group_name = aws_cloudwatch_log_group.app.name
  pattern        = "[..., size]"
  metric_transformation {
    name          = "Size"
    namespace     = "terraformed"
    value         = "$size"
    default_value = local.later ? 1 : 0
    unit          = "Bytes"
  }
}

data "aws_iam_policy_document" "writes" {
  statement {
    actions   = local.later ? ["logs:CreateLogStream", "logs:PutLogEvents"] : ["logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.app.arn}:*"]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}

resource "aws_cloudwatch_log_resource_policy" "writes" {
  policy_name     = "terraformed"
  policy_document = data.aws_iam_policy_document.writes.json
}
