# Functions, their versions, and what hangs on them.

resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/terraformed"
  retention_in_days = local.later ? 14 : 7
}

resource "aws_lambda_layer_version" "shared" {
  layer_name               = "terraformed-shared"
  description              = local.later ? "shared code, again" : "shared code"
  license_info             = "Apache-2.0"
  filename                 = "${var.code}/layer.zip"
  source_code_hash         = filebase64sha256("${var.code}/layer.zip")
  compatible_runtimes      = [var.runtime]
  compatible_architectures = ["x86_64"]
}

resource "aws_lambda_layer_version_permission" "shared" {
  layer_name     = aws_lambda_layer_version.shared.layer_name
  version_number = aws_lambda_layer_version.shared.version
  statement_id   = "everyone-here"
  action         = "lambda:GetLayerVersion"
  principal      = local.account
}

resource "aws_lambda_function" "main" {
  function_name                  = "terraformed"
  description                    = local.later ? "changed by Terraform" : "made by Terraform"
  role                           = aws_iam_role.function.arn
  runtime                        = var.runtime
  handler                        = "app.handler"
  filename                       = "${var.code}/${local.later ? "later" : "first"}.zip"
  source_code_hash               = filebase64sha256("${var.code}/${local.later ? "later" : "first"}.zip")
  memory_size                    = local.later ? 256 : 192
  timeout                        = local.later ? 20 : 10
  architectures                  = ["x86_64"]
  layers                         = [aws_lambda_layer_version.shared.arn]
  publish                        = true
  reserved_concurrent_executions = local.later ? 6 : 5
  tags                           = { team = local.later ? "two" : "one" }

  environment {
    variables = { STAGE = local.later ? "later" : "first" }
  }
  ephemeral_storage {
    size = local.later ? 1024 : 768
  }
  tracing_config {
    mode = local.later ? "PassThrough" : "Active"
  }
  logging_config {
    log_format            = "JSON"
    application_log_level = local.later ? "WARN" : "DEBUG"
    system_log_level      = "INFO"
    log_group             = aws_cloudwatch_log_group.function.name
  }
  dead_letter_config {
    target_arn = "arn:aws:sqs:us-east-1:${local.account}:dead"
  }
  depends_on = [aws_iam_role_policy_attachment.managed, aws_iam_role_policy.inline]
}

resource "aws_lambda_function" "plain" {
  function_name    = "terraformed-plain"
  role             = aws_iam_role.function.arn
  runtime          = var.runtime
  handler          = "app.handler"
  filename         = "${var.code}/first.zip"
  source_code_hash = filebase64sha256("${var.code}/first.zip")

  code_signing_config_arn = aws_lambda_code_signing_config.signed.arn
}

# Settings that Firelight keeps and shows without a network, a file system or a key store behind them.
resource "aws_lambda_function" "placed" {
  function_name    = "terraformed-placed"
  role             = aws_iam_role.function.arn
  runtime          = var.runtime
  handler          = "app.handler"
  filename         = "${var.code}/first.zip"
  source_code_hash = filebase64sha256("${var.code}/first.zip")
  kms_key_arn      = "arn:aws:kms:us-east-1:${local.account}:key/11111111-2222-3333-4444-555555555555"

  environment {
    variables = { SECRET = "kept" }
  }
  vpc_config {
    subnet_ids         = local.later ? ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"] : ["subnet-0123456789abcdef0"]
    security_group_ids = ["sg-0123456789abcdef0"]
  }
  file_system_config {
    arn              = "arn:aws:elasticfilesystem:us-east-1:${local.account}:access-point/fsap-0123456789abcdef0"
    local_mount_path = "/mnt/shared"
  }
}

resource "aws_lambda_function" "custom" {
  function_name    = "terraformed-custom"
  role             = aws_iam_role.function.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  filename         = "${var.code}/first.zip"
  source_code_hash = filebase64sha256("${var.code}/first.zip")
  publish          = true
}

resource "aws_lambda_code_signing_config" "signed" {
  description = local.later ? "who may sign, later" : "who may sign"
  allowed_publishers {
    signing_profile_version_arns = [
      "arn:aws:signer:us-east-1:${local.account}:/signing-profiles/ours/abcdefghij",
    ]
  }
  policies {
    untrusted_artifact_on_deployment = "Warn"
  }
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = local.later ? "the newer one, a little" : "the first"
  function_name    = aws_lambda_function.main.function_name
  function_version = "1"
  dynamic "routing_config" {
    for_each = local.later ? [aws_lambda_function.main.version] : []
    content {
      additional_version_weights = { (routing_config.value) = 0.25 }
    }
  }
}

resource "aws_lambda_provisioned_concurrency_config" "live" {
  function_name                     = aws_lambda_function.main.function_name
  qualifier                         = aws_lambda_alias.live.name
  provisioned_concurrent_executions = local.later ? 2 : 1
}

resource "aws_lambda_permission" "bucket" {
  statement_id   = "from-a-bucket"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.main.function_name
  principal      = "s3.amazonaws.com"
  source_arn     = "arn:aws:s3:::terraformed${local.later ? "-later" : ""}"
  source_account = local.account
}

resource "aws_lambda_permission" "alias" {
  statement_id  = "for-the-alias"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.main.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "events.amazonaws.com"
}

resource "aws_lambda_permission" "organization" {
  statement_id     = "our-organization"
  action           = "lambda:InvokeFunction"
  function_name    = aws_lambda_function.main.function_name
  principal        = "*"
  principal_org_id = "o-a1b2c3d4e5"
}

resource "aws_lambda_permission" "url" {
  statement_id           = "everyone-by-url"
  action                 = "lambda:InvokeFunctionUrl"
  function_name          = aws_lambda_function.plain.function_name
  principal              = "*"
  function_url_auth_type = "NONE"
}

resource "aws_lambda_function_url" "plain" {
  function_name      = aws_lambda_function.plain.function_name
  authorization_type = "NONE"
}

resource "aws_lambda_function_url" "live" {
  function_name      = aws_lambda_function.main.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = local.later ? "AWS_IAM" : "NONE"
  invoke_mode        = local.later ? "RESPONSE_STREAM" : "BUFFERED"
  cors {
    allow_credentials = true
    allow_origins     = ["https://example.org"]
    allow_methods     = ["GET", "POST"]
    allow_headers     = ["date", "keep-alive"]
    expose_headers    = ["keep-alive", "date"]
    max_age           = local.later ? 600 : 86400
  }
}

resource "aws_lambda_function_event_invoke_config" "live" {
  function_name                = aws_lambda_function.main.function_name
  qualifier                    = aws_lambda_alias.live.name
  maximum_event_age_in_seconds = local.later ? 120 : 60
  maximum_retry_attempts       = local.later ? 1 : 0
  destination_config {
    on_failure {
      destination = "arn:aws:sqs:us-east-1:${local.account}:failed"
    }
    on_success {
      destination = aws_lambda_function.plain.arn
    }
  }
}

resource "aws_lambda_runtime_management_config" "main" {
  function_name     = aws_lambda_function.main.function_name
  qualifier         = "$LATEST"
  update_runtime_on = local.later ? "Auto" : "FunctionUpdate"
}

resource "aws_lambda_function_recursion_config" "main" {
  function_name  = aws_lambda_function.main.function_name
  recursive_loop = local.later ? "Terminate" : "Allow"
}
