//! Sees to it that there is a link to the store: connects, finds out which state it holds, says what this replica holds there,
//! and begins anew whenever the store has failed to answer.

use super::epoch::{Epoch, Standing, epoch_key};
use super::limits::millis;
use super::link::Wire;
use super::script::{self, GREET, RAISE, SETTLE};
use super::{Down, Link, Shared, locked};
use aws_lc_rs::rand;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// What is known from one link to the next.
struct Keeper {
    shared: Arc<Shared>,
    /// The state that was there last, and the writes we were told it has.
    known: Option<(Epoch, u64)>,
    /// The newest link.
    link: u64,
    /// A loss that this replica has not made good yet, as far as it can.
    owed: bool,
    /// A connection that may still be good.
    wire: Option<Arc<Wire>>,
    /// How often in a row it was not.
    misses: u32,
}

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(250);

/// Between two attempts to connect, where nobody answers for long.
const LONGEST: Duration = Duration::from_secs(1);

/// So often a slow connection is asked again before another one is opened.
const PATIENCE: u32 = 4;

/// Runs until it is aborted.
pub(super) async fn keep(shared: Arc<Shared>) {
    let mut up = shared.up.subscribe();
    let mut keeper = Keeper {
        shared,
        known: None,
        link: 0,
        owed: false,
        wire: None,
        misses: 0,
    };
    loop {
        match keeper.raise().await {
            Ok(link) => {
                let since = Instant::now();
                keeper.misses = 0;
                keeper.shared.rise(Arc::clone(&link));
                if up.wait_for(|up| !up).await.is_err() {
                    return;
                }
                keeper.fallen(&link);
                // One that comes and goes is not asked without a pause.
                if since.elapsed() >= LONGEST {
                    continue;
                }
            }
            Err(why) => keeper.missed(why),
        }
        sleep(keeper.pause()).await;
    }
}

// === impl Keeper ===

impl Keeper {
    /// A new link.
    async fn raise(&mut self) -> Result<Arc<Link>, Down> {
        let wire = match &self.wire {
            Some(wire) => Arc::clone(wire),
            None => {
                let opened = self.shared.door.open(&self.shared.settings).await;
                Arc::clone(self.wire.insert(Arc::new(opened?)))
            }
        };
        self.link += 1;
        let (epoch, writes) = self.greet(&wire).await?;
        let before = self.known.replace((epoch.clone(), writes));
        if before.is_some_and(|(before, _)| before.text != epoch.text) {
            locked(&self.shared.pulsed).lost(self.link);
            self.owed = true;
        }
        let prefix = &self.shared.settings.prefix;
        let standing = Standing::new(prefix, &self.shared.who, self.link, epoch, writes);
        let link = Arc::new(Link { standing, wire });
        self.settle(&link).await?;
        if self.owed {
            self.remind(&link).await?;
            self.owed = false;
        }
        Ok(link)
    }

    /// Which state the store holds, and the writes of ours that it has.
    async fn greet(&self, wire: &Wire) -> Result<(Epoch, u64), Down> {
        let (text, number, writes) = match &self.known {
            Some((epoch, writes)) => (&*epoch.text, epoch.number, *writes),
            None => ("", 0, 0),
        };
        let who = &self.shared.who;
        let asked = wire.run(&GREET, |command| {
            command
                .arg(1)
                .arg(epoch_key(&format!("{{{}}}:", self.shared.settings.prefix)))
                .arg(text)
                .arg(number)
                .arg(writes)
                .arg(who)
                .arg(format!("{who}.{}", self.link));
        });
        let answer = timeout(self.shared.settings.timeout, asked).await;
        let mut parts = script::parts(answer.map_err(|_| Down::Slow)??)?.into_iter();
        let writes = script::natural(parts.next().as_ref())?;
        let text = script::bytes(parts.next())?.ok_or_else(script::odd)?;
        Ok((Epoch::parse(&text)?, writes))
    }

    /// From here on this link is the only one, and what it says we hold is what we hold.
    async fn settle(&self, link: &Arc<Link>) -> Result<(), Down> {
        let slots = locked(&self.shared.held).over(link.standing.link);
        let asked = self.shared.question(link, &SETTLE, |standing, command| {
            standing.keys(command, slots.len() + 1);
            command.arg(standing.key(b'a', b"living"));
            for (key, _) in &slots {
                command.arg(standing.key(b's', key.bytes()));
            }
            standing.proof(command);
            for (_, count) in &slots {
                command.arg(count);
            }
        });
        asked.await.map(drop)
    }

    /// Tells a store that has forgotten what we remember.
    async fn remind(&self, link: &Arc<Link>) -> Result<(), Down> {
        let spent = locked(&self.shared.memory).all_spent();
        for lot in spent.chunks(1024) {
            let asked = self.shared.question(link, &RAISE, |standing, command| {
                standing.keys(command, lot.len());
                for (key, ..) in lot {
                    command.arg(standing.lasting(b'b', key.bytes()));
                }
                standing.proof(command);
                for (_, total, left) in lot {
                    command.arg(total).arg(millis(*left));
                }
            });
            asked.await?;
        }
        let ended = locked(&self.shared.memory).all_ended();
        self.shared.outbox.end(ended);
        Ok(())
    }

    /// What is kept of a link that has fallen.
    fn fallen(&mut self, link: &Link) {
        self.known = Some((link.standing.epoch.clone(), link.standing.writes()));
        let why = locked(&self.shared.state).why.clone();
        if !matches!(why, Some(Down::Slow | Down::Lost)) {
            self.wire = None;
        }
    }

    fn missed(&mut self, why: Down) {
        self.misses = self.misses.saturating_add(1);
        let patient = self.misses.is_multiple_of(PATIENCE);
        if !matches!(why, Down::Slow | Down::Lost) || patient {
            self.wire = None;
        }
        self.shared.lie(self.link, why);
    }

    /// Not all replicas at once.
    fn pause(&self) -> Duration {
        let pause = match self.wire {
            Some(_) => PAUSE,
            None => PAUSE.saturating_mul(self.misses.max(1)).min(LONGEST),
        };
        let mut byte = [0];
        let _ = rand::fill(&mut byte);
        pause + pause.mul_f64(f64::from(byte[0]) / 1024.0)
    }
}
