//! Configurations as XML documents: written as they are stored, read as they are given back.

use s3s::xml::{Deserialize, Deserializer, Serialize, Serializer};

use crate::refusal::Refusal;

/// Writes a shape as the document that is stored.
pub(crate) fn write(shape: &impl Serialize) -> Result<String, Refusal> {
    let mut bytes = Vec::new();
    shape
        .serialize(&mut Serializer::new(&mut bytes))
        .map_err(Refusal::internal)?;
    String::from_utf8(bytes).map_err(Refusal::internal)
}

/// Reads a stored document.
pub(crate) fn read<T>(document: &str) -> Result<T, Refusal>
where
    T: for<'xml> Deserialize<'xml>,
{
    let mut deserializer = Deserializer::new(document.as_bytes());
    let shape = T::deserialize(&mut deserializer).map_err(Refusal::internal)?;
    Ok(shape)
}
