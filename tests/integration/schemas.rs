//! The two databases have one schema: the same migrations, tables, columns, keys and indexes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr as _;

use sessionwire::domain::secret::DatabaseUrl;
use sessionwire::storage::{Store, StoreOptions};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};

use crate::support::{fresh_database, postgres};

/// A table's columns: the type and whether it may be null.
type Columns = BTreeMap<String, (String, bool)>;
/// The columns that an index is over, in order, and whether it holds each value once.
type Indexes = BTreeSet<(Vec<String>, bool)>;
type Schema = BTreeMap<String, (Columns, Indexes)>;

#[test]
fn each_migration_is_there_for_both_databases() {
    let files = |folder: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let entries = std::fs::read_dir(path.join(folder)).unwrap();
        let names: BTreeSet<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        assert!(!names.is_empty());
        names
    };
    assert_eq!(files("sqlite"), files("postgres"));
}

#[tokio::test]
async fn both_databases_have_the_same_tables() {
    let url = fresh_database(&postgres()).await;
    let options = PgConnectOptions::from_str(&url).unwrap();
    let there = of_postgres(&mut options.connect().await.unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sw.db");
    let options = StoreOptions::Sqlite {
        path: path.clone(),
        readers: 1,
    };
    Store::open(&options).await.unwrap().close().await;
    let options = SqliteConnectOptions::new().filename(path);
    let here = of_sqlite(&mut options.connect().await.unwrap()).await;
    assert!(here.contains_key("sessions"), "{here:?}");
    for (table, of_sqlite) in &here {
        assert_eq!(there.get(table), Some(of_sqlite), "{table}");
    }
    assert_eq!(there.len(), here.len());
}

#[tokio::test]
async fn members_that_were_there_before_are_counted() {
    const BEFORE: &str = "DROP TRIGGER memberships_came; DROP TRIGGER memberships_went; \
         DROP TABLE group_sizes; DELETE FROM _sqlx_migrations WHERE version = 14; \
         INSERT INTO groups (id, name, priority, created_at) VALUES (x'01', 'staff', 0, 0); \
         INSERT INTO users (id, username, display_name, status, created_at) VALUES (x'02', 'a', 'A', 'active', 0); \
         INSERT INTO users (id, username, display_name, status, created_at) VALUES (x'03', 'b', 'B', 'active', 0); \
         INSERT INTO memberships (user_id, group_id) VALUES (x'02', x'01'), (x'03', x'01')";
    let url = fresh_database(&postgres()).await;
    let options = PgConnectOptions::from_str(&url).unwrap();
    let there = StoreOptions::Postgres {
        url: DatabaseUrl::new(url),
        connections: 2,
    };
    Store::open(&there).await.unwrap().close().await;
    let mut connection = options.connect().await.unwrap();
    let uuid = |byte: &str| format!("'00000000-0000-0000-0000-0000000000{byte}'");
    let mut before = BEFORE.replace("memberships_came;", "memberships_came ON memberships;");
    before = before.replace("memberships_went;", "memberships_went ON memberships;");
    for byte in ["01", "02", "03"] {
        before = before.replace(&format!("x'{byte}'"), &uuid(byte));
    }
    let before =
        format!("{before}; DROP FUNCTION memberships_came; DROP FUNCTION memberships_went");
    sqlx::raw_sql(AssertSqlSafe(before))
        .execute(&mut connection)
        .await
        .unwrap();
    Store::open(&there).await.unwrap().close().await;
    let members: Vec<i64> = sqlx::query_scalar("SELECT members FROM group_sizes")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert_eq!(members, [2]);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sw.db");
    let here = StoreOptions::Sqlite {
        path: path.clone(),
        readers: 1,
    };
    Store::open(&here).await.unwrap().close().await;
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(BEFORE)
        .execute(&mut connection)
        .await
        .unwrap();
    Store::open(&here).await.unwrap().close().await;
    let members: Vec<i64> = sqlx::query_scalar("SELECT members FROM group_sizes")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert_eq!(members, [2]);
}

async fn of_sqlite(connection: &mut SqliteConnection) -> Schema {
    const TABLES: &str = "SELECT name FROM sqlite_master WHERE type = 'table' \
         AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_%' ESCAPE '\\'";
    let tables: Vec<String> = sqlx::query_scalar(TABLES)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    let mut schema = Schema::new();
    for table in tables {
        let info = format!("SELECT name, type, \"notnull\", pk FROM pragma_table_info('{table}')");
        let rows = sqlx::query(AssertSqlSafe(info))
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        let mut columns = Columns::new();
        let mut key = BTreeMap::new();
        for row in rows {
            let (name, kind): (String, String) = (row.get(0), row.get(1));
            let (not_null, place): (bool, i64) = (row.get(2), row.get(3));
            if place > 0 {
                key.insert(place, name.clone());
            }
            columns.insert(name, (common(&kind), !not_null && place == 0));
        }
        let list = format!("SELECT name, \"unique\" FROM pragma_index_list('{table}')");
        let list: Vec<(String, bool)> = sqlx::query_as(AssertSqlSafe(list))
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        // A single number that is the key needs no index of its own there.
        let mut indexes = Indexes::from([(key.into_values().collect(), true)]);
        for (index, unique) in list {
            let over = format!("SELECT name FROM pragma_index_info('{index}') ORDER BY seqno");
            let over: Vec<String> = sqlx::query_scalar(AssertSqlSafe(over))
                .fetch_all(&mut *connection)
                .await
                .unwrap();
            indexes.insert((over, unique));
        }
        schema.insert(table, (columns, indexes));
    }
    schema
}

async fn of_postgres(connection: &mut PgConnection) -> Schema {
    const COLUMNS: &str = "SELECT table_name::text, column_name::text, data_type::text, \
         is_nullable = 'YES' FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name NOT LIKE '\\_%'";
    const INDEXES: &str = "SELECT t.relname::text, i.indisunique, \
         ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k (number, place) \
               JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number ORDER BY k.place) \
         FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid \
         JOIN pg_namespace n ON n.oid = t.relnamespace \
         WHERE n.nspname = 'public' AND t.relname NOT LIKE '\\_%'";
    let columns: Vec<(String, String, String, bool)> = sqlx::query_as(COLUMNS)
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    let indexes: Vec<(String, bool, Vec<String>)> =
        sqlx::query_as(INDEXES).fetch_all(connection).await.unwrap();
    let mut schema = Schema::new();
    for (table, name, kind, nullable) in columns {
        let (columns, _) = schema.entry(table).or_default();
        columns.insert(name, (common(&kind), nullable));
    }
    for (table, unique, over) in indexes {
        let (_, indexes) = schema.entry(table).or_default();
        indexes.insert((over, unique));
    }
    schema
}

/// A type's name in the words of both.
fn common(kind: &str) -> String {
    match kind.to_lowercase().as_str() {
        "blob" | "uuid" | "bytea" => "bytes",
        "integer" | "bigint" => "number",
        other => other,
    }
    .to_owned()
}
