# Reading what is there: the data sources of Lambda.

data "aws_lambda_function" "main" {
  function_name = aws_lambda_function.main.function_name
}

data "aws_lambda_functions" "all" {
  depends_on = [aws_lambda_function.main, aws_lambda_function.plain]
}

data "aws_lambda_alias" "live" {
  function_name = aws_lambda_alias.live.function_name
  name          = aws_lambda_alias.live.name
}

data "aws_lambda_layer_version" "shared" {
  layer_name = aws_lambda_layer_version.shared.layer_name
}

data "aws_lambda_function_url" "live" {
  function_name = aws_lambda_function_url.live.function_name
  qualifier     = aws_lambda_function_url.live.qualifier
}

data "aws_lambda_code_signing_config" "signed" {
  arn = aws_lambda_code_signing_config.signed.arn
}

data "aws_lambda_invocation" "plain" {
  function_name = aws_lambda_function.plain.function_name
  input         = jsonencode({ n = 41 })
}

resource "aws_lambda_invocation" "main" {
  function_name = aws_lambda_function.main.function_name
  input         = jsonencode({ n = var.round })
}

data "aws_lambda_function" "first_version" {
  function_name = aws_lambda_function.main.function_name
  qualifier     = aws_lambda_alias.live.function_version
}

data "aws_iam_role" "function" {
  name = aws_iam_role.function.name
}

data "aws_iam_policy" "managed" {
  arn = aws_iam_role_policy_attachment.managed.policy_arn
}

data "aws_iam_policy" "queue" {
  name = aws_iam_policy.queue.name
}

data "aws_iam_session_context" "me" {
  arn = data.aws_caller_identity.me.arn
}

data "aws_ssm_parameter" "plain" {
  name = aws_ssm_parameter.plain.name
}

data "aws_ssm_parameters_by_path" "all" {
  path       = "/terraformed"
  depends_on = [aws_ssm_parameter.plain, aws_ssm_parameter.secret]
}

data "aws_cloudwatch_log_groups" "ours" {
  log_group_name_prefix = "/aws/lambda/"
  depends_on            = [aws_cloudwatch_log_group.function]
}

output "main" {
  value = jsondecode(aws_lambda_invocation.main.result)
}
