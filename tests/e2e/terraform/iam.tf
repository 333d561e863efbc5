# What the function may do: a role with policies in every form.

data "aws_caller_identity" "me" {}
data "aws_partition" "here" {}
data "aws_region" "here" {}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "logs" {
  statement {
    sid       = "Logs"
    actions   = local.later ? ["logs:CreateLogStream", "logs:PutLogEvents"] : ["logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function.arn}:*"]
  }
}

data "aws_iam_policy_document" "queue" {
  statement {
    actions   = local.later ? ["sqs:ReceiveMessage"] : ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = ["*"]
  }
}

resource "aws_iam_role" "function" {
  name               = "terraformed"
  path               = "/service/"
  description        = local.later ? "of the function, described anew" : "of the function"
  assume_role_policy = data.aws_iam_policy_document.trust.json
  tags               = { team = local.later ? "two" : "one" }
}

resource "aws_iam_role" "bounded" {
  name_prefix          = "terraformed-"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = aws_iam_policy.queue.arn
  max_session_duration = local.later ? 7200 : 3600
}

resource "aws_iam_role_policy" "inline" {
  name   = "logs"
  role   = aws_iam_role.function.id
  policy = data.aws_iam_policy_document.logs.json
}

resource "aws_iam_policy" "queue" {
  name        = "terraformed-queue"
  description = "reads a queue"
  policy      = data.aws_iam_policy_document.queue.json
}

resource "aws_iam_role_policy_attachment" "queue" {
  role       = aws_iam_role.function.name
  policy_arn = aws_iam_policy.queue.arn
}

resource "aws_iam_role_policy_attachment" "managed" {
  role       = aws_iam_role.function.name
  policy_arn = "arn:${data.aws_partition.here.partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}
