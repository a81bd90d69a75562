//! tokio-postgres: our feature `tokio`, by `connect_raw` on a stream of ours; its connection is a future that we spawn. With
//! a real server; where there is none, `--skip postgres::` goes without.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::TryStreamExt;
use polliwog::net::UnixStream;
use polliwog::spawn;
use polliwog::time::sleep;
use tokio_postgres::{Config, NoTls};

use crate::run;

/// A server of its own, without a port.
struct Server {
    program: Child,
    folder: PathBuf,
}

/// A program of the server's, which lies in a folder of its version's. It refuses to run as root.
fn program(name: &str) -> Command {
    let folders = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let found = folders
        .flatten()
        .map(|folder| folder.path().join("bin").join(name))
        .find(|path| path.is_file());
    let found = found.expect("a PostgreSQL; `-- --skip postgres::` goes without");
    let id = Command::new("id").arg("-u").output().unwrap();
    if id.stdout != b"0\n" {
        return Command::new(found);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
    command.arg(found);
    command
}

impl Server {
    fn start() -> Self {
        let name = format!("polliwog-postgres-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let _ = Command::new("chown")
            .arg("postgres")
            .arg(&folder)
            .stderr(Stdio::null())
            .status();
        let data = folder.join("data");
        let made = program("initdb")
            .args(["--no-sync", "--auth=trust", "--username=frog", "-D"])
            .arg(&data)
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let mut program = program("postgres")
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-k"])
            .arg(&folder)
            .arg("-D")
            .arg(&data)
            .current_dir(&folder)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(program.stderr.take().unwrap()).lines();
        let ready = |line: std::io::Result<String>| line.unwrap().contains("ready to accept");
        assert!(lines.any(ready), "it does not come up");
        // What else it says is taken from it.
        std::thread::spawn(move || lines.for_each(drop));
        Server { program, folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ends its children, too.
        let id = self.program.id().to_string();
        let _ = Command::new("kill").args(["-QUIT", &id]).status();
        let _ = self.program.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn statements_a_transaction_and_a_query_that_is_cancelled() {
    let server = Server::start();
    let socket = server.folder.join(".s.PGSQL.5432");
    run(async {
        let stream = UnixStream::connect(&socket).await.unwrap();
        let mut config = Config::new();
        config.user("frog").dbname("postgres");
        let (mut client, connection) = config.connect_raw(stream, NoTls).await.unwrap();
        let connection = spawn(connection).unwrap();
        let table = "CREATE TABLE frogs (name TEXT UNIQUE, legs INT)";
        client.batch_execute(table).await.unwrap();
        let transaction = client.transaction().await.unwrap();
        let insert = transaction
            .prepare("INSERT INTO frogs VALUES ($1, $2)")
            .await
            .unwrap();
        // All of them under way at once.
        let names: Vec<_> = (0..100).map(|n| (format!("frog {n}"), n % 5)).collect();
        let inserting = names.iter().map(|(name, legs)| {
            let (transaction, insert) = (&transaction, &insert);
            async move { transaction.execute(insert, &[name, legs]).await }
        });
        for inserted in futures_util::future::join_all(inserting).await {
            assert_eq!(inserted.unwrap(), 1);
        }
        transaction.commit().await.unwrap();
        let sum = client
            .query_one("SELECT count(*), sum(legs) FROM frogs", &[])
            .await
            .unwrap();
        assert_eq!((sum.get::<_, i64>(0), sum.get::<_, i64>(1)), (100, 200));
        let many = client
            .query_raw("SELECT generate_series(1, 50000)", Vec::<i32>::new())
            .await;
        let many = many.unwrap().map_ok(|row| i64::from(row.get::<_, i32>(0)));
        assert_eq!(
            many.try_fold(0, async |sum, n| Ok(sum + n)).await.unwrap(),
            1_250_025_000
        );
        let twice = client
            .execute("INSERT INTO frogs VALUES ('frog 7', 4)", &[])
            .await;
        assert!(twice.unwrap_err().as_db_error().is_some());
        // Over a connection of its own.
        let cancel = client.cancel_token();
        let stream = UnixStream::connect(&socket).await.unwrap();
        let cancelling = spawn(async move {
            sleep(Duration::from_millis(50)).await;
            cancel.cancel_query_raw(stream, NoTls).await
        });
        let error = client
            .query_one("SELECT pg_sleep(600)", &[])
            .await
            .unwrap_err();
        assert_eq!(
            error.code(),
            Some(&tokio_postgres::error::SqlState::QUERY_CANCELED)
        );
        cancelling.unwrap().await.unwrap().unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    });
}
