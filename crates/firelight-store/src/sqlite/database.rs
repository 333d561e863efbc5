//! Opens an SQLite database file for one writer and several readers, at the newest schema.

use std::path::{Path, PathBuf};

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions,
    SqliteSynchronous, SqliteTransactionManager,
};
use sqlx::{ConnectOptions, Connection, SqlSafeStr, SqlitePool, Transaction};
use sqlx_core::transaction::TransactionManager;

use super::writing::{self, WritingConnection};
use crate::store::BackendError;

/// Reads that may run at the same time; each reader has a thread of its own.
const READERS: u32 = 4;

/// One step from a released schema to the next. A step that was released is never edited.
pub(crate) struct Step {
    pub(crate) version: i64,
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

/// A database at the newest schema.
pub(crate) struct Opened {
    pub(crate) writer: SqliteConnection,
    pub(crate) readers: SqlitePool,
}

/// A database at the newest schema, with a writer that stays on one thread.
pub(crate) struct OpenedForThread {
    pub(crate) writer: WritingConnection,
    pub(crate) readers: SqlitePool,
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    /// The directory of the file could not be made.
    #[error("could not create the directory of {}", file.display())]
    Directory {
        /// The database file.
        file: PathBuf,
        /// What the kernel said.
        #[source]
        source: std::io::Error,
    },
    /// The file is no database, is damaged, or cannot be read or written.
    #[error("could not open {}", file.display())]
    Sqlite {
        /// The database file.
        file: PathBuf,
        /// What SQLite said.
        #[source]
        source: BackendError,
    },
    /// The schema could not be brought to this version; a newer version of Firelight wrote it.
    #[error("could not bring {} to the schema of this version", file.display())]
    Migrate {
        /// The database file.
        file: PathBuf,
        /// What stood in the way.
        #[source]
        source: MigrateError,
    },
}

impl OpenStoreError {
    pub(crate) fn sqlite(
        file: &Path,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Sqlite {
            file: file.to_owned(),
            source: BackendError::new(source),
        }
    }
}

/// Opens a database, creating it when it is not there.
pub(crate) async fn open(file: &Path, steps: &[Step]) -> Result<Opened, OpenStoreError> {
    create_directory(file)?;
    let failed = |source| OpenStoreError::sqlite(file, source);
    // The writer comes first: it sets WAL mode, which readers then find in the file.
    let mut writer = writer_options(file).connect().await.map_err(failed)?;
    migrate(&mut writer, file, steps).await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        // The test is for servers that went away; a file does not.
        .test_before_acquire(false)
        .connect_with(reader_options(file))
        .await
        .map_err(failed)?;
    Ok(Opened { writer, readers })
}

/// Opens a database as [`open`] does, for a writer that runs on a thread of its own.
pub(crate) async fn open_for_thread(
    file: &Path,
    steps: &[Step],
) -> Result<OpenedForThread, OpenStoreError> {
    let Opened { writer, readers } = open(file, steps).await?;
    let path = file.to_owned();
    let connected = tokio::task::spawn_blocking(move || writing::connect(&path)).await;
    let failed = |source| OpenStoreError::sqlite(file, source);
    let direct = connected
        .map_err(|panicked| OpenStoreError::sqlite(file, panicked))?
        .map_err(|source| OpenStoreError::sqlite(file, source))?;
    writer.close().await.map_err(failed)?;
    Ok(OpenedForThread {
        writer: direct,
        readers,
    })
}

fn create_directory(file: &Path) -> Result<(), OpenStoreError> {
    let directory = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory).map_err(|source| OpenStoreError::Directory {
        file: file.to_owned(),
        source,
    })
}

/// `synchronous=FULL` syncs the write-ahead log on every commit: acknowledged means durable.
fn writer_options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .disable_statement_logging()
}

fn reader_options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .disable_statement_logging()
}

async fn migrate(
    writer: &mut SqliteConnection,
    file: &Path,
    steps: &[Step],
) -> Result<(), OpenStoreError> {
    let migrations = steps.iter().map(migration).collect();
    Migrator::with_migrations(migrations)
        .run(writer)
        .await
        .map_err(|source| OpenStoreError::Migrate {
            file: file.to_owned(),
            source,
        })
}

fn migration(step: &Step) -> Migration {
    Migration::new(
        step.version,
        step.name.into(),
        MigrationType::Simple,
        step.sql.into_sql_str(),
        false,
    )
}

/// Begins a transaction that holds the right to write from the start.
///
/// The one before may have ended half-way: on a full disk SQLite rolls back by itself. sqlx then counts a transaction as
/// open that is not, and would never begin another.
pub(crate) async fn begin(db: &mut SqliteConnection) -> sqlx::Result<Transaction<'_, Sqlite>> {
    // What was dropped is rolled back in the background; after a round trip that is done.
    db.ping().await?;
    while SqliteTransactionManager::get_transaction_depth(db) > 0 {
        // Gives the rollback something to end. It fails where a transaction is open after all.
        let _ = sqlx::query("BEGIN").execute(&mut *db).await;
        SqliteTransactionManager::rollback(db).await?;
    }
    db.begin_with("BEGIN IMMEDIATE").await
}

/// Brings a count or a time into SQLite's signed integers; no real one is near the bound.
pub(crate) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads what [`to_sql`] wrote.
pub(crate) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(db: &mut SqliteConnection, sql: &'static str) -> sqlx::Result<()> {
        sqlx::query(sql).execute(db).await.map(|_| ())
    }

    #[tokio::test]
    async fn transaction_that_sqlite_rolled_back_itself_is_not_in_the_way_of_the_next() {
        let mut db = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        run(&mut db, "CREATE TABLE t (a UNIQUE)").await.unwrap();
        let mut first = begin(&mut db).await.unwrap();
        run(&mut first, "INSERT INTO t VALUES (1)").await.unwrap();
        let refused = run(&mut first, "INSERT OR ROLLBACK INTO t VALUES (1)").await;
        assert!(refused.is_err() && first.commit().await.is_err());

        let mut second = begin(&mut db).await.unwrap();
        run(&mut second, "INSERT INTO t VALUES (2)").await.unwrap();
        second.commit().await.unwrap();

        let rows = sqlx::query("SELECT a FROM t").fetch_all(&mut db).await;
        assert_eq!(rows.unwrap().len(), 1);
    }
}
