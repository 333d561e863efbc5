# What stands beside functions: parameters, and people with keys.

resource "aws_ssm_parameter" "plain" {
  name        = "/terraformed/stage"
  type        = "String"
  description = "which stage this is"
  value       = local.later ? "later" : "first"
  tags        = { team = "one" }
}

resource "aws_ssm_parameter" "secret" {
  name  = "/terraformed/secret"
  type  = "SecureString"
  value = "swordfish"
}

resource "aws_iam_user" "person" {
  name = "terraformed-person"
  path = "/people/"
  tags = { team = local.later ? "two" : "one" }
}

resource "aws_iam_access_key" "person" {
  user = aws_iam_user.person.name
}

resource "aws_iam_user_policy" "person" {
  name   = "invokes"
  user   = aws_iam_user.person.name
  policy = data.aws_iam_policy_document.invokes.json
}

resource "aws_iam_user_policy_attachment" "person" {
  user       = aws_iam_user.person.name
  policy_arn = aws_iam_policy.queue.arn
}

data "aws_iam_policy_document" "invokes" {
  statement {
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_function.main.arn, "${aws_lambda_function.main.arn}:*"]
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = [local.later]
    }
  }
}
