//! From the names of the API to the names of Rust.

/// Returns the name of a field: `KMSKeyArn` is `kms_key_arn`, `Type` is `r#type`.
pub(crate) fn field(member: &str) -> String {
    let name = snake(member);
    if name == "type" {
        "r#type".to_owned()
    } else {
        name
    }
}

/// Returns the name of a static: `FunctionName` is `FUNCTION_NAME`.
pub(crate) fn constant(shape: &str) -> String {
    snake(shape).to_uppercase()
}

/// Returns the name of an enum variant: `RESPONSE_STREAM` is `ResponseStream`.
pub(crate) fn variant(value: &str) -> String {
    let mut name = String::new();
    for word in value.split(|letter: char| !letter.is_ascii_alphanumeric()) {
        let joins_numbers = name.ends_with(|letter: char| letter.is_ascii_digit())
            && word.starts_with(|letter: char| letter.is_ascii_digit());
        if joins_numbers {
            name.push('_');
        }
        name.push_str(&capitalised(word));
    }
    name
}

/// Returns the name of an error code: `ServiceException` is `Service`.
pub(crate) fn error(exception: &str) -> &str {
    exception.strip_suffix("Exception").unwrap_or(exception)
}

fn capitalised(word: &str) -> String {
    let is_shouted = !word.contains(|letter: char| letter.is_ascii_lowercase());
    let mut letters = word.chars();
    let first: String = letters
        .next()
        .into_iter()
        .map(|first| first.to_ascii_uppercase())
        .collect();
    let rest = letters.as_str();
    first
        + &if is_shouted {
            rest.to_ascii_lowercase()
        } else {
            rest.to_owned()
        }
}

/// A word begins at an upper-case letter after a lower-case one or before one.
fn snake(name: &str) -> String {
    // Units that AWS writes with a capital in the middle.
    let name = name.replace("GiB", "Gib").replace("VCpu", "Vcpu");
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| letters[index]);
        let after = letters.get(index + 1);
        let begins_word = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                !before.is_ascii_uppercase() || after.is_some_and(char::is_ascii_lowercase)
            });
        if begins_word {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_snake_case_with_acronyms_as_words() {
        let cases = [
            ("FunctionName", "function_name"),
            ("KMSKeyArn", "kms_key_arn"),
            ("CodeSha256", "code_sha256"),
            ("S3Bucket", "s3_bucket"),
            ("UUID", "uuid"),
            ("Type", "r#type"),
            ("retryAfterSeconds", "retry_after_seconds"),
            ("MaxVCpuCount", "max_vcpu_count"),
            (
                "ExecutionEnvironmentMemoryGiBPerVCpu",
                "execution_environment_memory_gib_per_vcpu",
            ),
        ];
        for (member, name) in cases {
            assert_eq!(field(member), name);
        }
    }

    #[test]
    fn variants_are_camel_case() {
        let cases = [
            ("RESPONSE_STREAM", "ResponseStream"),
            ("PublishedVersions", "PublishedVersions"),
            ("x86_64", "X86_64"),
            ("arm64", "Arm64"),
            ("FunctionError.InitTimeout", "FunctionErrorInitTimeout"),
            ("SASL_SCRAM_512_AUTH", "SaslScram512Auth"),
            ("EC2RequestLimitExceeded", "EC2RequestLimitExceeded"),
        ];
        for (value, name) in cases {
            assert_eq!(variant(value), name);
        }
    }
}
