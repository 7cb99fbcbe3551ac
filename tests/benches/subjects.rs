//! What is compared: nothing in between, nginx as a plain reverse proxy, hopgate with everything on.

use crate::load::{Caller, Target};
use crate::machine::Cores;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tests::setup::{Place, Setup};

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Direct,
    Nginx,
    Hopgate,
}

/// A process that is ended with its handle.
#[derive(Debug)]
pub(crate) struct Child {
    process: std::process::Child,
    place: Place,
    path: &'static str,
}

/// A proxy in front of the stub.
#[derive(Debug)]
pub(crate) struct Proxy(Child);

// === impl Subject ===

impl Subject {
    pub(crate) const ALL: [Self; 3] = [Self::Direct, Self::Nginx, Self::Hopgate];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Hopgate => "hopgate",
        }
    }
}

// === impl Child ===

impl Child {
    fn spawn(core: &str, place: Place, path: &'static str, command: &mut Command) -> Self {
        let log = |name| std::fs::File::create(place.folder.join(name)).expect("log");
        // taskset becomes the command, so its id is the proxy's.
        let mut pinned = Command::new("taskset");
        pinned
            .args(["-c", core])
            .arg(command.get_program())
            .args(command.get_args())
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            );
        let pinned = pinned
            .stdin(Stdio::null())
            .stdout(log("stdout"))
            .stderr(log("stderr"));
        Self {
            process: pinned.spawn().expect("taskset"),
            place,
            path,
        }
    }

    pub(crate) fn target(&self) -> Target {
        Target {
            port: self.place.port,
            path: self.path,
        }
    }

    async fn answering(self) -> Self {
        let end = tokio::time::Instant::now() + tests::PATIENCE;
        loop {
            if let Some(mut caller) = Caller::try_connect(&self.target()).await
                && caller.answer(1, 200).await.is_some()
            {
                return self;
            }
            let said =
                std::fs::read_to_string(self.place.folder.join("stderr")).unwrap_or_default();
            assert!(tokio::time::Instant::now() < end, "never answered: {said}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        drop(std::fs::remove_dir_all(&self.place.folder));
    }
}

/// The upstream, on the cores that are not the proxy's.
pub(crate) async fn stub(cores: &Cores) -> Child {
    let place = Place::free();
    let own = std::env::current_exe().expect("own path");
    let port = place.port.to_string();
    Child::spawn(
        &cores.rest,
        place,
        "/mcp",
        Command::new(own).args(["stub", &port]),
    )
    .answering()
    .await
}

// === impl Proxy ===

impl Proxy {
    pub(crate) fn target(&self) -> Target {
        self.0.target()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.process.id()
    }

    /// Its configuration and all it writes.
    pub(crate) fn folder(&self) -> &Path {
        &self.0.place.folder
    }

    /// Where it keeps what it keeps.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// Keep-alive on both sides, no access log, one worker; everything else as it comes.
    pub(crate) async fn nginx(cores: &Cores, stub: &Child) -> Self {
        let place = Place::free();
        let config = format!(
            "daemon off; master_process off; worker_processes 1; pid {0}/pid; error_log {0}/error;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_temp_path {0}/body; proxy_temp_path {0}/proxy;
  fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;
  upstream up {{ server 127.0.0.1:{1}; keepalive 256; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{2};
    location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection \"\"; }}
  }}
}}
",
            place.folder.display(),
            stub.place.port,
            place.port
        );
        let file = place.folder.join("nginx.conf");
        std::fs::write(&file, config).expect("configuration");
        let program = ["/usr/sbin/nginx", "/usr/bin/nginx"]
            .into_iter()
            .find(|path| Path::new(path).exists());
        let mut command = Command::new(program.expect("nginx: tests/bench installs it"));
        command.arg("-p").arg(&place.folder).arg("-c").arg(&file);
        Self(
            Child::spawn(&cores.proxy, place, "/mcp", &mut command)
                .answering()
                .await,
        )
    }

    /// The release binary, with a policy that names what it allows.
    pub(crate) async fn hopgate(cores: &Cores, stub: &Child, gateway: &str) -> Self {
        let started = Self::hopgate_unawaited(cores, stub, gateway);
        Self(started.0.answering().await)
    }

    /// The same with further tables.
    pub(crate) async fn hopgate_with(cores: &Cores, stub: &Child, tables: &str) -> Self {
        let own = tests::gateway::binary();
        Self::hopgate_as(cores, stub, &own, |setup| setup.tail(tables)).await
    }

    /// This binary, with another setup.
    pub(crate) async fn hopgate_as(
        cores: &Cores,
        stub: &Child,
        binary: &Path,
        change: impl FnOnce(Setup) -> Setup,
    ) -> Self {
        let started = Self::spawn_hopgate((cores, stub), binary, change);
        Self(started.0.answering().await)
    }

    /// Started, and nothing more.
    pub(crate) fn hopgate_unawaited(cores: &Cores, stub: &Child, gateway: &str) -> Self {
        let own = tests::gateway::binary();
        Self::spawn_hopgate((cores, stub), &own, |setup| setup.gateway(gateway))
    }

    fn spawn_hopgate(
        (cores, stub): (&Cores, &Child),
        binary: &Path,
        change: impl FnOnce(Setup) -> Setup,
    ) -> Self {
        let place = Place::free();
        let url = format!("http://127.0.0.1:{}/mcp", stub.place.port);
        let setup = change(Setup::new(&url));
        std::fs::write(place.config(), setup.text(&place)).expect("configuration");
        let mut command = Command::new(binary);
        command.args(["serve", "--config"]).arg(place.config());
        command.envs(setup.variables());
        Self(Child::spawn(
            &cores.proxy,
            place,
            "/servers/up/mcp",
            &mut command,
        ))
    }
}
