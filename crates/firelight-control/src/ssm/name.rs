//! What a parameter may be called.

use super::SsmError;

const MAX_LEVELS: usize = 15;
const MAX_LENGTH: usize = 1_011;

/// Checks the name of a parameter that is to be written.
pub(super) fn check_name(name: &str) -> Result<(), SsmError> {
    let invalid = |text: &str| Err(SsmError::Validation(text.to_owned()));
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    if name.is_empty() || name.len() > MAX_LENGTH || !name.chars().all(plain) {
        return invalid(
            "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a \
             path, it can consist of sub-paths divided by slash symbol; each sub-path can be \
             formed as a mix of letters, numbers and the following 3 symbols .-_",
        );
    }
    if name.contains('/') && !name.starts_with('/') {
        return invalid("Parameter name must be a fully qualified name.");
    }
    let first = name.trim_start_matches('/').to_ascii_lowercase();
    if first.starts_with("ssm") {
        return invalid(
            "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a \
             path, it can consist of sub-paths divided by slash symbol; each sub-path can be \
             formed as a mix of letters, numbers and the following 3 symbols .-_",
        );
    }
    if first.starts_with("aws") {
        return invalid("No access to reserved parameter name: the prefix \"aws\" is reserved.");
    }
    if name.matches('/').count() > MAX_LEVELS {
        return invalid("The hierarchy depth of the parameter name cannot exceed 15 levels.");
    }
    Ok(())
}
