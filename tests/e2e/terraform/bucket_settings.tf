# What is set of a bucket beside its objects: who comes in, from where, and what becomes of what it holds.

resource "aws_s3_bucket_public_access_block" "packages" {
  bucket                  = aws_s3_bucket.packages.id
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = false
  restrict_public_buckets = local.later
}

resource "aws_s3_bucket_policy" "packages" {
  bucket = aws_s3_bucket_public_access_block.packages.bucket
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Notes"
      Effect    = "Allow"
      Principal = "*"
      Action    = local.later ? ["s3:GetObject", "s3:GetObjectVersion"] : ["s3:GetObject"]
      Resource  = "${aws_s3_bucket.packages.arn}/notes/*"
    }]
  })
}

resource "aws_s3_bucket_cors_configuration" "packages" {
  bucket = aws_s3_bucket.packages.id
  cors_rule {
    allowed_headers = ["*"]
    allowed_methods = ["PUT", "POST"]
    allowed_origins = ["https://app.example"]
    expose_headers  = ["ETag"]
    max_age_seconds = local.later ? 600 : 3000
  }
  cors_rule {
    allowed_methods = ["GET"]
    allowed_origins = ["*"]
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "packages" {
  bucket = aws_s3_bucket.packages.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
    bucket_key_enabled = local.later
  }
}

resource "aws_s3_bucket_ownership_controls" "packages" {
  bucket = aws_s3_bucket.packages.id
  rule {
    object_ownership = local.later ? "BucketOwnerPreferred" : "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_notification" "packages" {
  bucket = aws_s3_bucket.packages.id
  lambda_function {
    id                  = "incoming"
    lambda_function_arn = aws_lambda_function.from_bucket.arn
    events              = ["s3:ObjectCreated:*"]
    filter_prefix       = "incoming/"
    filter_suffix       = local.later ? ".json" : ".txt"
  }
}
