//! A secret somebody else has made: given out as it is. Nothing is minted, and nothing can be taken back.

use super::{BoxFuture, Field, Handle, IssueError, Issuer, Minted, Order, RevokeError, Taken};

/// Gives out one credential.
#[derive(Debug)]
pub struct Fixed {
    fields: Vec<Field>,
}

// === impl Fixed ===

impl Fixed {
    /// Gives out these fields.
    #[must_use]
    pub fn new(fields: Vec<Field>) -> Self {
        Self { fields }
    }
}

impl Issuer for Fixed {
    fn mint<'a>(
        &'a self,
        order: &'a Order,
        _root: Option<&'a Handle>,
    ) -> BoxFuture<'a, Result<Minted, IssueError>> {
        Box::pin(async {
            if !order.scope.is_empty() {
                let why = "a static credential cannot be narrowed to a scope";
                return Err(IssueError::Refused(why.to_owned()));
            }
            Ok(Minted {
                fields: self.fields.clone(),
                handle: None,
                life: None,
                renewable: false,
            })
        })
    }

    fn lapses(&self) -> bool {
        true
    }

    fn revoke<'a>(&'a self, _handle: &'a Handle) -> BoxFuture<'a, Result<Taken, RevokeError>> {
        Box::pin(async { Ok(Taken::Lapses) })
    }

    fn recover<'a>(
        &'a self,
        _label: &'a str,
        _root: Option<&'a Handle>,
    ) -> BoxFuture<'a, Result<Taken, RevokeError>> {
        Box::pin(async { Ok(Taken::Lapses) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn order(scope: &[&str]) -> Order {
        Order {
            label: "hopgate-1".into(),
            life: Duration::from_secs(60),
            scope: scope.iter().map(|one| (*one).to_owned()).collect(),
            resource: None,
            proof: None,
            whom: super::super::Whom::default(),
        }
    }

    #[tokio::test]
    async fn what_was_given_is_given_out() {
        let fixed = Fixed::new(vec![
            Field::open("username", "ann"),
            Field::secret("password", "correct horse battery"),
        ]);
        let minted = fixed.mint(&order(&[]), None).await.unwrap();
        let password = minted.field("password").unwrap();
        assert_eq!(password.value.text(), Some("correct horse battery"));
        assert!(!password.open && minted.field("username").unwrap().open);
        assert!(minted.handle.is_none() && minted.life.is_none());
    }

    #[tokio::test]
    async fn nobody_is_told_that_it_was_narrowed() {
        let fixed = Fixed::new(vec![Field::secret("token", "correct horse battery")]);
        let refused = fixed.mint(&order(&["repo:acme/x"]), None).await;
        assert!(matches!(refused, Err(IssueError::Refused(_))));
    }
}
