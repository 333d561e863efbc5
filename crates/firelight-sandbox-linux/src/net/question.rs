//! What a sandbox may ask the host's own resolver: one plain question of the internet's class. Pure.
//!
//! A resolver trusts who asks from the loopback. So everything but a question is refused here: updates, notifications,
//! transfers of whole zones, and the classes in which servers tell about themselves.

const HEADER_BYTES: usize = 12;
const MAX_NAME_BYTES: usize = 255;
const MAX_LABEL_BYTES: u8 = 63;
/// More would not be a question but a heap; two are EDNS and a signature.
const MAX_ADDITIONAL: u16 = 2;

const CLASS_INTERNET: u16 = 1;
/// From here on types are about questions: transfers of zones and of mailboxes, except the last, which is "any".
const FIRST_META_TYPE: u16 = 249;
const TYPE_ANY: u16 = 255;

/// Tells whether a message is a plain question.
pub(super) fn is_plain(message: &[u8]) -> bool {
    let Some((header, rest)) = message.split_at_checked(HEADER_BYTES) else {
        return false;
    };
    let number = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    // Not an answer, and of the operations the first: a standard question.
    let asks = header[2] & 0b1111_1000 == 0;
    let [questions, answers, authorities, additional] =
        [number(4), number(6), number(8), number(10)];
    let shape = (questions, answers, authorities) == (1, 0, 0) && additional <= MAX_ADDITIONAL;
    asks && shape && is_about_the_internet(rest)
}

fn is_about_the_internet(question: &[u8]) -> bool {
    let Some([kind_high, kind_low, class_high, class_low, ..]) = after_name(question) else {
        return false;
    };
    let kind = u16::from_be_bytes([*kind_high, *kind_low]);
    let class = u16::from_be_bytes([*class_high, *class_low]);
    let meta = (FIRST_META_TYPE..TYPE_ANY).contains(&kind);
    class == CLASS_INTERNET && !meta
}

/// Skips a name that is written out.
fn after_name(mut rest: &[u8]) -> Option<&[u8]> {
    let mut length = 0;
    loop {
        let (&label, behind) = rest.split_first()?;
        if label == 0 {
            return Some(behind);
        }
        length += 1 + usize::from(label);
        if label > MAX_LABEL_BYTES || length >= MAX_NAME_BYTES {
            return None;
        }
        rest = behind.get(label.into()..)?;
    }
}

/// Tells whether `answer` is one to `question`: the same number, and marked as an answer.
pub(super) fn is_answered_by(question: &[u8], answer: &[u8]) -> bool {
    answer.len() >= HEADER_BYTES && answer[..2] == question[..2] && answer[2] & 0x80 != 0
}

/// The answer that the question could not be answered.
pub(super) fn failure(question: &[u8]) -> [u8; HEADER_BYTES] {
    const ANSWER: u8 = 0x80;
    const RECURSION_DESIRED: u8 = 0x01;
    const SERVER_FAILED: u8 = 2;
    let mut header = [0; HEADER_BYTES];
    header[..2].copy_from_slice(&question[..2]);
    header[2] = ANSWER | (question[2] & RECURSION_DESIRED);
    header[3] = SERVER_FAILED;
    header
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A question about `name`, as a client sends it.
    pub(in crate::net) fn ask(name: &str, kind: u16, class: u16) -> Vec<u8> {
        let mut message = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            message.push(label.len().try_into().unwrap());
            message.extend_from_slice(label.as_bytes());
        }
        message.push(0);
        message.extend_from_slice(&kind.to_be_bytes());
        message.extend_from_slice(&class.to_be_bytes());
        message
    }

    #[test]
    fn addresses_and_services_and_anything_may_be_asked_for() {
        for kind in [1, 28, 33, 65, 255] {
            assert!(is_plain(&ask("www.example.com", kind, 1)), "{kind}");
        }
    }

    #[test]
    fn a_transfer_of_a_zone_or_what_a_server_is_may_not() {
        for kind in [249, 250, 251, 252, 253, 254] {
            assert!(!is_plain(&ask("example.com", kind, 1)), "{kind}");
        }
        assert!(!is_plain(&ask("version.bind", 16, 3)));
    }

    #[test]
    fn whatever_is_no_question_is_refused() {
        let question = ask("example.com", 1, 1);
        let with = |at: usize, byte: u8| {
            let mut changed = question.clone();
            changed[at] = byte;
            changed
        };

        assert!(!is_plain(&with(2, 0x80)), "an answer");
        for operation in 1..16 {
            assert!(!is_plain(&with(2, operation << 3)), "operation {operation}");
        }
        assert!(!is_plain(&with(5, 2)), "two questions");
        assert!(!is_plain(&with(7, 1)), "with an answer");
        assert!(!is_plain(&with(11, 3)), "a heap of additions");
        assert!(!is_plain(&with(12, 0xc0)), "a name that points elsewhere");
        for length in 0..question.len() {
            assert!(!is_plain(&question[..length]), "cut at {length}");
        }
        assert!(!is_plain(&ask(&["a"; 130].join("."), 1, 1)), "a long name");
    }

    #[test]
    fn a_failure_answers_its_question() {
        let question = ask("example.com", 1, 1);

        let failure = failure(&question);

        assert!(is_answered_by(&question, &failure));
        assert!(!is_answered_by(&question, &question));
        assert_eq!(failure[3] & 0x0f, 2);
    }
}
