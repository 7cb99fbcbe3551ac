//! The configuration of one test: what every test needs, and what this one adds.

use std::fmt::Write;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// Builds the text of `hopgate.toml`.
#[derive(Debug, Clone)]
pub struct Setup {
    gateway: String,
    servers: Vec<(String, String, String)>,
    envelope: String,
    rules: Option<String>,
    tail: String,
    audit: String,
    variables: Vec<(String, String)>,
    local: bool,
    scheme: &'static str,
    public: Option<u16>,
}

/// Where one gateway runs.
#[derive(Debug, Clone)]
pub struct Place {
    /// Agents' port.
    pub port: u16,
    /// Operators' port.
    pub admin: u16,
    /// Configuration, data and output.
    pub folder: PathBuf,
    /// The environment beside the tests' own.
    pub variables: Vec<(String, String)>,
    /// Locks that keep both ports.
    pub claims: Arc<[Arc<File>]>,
}

// === impl Setup ===

impl Setup {
    /// One server `up`, everything on it allowed to the local agent.
    pub fn new(url: &str) -> Self {
        Self::empty().server("up", url)
    }

    /// No server; the agent may do everything on those that are added.
    pub fn empty() -> Self {
        Self {
            gateway: String::new(),
            servers: Vec::new(),
            envelope: "**".to_owned(),
            rules: None,
            tail: String::new(),
            // Tests refuse faster than anybody may.
            audit: "refusals = 1000000".to_owned(),
            variables: Vec::new(),
            local: true,
            scheme: "http",
            public: None,
        }
    }

    /// Adds lines to `[gateway]`, or tables below it.
    pub fn gateway(mut self, lines: &str) -> Self {
        writeln!(self.gateway, "{lines}").expect("text");
        self
    }

    /// Adds lines to `[gateway]` before whatever tables are below it.
    pub fn gateway_first(mut self, lines: &str) -> Self {
        self.gateway.insert_str(0, &format!("{lines}\n"));
        self
    }

    /// Adds a server.
    pub fn server(self, name: &str, url: &str) -> Self {
        self.server_with(name, url, "")
    }

    /// Adds a server with further keys.
    pub fn server_with(mut self, name: &str, url: &str, keys: &str) -> Self {
        self.servers
            .push((name.to_owned(), url.to_owned(), keys.to_owned()));
        self
    }

    /// The agent's envelope, one pattern.
    pub fn envelope(mut self, pattern: &str) -> Self {
        pattern.clone_into(&mut self.envelope);
        self
    }

    /// These rules instead of "everything is allowed".
    pub fn rules(mut self, rules: &str) -> Self {
        self.rules = Some(rules.to_owned());
        self
    }

    /// What agents call is another gateway's port: several stand behind one address.
    pub fn public(mut self, port: u16) -> Self {
        self.public = Some(port);
        self
    }

    /// Whoever calls from this machine without a proof is nobody.
    pub fn without_local(mut self) -> Self {
        self.local = false;
        self
    }

    /// Any further TOML at the end.
    pub fn tail(mut self, tables: &str) -> Self {
        self.tail.push_str(tables);
        self
    }

    /// These lines as `[audit]`; without any there is no such table.
    pub fn audit(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.audit);
        self
    }

    /// A variable of the gateway's environment.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The variables of the gateway's environment.
    pub fn variables(&self) -> Vec<(String, String)> {
        self.variables.clone()
    }

    /// The gateway itself speaks TLS with this certificate.
    pub fn tls(mut self, cert: &std::path::Path, key: &std::path::Path) -> Self {
        self.scheme = "https";
        let (cert, key) = (cert.display(), key.display());
        self.gateway(&format!(
            "tls = {{ cert = \"{cert}\", key = {{ file = \"{key}\" }} }}"
        ))
    }

    /// The whole file.
    pub fn text(&self, place: &Place) -> String {
        let Place {
            port,
            admin,
            folder,
            ..
        } = place;
        let (scheme, data) = (self.scheme, folder.join("data"));
        let public = self.public.unwrap_or(*port);
        let mut text = format!(
            "[gateway]\nlisten = \"127.0.0.1:{port}\"\nadmin = \"127.0.0.1:{admin}\"\n\
             public_url = \"{scheme}://127.0.0.1:{public}\"\ndata_dir = \"{}\"\n{}\n",
            data.display(),
            at_once(&self.gateway),
        );
        if self.local {
            let envelope = format!("tools = [\"{}\"]", self.envelope);
            text += "\n[identities.local]\nkind = \"local\"\n";
            text += &registered("tester", "\"local\"", &envelope);
        }
        for (name, url, keys) in &self.servers {
            write!(text, "\n[servers.{name}]\nurl = \"{url}\"\n{keys}\n").expect("text");
        }
        match &self.rules {
            Some(rules) => text.push_str(rules),
            None => {
                for (name, ..) in &self.servers {
                    text.push_str(&allow(
                        &format!("everything on {name}"),
                        &format!("{name}/**"),
                    ));
                }
            }
        }
        if !self.audit.is_empty() {
            write!(text, "\n[audit]\n{}\n", self.audit).expect("text");
        }
        text + &self.tail
    }
}

/// Behind tests stands no balancer that has to notice first; those that are about one say how long it takes.
fn at_once(gateway: &str) -> String {
    const TABLE: &str = "[gateway.deadlines]\n";
    const NO_LINGER: &str = "[gateway.deadlines]\nlinger = \"1ms\"\n";
    if gateway.contains("linger") {
        return gateway.to_owned();
    }
    match gateway.contains(TABLE) {
        true => gateway.replacen(TABLE, NO_LINGER, 1),
        false => format!("{gateway}\n{NO_LINGER}"),
    }
}

/// An active agent: what it is known by, and what its envelope says. Where it says nothing of effects, it holds them
/// all: most tests are about something else.
pub fn registered(name: &str, identity: &str, envelope: &str) -> String {
    let effects = match envelope.contains("effects") {
        true => "",
        false => ", effects = [\"read\", \"write\", \"persist\", \"destroy\"]",
    };
    format!(
        "\n[agents.{name}]\nowner = \"tests@example.com\"\npurpose = \"plays an agent\"\nexpires = 2099-01-01\n\
         identity = [{identity}]\nenvelope = {{ {envelope}{effects} }}\n"
    )
}

/// A rule that allows `tools` to the tests' agent.
pub fn allow(name: &str, tools: &str) -> String {
    format!(
        "\n[[rules]]\nname = \"{name}\"\nagents = [\"tester\"]\ntools = [\"{tools}\"]\nallow = true\n"
    )
}

/// A rule that denies `tools` to everybody.
pub fn deny(name: &str, tools: &str, message: &str) -> String {
    format!("\n[[rules]]\nname = \"{name}\"\ntools = [\"{tools}\"]\ndeny = \"{message}\"\n")
}
