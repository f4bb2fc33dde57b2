//! Many worlds, over all cores: what struck in all of them, what did not hold, and how far it has come.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Once, mpsc};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::faults::Tally;
use crate::outcome::{Check, Failure, Passed};

/// Seeds that a thread takes at a time: what an interruption loses at most of each thread.
const CHUNK: u64 = 50;
/// With so many seeds every fault must have struck.
pub const ALL_STRIKE_IN: u64 = 1000;
/// After so many failures there is no point in finding more.
const FAILURES: usize = 25;

/// Seeds to run.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// Threads to run them on; at least one.
    pub threads: usize,
    /// Where it is kept how far it has come; nowhere if `None`.
    pub state: Option<PathBuf>,
    /// What the worlds are run with. What another build has found is not counted.
    pub build: String,
}

/// How far a campaign has come.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    build: String,
    /// The first seed.
    pub from: u64,
    /// How many seeds from there on were run.
    pub done: u64,
    /// What did not hold in them.
    pub failures: Vec<Failure>,
    /// What struck in those that passed.
    pub tally: Tally,
}

impl Progress {
    /// Whether everything that was run passed, and everything struck where that can be expected.
    pub fn is_good(&self) -> bool {
        self.failures.is_empty() && (self.done < ALL_STRIKE_IN || self.tally.never().next().is_none())
    }
}

impl Campaign {
    /// Runs the seeds that were not run before, and calls `tell` with each chunk that is done.
    ///
    /// # Errors
    /// When the state cannot be read or written.
    pub fn run(&self, mut tell: impl FnMut(&Progress, &[Failure])) -> io::Result<Progress> {
        let mut progress = self.resume()?;
        tell(&progress, &[]);
        let first = progress.done / CHUNK;
        let chunks = self.seeds.div_ceil(CHUNK);
        if first >= chunks || progress.done >= self.seeds {
            return Ok(progress);
        }
        let next = AtomicU64::new(first);
        let stop = AtomicU64::new(0);
        let (sender, receiver) = mpsc::channel::<(u64, Tally, Vec<Failure>)>();
        thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                let (sender, next, stop) = (sender.clone(), &next, &stop);
                scope.spawn(move || {
                    while stop.load(Ordering::Relaxed) == 0 {
                        let chunk = next.fetch_add(1, Ordering::Relaxed);
                        if chunk >= chunks {
                            break;
                        }
                        let (tally, failures) = self.chunk(chunk);
                        if sender.send((chunk, tally, failures)).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            let outcome = self.collect(&mut progress, first, &receiver, &mut tell);
            stop.store(1, Ordering::Relaxed);
            // Whoever still works finds nobody who listens.
            drop(receiver);
            outcome
        })?;
        Ok(progress)
    }

    /// Takes in chunks in their order.
    fn collect(
        &self,
        progress: &mut Progress,
        first: u64,
        receiver: &mpsc::Receiver<(u64, Tally, Vec<Failure>)>,
        tell: &mut impl FnMut(&Progress, &[Failure]),
    ) -> io::Result<()> {
        let mut early = BTreeMap::new();
        let mut wanted = first;
        for (chunk, tally, failures) in receiver {
            early.insert(chunk, (tally, failures));
            while let Some((tally, failures)) = early.remove(&wanted) {
                wanted += 1;
                progress.tally.merge(&tally);
                progress.failures.extend_from_slice(&failures);
                progress.done = (wanted * CHUNK).min(self.seeds);
                self.save(progress)?;
                tell(progress, &failures);
                if progress.failures.len() >= FAILURES {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Runs the seeds of a chunk.
    fn chunk(&self, chunk: u64) -> (Tally, Vec<Failure>) {
        let (mut all, mut failures) = (Tally::default(), Vec::new());
        for number in chunk * CHUNK..((chunk + 1) * CHUNK).min(self.seeds) {
            let seed = self.from.wrapping_add(number);
            match caught(seed, || crate::run(seed)) {
                Ok(passed) => all.merge(&passed.tally),
                Err(failure) => failures.push(failure),
            }
        }
        (all, failures)
    }

    /// How far the same seeds have come with the same build.
    fn resume(&self) -> io::Result<Progress> {
        let fresh = Progress { build: self.build.clone(), from: self.from, ..Progress::default() };
        let Some(path) = &self.state else { return Ok(fresh) };
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(fresh),
            Err(error) => return Err(error),
        };
        // A file of another build may look different.
        let kept = serde_json::from_slice::<Progress>(&text).ok();
        let kept = kept.filter(|kept| kept.tally.is_of_this_build());
        // What ended within a chunk ended with fewer seeds; those of the chunk are run again.
        let whole = |kept: &Progress| kept.done.is_multiple_of(CHUNK) || kept.done == self.seeds;
        let same = |kept: &Progress| (&kept.build, kept.from) == (&self.build, self.from) && whole(kept);
        Ok(kept.filter(same).unwrap_or(fresh))
    }

    fn save(&self, progress: &Progress) -> io::Result<()> {
        let Some(path) = &self.state else { return Ok(()) };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        // A reader, or whoever comes after a crash, sees the old one or the new one.
        let beside = path.with_extension("new");
        fs::write(&beside, serde_json::to_vec(progress)?)?;
        fs::rename(beside, path)
    }
}

/// What the worlds are run with: the hash of the program.
///
/// # Errors
/// When the program's file cannot be read.
pub fn build_of(program: &Path) -> io::Result<String> {
    use std::hash::Hasher as _;
    let mut hasher = siphasher::sip::SipHasher13::new();
    hasher.write(&fs::read(program)?);
    Ok(format!("{:016x}", hasher.finish()))
}

thread_local! {
    /// What the last panic in a world of this thread said; `None` outside of worlds.
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `world`; a panic in it is what did not hold.
pub(crate) fn caught(seed: u64, world: impl FnOnce() -> Result<Passed, Failure>) -> Result<Passed, Failure> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let in_world = SAID.with_borrow_mut(|said| match said {
                Some(said) => {
                    let place = info.location().map(ToString::to_string).unwrap_or_default();
                    *said = format!("{} ({place})", words(info.payload()));
                    true
                }
                None => false,
            });
            if !in_world {
                before(info);
            }
        }));
    });
    SAID.set(Some(String::new()));
    let outcome = catch_unwind(AssertUnwindSafe(world));
    let said = SAID.take().unwrap_or_default();
    outcome.unwrap_or(Err(Failure { seed, check: Check::Panic, at: Duration::ZERO, detail: said }))
}

/// What a panic says.
fn words(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without words")
}
