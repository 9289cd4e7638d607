//! Cuts Rust source into words and marks, just well enough to read imports: comments, texts and
//! lifetimes are left out, so that a path in prose is not taken for an import.

/// The words (identifiers, keywords, numbers) and marks of `source`; `::` is one mark.
pub(super) fn tokens(source: &str) -> Vec<String> {
    let mut rest = source;
    let mut found = Vec::new();
    while let Some(first) = rest.chars().next() {
        if let Some(length) = passed_over(rest) {
            rest = &rest[length..];
            continue;
        }
        let length = match first {
            _ if is_word(first) => rest.find(|it| !is_word(it)).unwrap_or(rest.len()),
            _ if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        found.push(rest[..length].to_owned());
        rest = &rest[length..];
    }
    found
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The length of the space, comment, text, character or lifetime that `rest` begins with.
fn passed_over(rest: &str) -> Option<usize> {
    let first = rest.chars().next()?;
    match first {
        _ if first.is_whitespace() => Some(first.len_utf8()),
        '/' if rest.starts_with("//") => Some(rest.find('\n').unwrap_or(rest.len())),
        '/' if rest.starts_with("/*") => Some(block_comment(rest)),
        '"' => Some(text(rest)),
        '\'' => Some(character_or_lifetime(rest)),
        'r' | 'b' | 'c' => prefixed_text(rest),
        _ => None,
    }
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if here.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += 1;
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// A text in plain quotes, with its quotes.
fn text(rest: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `r"…"`, `br#"…"#`, `b"…"`, `c"…"`, `b'…'`; a word that merely begins with such a letter is none.
fn prefixed_text(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c"].into_iter().find(|prefix| {
        let after = &rest.get(prefix.len()..).unwrap_or_default();
        rest.starts_with(prefix) && after.starts_with(['"', '#', '\''])
    })?;
    let after = &rest[prefix.len()..];
    if after.starts_with('\'') {
        return (prefix == "b").then(|| prefix.len() + character_or_lifetime(after));
    }
    if !prefix.ends_with('r') {
        return after.starts_with('"').then(|| prefix.len() + text(after));
    }
    let marks = after.find(|it| it != '#')?;
    let body = after[marks..].strip_prefix('"')?;
    let end = format!("\"{}", &after[..marks]);
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(prefix.len() + marks + 1 + length)
}

/// `'x'` and `'\n'` are characters; `'static` is a lifetime.
fn character_or_lifetime(rest: &str) -> usize {
    let inner: Vec<char> = rest.chars().skip(1).take(2).collect();
    match inner.as_slice() {
        ['\\', escaped] => {
            let from = 2 + escaped.len_utf8();
            rest[from..]
                .find('\'')
                .map_or(rest.len(), |at| from + at + 1)
        }
        [letter, '\''] => 2 + letter.len_utf8(),
        _ => 1 + rest[1..].find(|it| !is_word(it)).unwrap_or(rest.len() - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> String {
        tokens(source).join(" ")
    }

    #[test]
    fn prose_is_left_out() {
        assert_eq!(words("a // crate::b\nc /* d /* e */ f */ g"), "a c g");
        assert_eq!(
            words(r#"a("crate::b \" c", 'd', '\'', '\u{41}')"#),
            "a ( , , , )"
        );
        assert_eq!(words("r#\"crate::a \" b\"# c br\"d\" b'e' f"), "c f");
        assert_eq!(words("r\"no marks\\\" after"), "after");
    }

    #[test]
    fn lifetimes_are_no_words() {
        assert_eq!(
            words("fn a<'b>(c: &'static str, d: &'b e)"),
            "fn a < > ( c : & str , d : & e )"
        );
    }

    #[test]
    fn paths_are_words_and_marks() {
        assert_eq!(
            words("use crate::a::{self, b};"),
            "use crate :: a :: { self , b } ;"
        );
        assert_eq!(
            words("return rest_of(bytes, r#type)"),
            "return rest_of ( bytes , r # type )"
        );
    }
}
