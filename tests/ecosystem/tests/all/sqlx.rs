//! sqlx with SQLite in memory: a pool, a transaction, a statement that fails, and a connection that is waited for and
//! given up.

use std::time::Duration;

use polliwog::spawn;
use polliwog::time::timeout;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

#[test]
fn a_pool_a_transaction_and_a_wait_that_is_given_up() {
    polliwog::block_on(async {
        let options = SqliteConnectOptions::new().in_memory(true);
        let pool = SqlitePoolOptions::new().max_connections(1);
        let pool = pool.connect_with(options).await.unwrap();
        let table = sqlx::query("CREATE TABLE frogs (name TEXT UNIQUE, legs INTEGER)");
        table.execute(&pool).await.unwrap();
        let mut transaction = pool.begin().await.unwrap();
        for number in 0..100 {
            sqlx::query("INSERT INTO frogs VALUES (?, ?)")
                .bind(format!("frog {number}"))
                .bind(number % 5)
                .execute(&mut *transaction)
                .await
                .unwrap();
        }
        transaction.commit().await.unwrap();
        // One that is not committed leaves nothing, and one that fails is an error.
        let mut transaction = pool.begin().await.unwrap();
        let more = sqlx::query("INSERT INTO frogs VALUES ('other', 4)");
        more.execute(&mut *transaction).await.unwrap();
        drop(transaction);
        let twice = sqlx::query("INSERT INTO frogs VALUES ('frog 7', 4)");
        assert!(twice.execute(&pool).await.is_err());

        let counting = pool.clone();
        let count = spawn(async move {
            let row = sqlx::query("SELECT count(*), sum(legs) FROM frogs");
            let row = row.fetch_one(&counting).await.unwrap();
            (row.get::<i64, _>(0), row.get::<i64, _>(1))
        });
        assert_eq!(count.unwrap().await.unwrap(), (100, 200));
        let only = pool.acquire().await.unwrap();
        let second = timeout(Duration::from_millis(20), pool.acquire()).await;
        assert!(second.is_err(), "there is one connection only");
        drop(only);
        drop(pool.acquire().await.unwrap());
        pool.close().await;
    });
}
