//! Which version of a runtime a deployment takes when none is named.

use crate::deploy::Family;
use crate::failure::Failure;

/// Returns the newest runtime of the family.
pub fn choose(family: Family) -> Result<String, Failure> {
    Ok(match family {
        Family::Python => "python3.11",
        Family::NodeJs => "nodejs20.x",
        Family::Provided => "provided.al2023",
    }
    .to_owned())
}
