//! A PostgreSQL server of our own, with the roles an operator would have made.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, Config, NoTls};

/// Ends with the test.
pub(crate) struct Server {
    pub(crate) port: u16,
    folder: PathBuf,
    process: Child,
}

/// The role that makes roles is no superuser.
const ROLES: &str = "
    CREATE ROLE maker LOGIN CREATEROLE PASSWORD 'maker maker maker';
    CREATE ROLE reader;
    CREATE ROLE writer;
    CREATE ROLE keeper;
    GRANT keeper TO maker;
    CREATE DATABASE ledger;";

const TABLES: &str = "
    CREATE TABLE entries (amount int);
    INSERT INTO entries VALUES (1), (2), (3);
    GRANT SELECT ON entries TO reader;
    GRANT INSERT ON entries TO writer;
    CREATE SCHEMA work;
    GRANT CREATE, USAGE ON SCHEMA work TO maker WITH GRANT OPTION;
    GRANT CREATE, USAGE ON SCHEMA work TO keeper;";

// === impl Server ===

impl Server {
    pub(crate) async fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let folder = std::env::temp_dir().join(format!("hopgate-postgres-{port}"));
        fs::create_dir(&folder).unwrap();
        own(&folder);
        let data = folder.join("data");
        let password = folder.join("password");
        fs::write(&password, "super super super").unwrap();
        own(&password);
        let made = program("initdb")
            .args(["-A", "scram-sha-256", "-U", "super", "--no-sync", "-D"])
            .arg(&data)
            .arg(format!("--pwfile={}", password.display()))
            .stdout(Stdio::null())
            .status();
        assert!(made.unwrap().success(), "initdb");
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(folder.join("cert.pem"), signed.cert.pem()).unwrap();
        fs::write(folder.join("key.pem"), signed.signing_key.serialize_pem()).unwrap();
        own(&folder.join("key.pem"));
        let setting = |name: &str, file: &str| format!("{name}={}", folder.join(file).display());
        let process = program("postgres")
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1"])
            .args(["-c", "unix_socket_directories="])
            .args(["-c", "fsync=off", "-c", "ssl=on", "-c", "log_statement=all"])
            .args(["-c", &setting("ssl_cert_file", "cert.pem")])
            .args(["-c", &setting("ssl_key_file", "key.pem")])
            .stderr(fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        let server = Self {
            port,
            folder,
            process,
        };
        let client = server.first().await;
        for sql in ROLES.split_inclusive(';') {
            client.batch_execute(sql).await.unwrap();
        }
        let client = server.superuser().await;
        client.batch_execute(TABLES).await.unwrap();
        server
    }

    /// The file of its own certificate.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.join("cert.pem")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }

    pub(crate) async fn superuser(&self) -> Client {
        let client = self.login("super", "super super super", "ledger").await;
        client.unwrap()
    }

    /// A session, or the code of why there is none.
    pub(crate) async fn login(
        &self,
        user: &str,
        password: &str,
        database: &str,
    ) -> Result<Client, String> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await;
        let stream = stream.map_err(|why| why.to_string())?;
        let mut config = Config::new();
        config.user(user).password(password).dbname(database);
        let opened = config.connect_raw(stream, NoTls).await;
        let (client, connection) = opened.map_err(|error| match error.code() {
            Some(code) => code.code().to_owned(),
            None => error.to_string(),
        })?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// The first session, once it takes any.
    async fn first(&self) -> Client {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            match self.login("super", "super super super", "postgres").await {
                Ok(client) => return client,
                Err(why) => assert!(Instant::now() < end, "{why}: {}", self.log()),
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let file = self.folder.join("data/postmaster.pid");
        if let Ok(text) = fs::read_to_string(file) {
            let id = text.lines().next().unwrap_or_default();
            let _ = Command::new("kill").args(["-INT", id]).status();
        }
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// One of PostgreSQL's programs, as somebody else than root: it refuses to be run by that.
fn program(name: &str) -> Command {
    let folders = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let newest = folders.flatten().map(|entry| entry.path()).max().unwrap();
    let path = newest.join("bin").join(name);
    match is_root() {
        true => {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        }
        false => Command::new(path),
    }
}

/// Gives a file to whoever runs PostgreSQL.
fn own(path: &std::path::Path) {
    let folder = path.is_dir();
    let mode = if folder { 0o755 } else { 0o600 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    if is_root() {
        let done = Command::new("chown").arg("postgres:").arg(path).status();
        assert!(done.unwrap().success());
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}
