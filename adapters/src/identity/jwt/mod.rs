//! stub
use serde_json::{Map, Value};
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm { RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA }
impl std::str::FromStr for Algorithm { type Err = (); fn from_str(_: &str) -> Result<Self, ()> { Err(()) } }
#[derive(Debug, Clone)]
pub struct Rules { pub issuer: Option<String>, pub algorithms: Vec<Algorithm>, pub leeway: u64, pub max_life: u64 }
#[derive(Debug, thiserror::Error)]
pub enum Fault { #[error("x")] X }
#[derive(Debug)]
pub struct Unverified<'a>(&'a str);
pub fn read(token: &str) -> Result<Unverified<'_>, Fault> { Ok(Unverified(token)) }
impl Unverified<'_> {
  pub fn algorithm(&self) -> Algorithm { Algorithm::ES256 }
  pub fn kid(&self) -> Option<&str> { None }
  pub fn issuer(&self) -> Option<&str> { None }
  pub fn subject(&self) -> Option<&str> { Some(self.0) }
  pub fn verify(self, _: &Rules, _: &Key, _: u64) -> Result<Claims, Fault> { Err(Fault::X) }
}
#[derive(Debug, Clone)]
pub struct Claims { pub issuer: Option<String>, pub subject: String, pub audience: Vec<String>, pub expires: u64, pub issued: Option<u64>, pub id: Option<String>, pub scopes: Vec<String>, pub confirmation: Option<Confirmation>, pub all: Map<String, Value> }
#[derive(Debug, Clone, Default)]
pub struct Confirmation { pub key: Option<String>, pub certificate: Option<[u8; 32]> }
#[derive(Debug)]
pub struct Key;
#[derive(Debug)]
pub struct KeySet;
impl KeySet { pub fn parse(_: &[u8]) -> Result<Self, Fault> { Err(Fault::X) } pub fn key(&self, _: Option<&str>, _: Algorithm) -> Option<&Key> { None } }
