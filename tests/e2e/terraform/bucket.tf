# A bucket, its settings and objects, and a function whose package lies there.

resource "aws_s3_bucket" "packages" {
  bucket        = "terraformed-packages"
  force_destroy = true
  tags          = { team = local.later ? "two" : "one" }
}

resource "aws_s3_bucket_versioning" "packages" {
  bucket = aws_s3_bucket.packages.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_object" "package" {
  bucket      = aws_s3_bucket_versioning.packages.bucket
  key         = "functions/package.zip"
  source      = "${var.code}/${local.later ? "later" : "first"}.zip"
  source_hash = filemd5("${var.code}/${local.later ? "later" : "first"}.zip")
  tags        = { team = local.later ? "two" : "one" }
}

resource "aws_s3_object" "note" {
  bucket       = aws_s3_bucket.packages.id
  key          = "notes/one two+three.txt"
  content      = local.later ? "written again" : "written"
  content_type = "text/plain"
  metadata     = { origin = "terraform" }
}

resource "aws_lambda_function" "from_bucket" {
  function_name     = "terraformed-from-bucket"
  role              = aws_iam_role.function.arn
  runtime           = var.runtime
  handler           = "app.handler"
  s3_bucket         = aws_s3_object.package.bucket
  s3_key            = aws_s3_object.package.key
  s3_object_version = aws_s3_object.package.version_id
  source_code_hash  = filebase64sha256("${var.code}/${local.later ? "later" : "first"}.zip")
}

data "aws_s3_object" "note" {
  bucket = aws_s3_object.note.bucket
  key    = aws_s3_object.note.key
}

data "aws_lambda_invocation" "from_bucket" {
  function_name = aws_lambda_function.from_bucket.function_name
  input         = jsonencode({ n = var.round * 10 })
}

output "from_bucket" {
  value = jsondecode(data.aws_lambda_invocation.from_bucket.result)
}
