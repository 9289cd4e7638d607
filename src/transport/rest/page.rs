//! Lists: how many items, from where on, and where the next page begins. The cursor is opaque, so that
//! what it holds may change. It may not know what is listed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::problem::Problem;
use crate::service::{Page, Slice};

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 200;
/// What a cursor begins with: it stands on an id, or on a number.
const BY_ID: u8 = b'i';
const BY_NUMBER: u8 = b'n';

/// The members of a query that every list takes.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// How many items at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub(super) limit: Option<u32>,
    /// Where the last page ended: its `next_cursor`.
    pub(super) cursor: Option<String>,
}

/// The members of the query of a list whose items have names.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchQuery {
    /// Part of a name.
    pub(super) search: Option<String>,
    /// How many items at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub(super) limit: Option<u32>,
    /// Where the last page ended: its `next_cursor`.
    pub(super) cursor: Option<String>,
}

impl SearchQuery {
    pub(super) fn page(&self) -> Result<Page, Problem> {
        page(self.limit, self.cursor.as_deref())
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = List)]
pub(super) struct ListBody<T> {
    pub(super) items: Vec<T>,
    /// Where the next page begins; null at the end.
    #[schema(required)]
    pub(super) next_cursor: Option<String>,
}

/// How many items, within the bounds.
pub(super) fn limit(given: Option<u32>) -> Result<u32, Problem> {
    match given.unwrap_or(LIMIT_DEFAULT) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        _ => Err(Problem::invalid(format!(
            "`limit` must be from 1 to {LIMIT_MAX}"
        ))),
    }
}

/// A page of a list that goes by id.
pub(super) fn page(limit: Option<u32>, cursor: Option<&str>) -> Result<Page, Problem> {
    Ok(Page {
        after: cursor.map(id_of).transpose()?,
        limit: self::limit(limit)?,
    })
}

impl PageQuery {
    pub(super) fn page(&self) -> Result<Page, Problem> {
        page(self.limit, self.cursor.as_deref())
    }
}

impl<T> ListBody<T> {
    /// The page that the core gave, in the words of the wire.
    pub(super) fn of<V>(slice: Slice<V>, body: impl FnMut(V) -> T) -> Self {
        Self {
            items: slice.items.into_iter().map(body).collect(),
            next_cursor: slice.next.map(cursor_at_id),
        }
    }

    /// The same page of other items.
    pub(super) fn map<U>(self, change: impl FnMut(T) -> U) -> ListBody<U> {
        ListBody {
            items: self.items.into_iter().map(change).collect(),
            next_cursor: self.next_cursor,
        }
    }

    /// A page of a list that is short enough to be had at once.
    pub(super) fn part<V>(
        all: Vec<V>,
        query: &PageQuery,
        body: impl FnMut(V) -> T,
    ) -> Result<Self, Problem> {
        let limit = usize::try_from(limit(query.limit)?).unwrap_or(usize::MAX);
        let from = query.cursor.as_deref().map(number_of).transpose()?;
        let from = usize::try_from(from.unwrap_or(0)).unwrap_or(usize::MAX);
        let until = from.saturating_add(limit);
        let next = (until < all.len()).then(|| cursor_at_number(until as u64));
        Ok(Self {
            items: all.into_iter().skip(from).take(limit).map(body).collect(),
            next_cursor: next,
        })
    }
}

pub(super) fn cursor_at_id(id: Uuid) -> String {
    encode(BY_ID, id.as_bytes())
}

pub(super) fn cursor_at_number(number: u64) -> String {
    encode(BY_NUMBER, &number.to_be_bytes())
}

fn id_of(cursor: &str) -> Result<Uuid, Problem> {
    decode(BY_ID, cursor).map(Uuid::from_bytes)
}

pub(super) fn number_of(cursor: &str) -> Result<u64, Problem> {
    decode(BY_NUMBER, cursor).map(u64::from_be_bytes)
}

fn encode(kind: u8, place: &[u8]) -> String {
    let mut bytes = vec![kind];
    bytes.extend(place);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode<const N: usize>(kind: u8, cursor: &str) -> Result<[u8; N], Problem> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap_or_default();
    match bytes.split_first() {
        Some((first, place)) if *first == kind => place.try_into().ok(),
        _ => None,
    }
    .ok_or_else(|| Problem::invalid("`cursor` must be a `next_cursor` of this list"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(limit: Option<u32>, cursor: Option<String>) -> PageQuery {
        PageQuery { limit, cursor }
    }

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        let id = Uuid::from_u128(7);
        let page = query(None, Some(cursor_at_id(id))).page().unwrap();
        assert_eq!((page.after, page.limit), (Some(id), 50));
        assert_eq!(number_of(&cursor_at_number(9)).unwrap(), 9);
    }

    #[test]
    fn what_is_no_cursor_of_the_list_is_refused() {
        let of_another_list = cursor_at_number(1);
        for wrong in ["", "x", "!", "aWFi", &of_another_list] {
            assert!(
                query(None, Some(wrong.to_owned())).page().is_err(),
                "{wrong}"
            );
        }
        assert!(number_of(&cursor_at_id(Uuid::nil())).is_err());
    }

    #[test]
    fn the_limit_has_bounds() {
        for (given, fits) in [(0, false), (1, true), (200, true), (201, false)] {
            assert_eq!(query(Some(given), None).page().is_ok(), fits, "{given}");
        }
    }

    #[test]
    fn a_short_list_is_paged_without_gap() {
        let all: Vec<u8> = (0..5).collect();
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let part = ListBody::part(all.clone(), &query(Some(2), cursor), |item| item).unwrap();
            assert!(part.items.len() <= 2);
            seen.extend(part.items);
            cursor = part.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
    }
}
