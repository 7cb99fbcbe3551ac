//! Proofs sent again, and more of them than can be remembered.

use super::forge::NOW;
use adapters::identity::dpop::{ReplayFault, Replays};
use std::sync::Arc;

const UNTIL: u64 = NOW + 660;

#[test]
fn a_proof_is_good_once() {
    let replays = Replays::new(100);
    assert_eq!(replays.first("key", "a", NOW, UNTIL), Ok(()));
    for now in [NOW, NOW + 1, UNTIL - 1, NOW - 1, 0] {
        assert_eq!(
            replays.first("key", "a", now, UNTIL),
            Err(ReplayFault::Used)
        );
    }
    // Another's name is another name, wherever one ends and the other begins.
    assert_eq!(replays.first("kez", "a", NOW, UNTIL), Ok(()));
    assert_eq!(replays.first("key", "b", NOW, UNTIL), Ok(()));
    assert_eq!(replays.first("key", "a b", NOW, UNTIL), Ok(()));
    assert_eq!(replays.first("ke", "y a", NOW, UNTIL), Ok(()));
    assert_eq!(replays.first("key", "A", NOW, UNTIL), Ok(()));
    assert_eq!(replays.first("key", "", NOW, UNTIL), Ok(()));
    assert_eq!(replays.first("key", "a", UNTIL, UNTIL + 660), Ok(()));
    assert_eq!(
        replays.first("key", "a", UNTIL, UNTIL + 660),
        Err(ReplayFault::Used)
    );
}

#[test]
fn what_is_full_believes_nothing_until_something_can_be_forgotten() {
    let most = 1000;
    let replays = Replays::new(most);
    for number in 0..most {
        let until = if number < 10 { NOW + 60 } else { UNTIL };
        assert_eq!(
            replays.first("key", &number.to_string(), NOW, until),
            Ok(())
        );
    }
    for number in 0..2000 {
        let found = replays.first("key", &format!("more-{number}"), NOW + 59, UNTIL);
        assert_eq!(found, Err(ReplayFault::Full));
    }
    // Those remembered are still told from new ones.
    let used = |number: usize| replays.first("key", &number.to_string(), NOW + 59, UNTIL);
    assert!((0..most).all(|number| used(number) == Err(ReplayFault::Used)));
    // Ten can be forgotten, so ten find room.
    for number in 0..10 {
        let found = replays.first("key", &format!("late-{number}"), NOW + 60, UNTIL);
        assert_eq!(found, Ok(()), "{number}");
    }
    assert_eq!(
        replays.first("key", "late-10", NOW + 60, UNTIL),
        Err(ReplayFault::Full)
    );
    assert_eq!(
        replays.first("key", "500", NOW + 60, UNTIL),
        Err(ReplayFault::Used)
    );
    assert_eq!(
        Replays::new(0).first("key", "a", NOW, UNTIL),
        Err(ReplayFault::Full)
    );
}

/// Whoever fills it must not make every further proof cost a walk through all of it.
#[tokio::test]
async fn a_full_one_refuses_quickly() {
    let most = 100_000;
    let replays = Replays::new(most);
    for number in 0..most {
        assert_eq!(
            replays.first("key", &number.to_string(), NOW, UNTIL),
            Ok(())
        );
    }
    let began = tokio::time::Instant::now();
    for number in 0..5000 {
        let found = replays.first("key", &format!("more-{number}"), NOW + 1, UNTIL);
        assert_eq!(found, Err(ReplayFault::Full));
    }
    // A walk for each takes minutes in a build for tests, one walk a second milliseconds.
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}

#[test]
fn of_many_at_once_one_is_the_first() {
    let replays = Arc::new(Replays::new(100_000));
    let send = |replays: Arc<Replays>| {
        move || {
            let first = |number: &u32| {
                replays
                    .first("key", &number.to_string(), NOW, UNTIL)
                    .is_ok()
            };
            (0..2000).filter(first).count()
        }
    };
    let threads: Vec<_> = (0..8)
        .map(|_| std::thread::spawn(send(Arc::clone(&replays))))
        .collect();
    let firsts: usize = threads.into_iter().map(|one| one.join().unwrap()).sum();
    assert_eq!(firsts, 2000);
}
