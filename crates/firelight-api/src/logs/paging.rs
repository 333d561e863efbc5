//! Pages of short lists that are in memory as a whole.

/// Returns the page behind the item that the token names, and the token of the next one. Names must be in order.
pub(super) fn page_behind<T>(
    items: impl Iterator<Item = T>,
    token: Option<String>,
    limit: u32,
    name: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let behind = token.unwrap_or_default();
    let mut rest = items.skip_while(|item| name(item) <= behind).peekable();
    let page: Vec<T> = rest.by_ref().take(limit).collect();
    let more = rest.peek().is_some();
    let next = page.last().filter(|_| more).map(name);
    (page, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_until_nothing_is_left() {
        let names = ["a", "b", "c"];
        let page = |token: Option<&str>| {
            let token = token.map(str::to_owned);
            page_behind(names.iter(), token, 2, |name| (**name).to_owned())
        };

        let (first, next) = page(None);
        let (last, end) = page(next.as_deref());

        assert_eq!((first, next.as_deref()), (vec![&"a", &"b"], Some("b")));
        assert_eq!((last, end), (vec![&"c"], None));
    }
}
