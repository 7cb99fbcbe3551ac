//! What a lease puts into a request, made once: a header, a parameter, an argument; and what its server is reached by.

use crate::config::{Inject, Part, Template, Where};
use crate::snapshot::Server;
use adapters::credential::{Field, Minted};
use adapters::secret::Secret;
use adapters::upstream::{Carried, Exchange, Upstream};
use adapters::wire::echo::Patterns;
use adapters::wire::text;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderName, HeaderValue};
use std::sync::Arc;
use url::Origin;
use zeroize::Zeroizing;

/// What a lease puts into a request.
pub(super) struct Ready {
    place: Place,
    /// The only place it may go.
    origin: Origin,
    /// The server, over connections nobody else's calls are on.
    upstream: Arc<dyn Upstream>,
    /// What no answer may hold.
    patterns: Option<Arc<Patterns>>,
}

enum Place {
    Header(HeaderName, HeaderValue),
    /// `name=value`, as it stands in the query.
    Query(Secret),
    /// The argument's name and its value as JSON.
    Argument(Box<str>, Secret),
}

// === impl Ready ===

impl Ready {
    /// Puts together what goes out.
    ///
    /// # Errors
    ///
    /// A field the issuer did not give, or a value that cannot stand where it should go.
    pub(super) fn new(
        inject: &Inject,
        minted: &Minted,
        (server, origin): (&Server, Origin),
    ) -> Result<Self, String> {
        let value = render(&inject.value, minted)?;
        let place = match &inject.place {
            Where::Header(name) => Place::Header(name.clone(), header(&value)?),
            Where::Basic => {
                let basic = Zeroizing::new(format!("Basic {}", STANDARD.encode(&*value)));
                Place::Header(AUTHORIZATION, header(&basic)?)
            }
            Where::Cookie(name) => {
                let plain = |byte: u8| {
                    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
                };
                if !value.bytes().all(plain) {
                    return Err("the value cannot stand in a cookie".to_owned());
                }
                let pair = Zeroizing::new(format!("{name}={}", *value));
                Place::Header(COOKIE, header(&pair)?)
            }
            Where::Query(name) => {
                let mut query = url::form_urlencoded::Serializer::new(String::new());
                query.append_pair(name, &value);
                Place::Query(Secret::from(query.finish()))
            }
            Where::Body(name) => Place::Argument(name.clone(), Secret::from(text::quote(&value))),
        };
        Ok(Self {
            place,
            origin,
            upstream: Arc::clone(&server.upstream).alone(),
            patterns: patterns(minted),
        })
    }

    /// The server, over connections nobody else's calls are on.
    pub(super) fn upstream(&self) -> &Arc<dyn Upstream> {
        &self.upstream
    }

    /// What no answer may hold; none where every secret is too short to tell.
    pub(super) fn patterns(&self) -> Option<&Arc<Patterns>> {
        self.patterns.as_ref()
    }

    /// The argument it goes in, and its value as JSON, where it goes in one.
    pub(super) fn argument(&self) -> Option<(&str, &Secret)> {
        match &self.place {
            Place::Argument(name, value) => Some((name, value)),
            Place::Header(..) | Place::Query(_) => None,
        }
    }

    /// Puts the credential into an exchange, which may then go to its origin and nowhere else.
    pub(super) fn dress(&self, mut exchange: Exchange) -> Exchange {
        let mut query = None;
        match &self.place {
            Place::Header(name, value) => {
                exchange.headers.insert(name.clone(), value.clone());
            }
            Place::Query(pair) => query = Some(pair.clone()),
            Place::Argument(..) => {}
        }
        exchange.carried = Some(Carried {
            origin: self.origin.clone(),
            query,
        });
        exchange
    }
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ready").finish_non_exhaustive()
    }
}

fn patterns(minted: &Minted) -> Option<Arc<Patterns>> {
    let secret = minted.fields.iter().filter(|field| !field.open);
    Patterns::new(secret.map(|field| field.value.expose())).map(Arc::new)
}

fn render(template: &Template, minted: &Minted) -> Result<Zeroizing<String>, String> {
    let mut value = Zeroizing::new(String::new());
    for part in &template.parts {
        match part {
            Part::Text(text) => value.push_str(text),
            Part::Field(name) => {
                let missing = || format!("the issuer gave no `{name}`");
                let field: &Field = minted.field(name).ok_or_else(missing)?;
                let text = field.value.text();
                let clean = text.filter(|text| !text.chars().any(char::is_control));
                let odd = || format!("`{name}` holds what cannot stand in a request");
                value.push_str(clean.ok_or_else(odd)?);
            }
        }
    }
    Ok(value)
}

fn header(value: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| "the value cannot stand in a header".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}
