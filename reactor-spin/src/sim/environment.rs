//! [`Environment`]: what the environment sets of searches and simulations.

use alloc::format;
use alloc::string::String;
use core::ops::Range;
use core::str::FromStr;
use core::time::Duration;
use std::ffi::OsString;
use std::path::{self, PathBuf};
use std::sync::{Once, OnceLock};
use std::{env, fs, thread};

use super::config::Config;
use super::fault::duration;
use super::found::quoted;
use super::late::say;
use super::rng::nanos;
use super::settings::Settings;

/// The environment variable that makes [`explore`](super::explore) and [`explore_guided`](super::explore_guided) run one seed
/// only (`7`), or search other seeds than the test's (`1000..50000`), as a longer search at night does.
///
/// Variables whose names begin with `POLLIWOG_SIM_` are read once, when the first search or simulation of the process
/// begins. What they set holds in the place of what the test says: an argument of the search, or a setting of its
/// [`Builder`](super::Builder). One that has no such value, that there is not, or that contradicts another one ends the test by a
/// panic that names it.
pub const SEED_VARIABLE: &str = "POLLIWOG_SIM_SEED";

/// The environment variable that says how many seeds a search runs: `50000`, in the place of as many as the test says, from its
/// first one on, or from that of [`SEED_VARIABLE`].
pub const COUNT_VARIABLE: &str = "POLLIWOG_SIM_COUNT";

/// The environment variable that says on how many threads a search runs, in the place of the test's number: `4`; with `0` on as
/// many as there are processors.
pub const THREADS_VARIABLE: &str = "POLLIWOG_SIM_THREADS";

/// The environment variable that makes [`explore`](super::explore) and [`explore_guided`](super::explore_guided) run a file that
/// one of them has written.
pub const REPLAY_VARIABLE: &str = "POLLIWOG_SIM_REPLAY";

/// The environment variable that makes a search run each seed twice (`1`), and fail at the first whose runs are not the same, as
/// [`check`](super::check) does; with `0` it does not.
pub const CHECK_VARIABLE: &str = "POLLIWOG_SIM_CHECK";

/// The environment variable that sets the [time limit](super::Builder::time_limit) of all simulations: `90s`, of virtual time.
pub const TIME_LIMIT_VARIABLE: &str = "POLLIWOG_SIM_TIME_LIMIT";

/// The environment variable that names a file with settings of all simulations: of their links, where a test has not set
/// [some](super::Control::set_link) of them, and of their disks. What it does not name stays as the test says.
///
/// A line is `loss = 0.01`; the page about simulations lists what can be set.
pub const CONFIG_VARIABLE: &str = "POLLIWOG_SIM_CONFIG";

/// All whose names begin like that are ours.
const PREFIX: &str = "POLLIWOG_SIM_";

const ALL: [&str; 7] = [
    SEED_VARIABLE,
    COUNT_VARIABLE,
    THREADS_VARIABLE,
    REPLAY_VARIABLE,
    CHECK_VARIABLE,
    TIME_LIMIT_VARIABLE,
    CONFIG_VARIABLE,
];

/// Which seeds are run.
#[derive(Clone, Debug, PartialEq)]
enum Seeds {
    One(u64),
    Range(Range<u64>),
}

/// What the environment sets.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    seeds: Option<Seeds>,
    count: Option<u64>,
    pub(crate) threads: Option<usize>,
    pub(crate) replay: Option<PathBuf>,
    pub(crate) check: bool,
    /// Nanoseconds.
    time_limit: Option<u64>,
    config: Config,
    /// The variables that make a difference to each run, as a shell's command has them.
    pub(crate) of_runs: String,
}

/// That of this process.
///
/// # Panics
///
/// If there is something wrong with it.
#[track_caller]
pub(crate) fn environment() -> &'static Environment {
    static READ: OnceLock<Result<Environment, String>> = OnceLock::new();
    match READ.get_or_init(|| Environment::of(env::vars_os())) {
        Ok(environment) => environment,
        Err(error) => panic!("{error}"),
    }
}

impl Environment {
    fn of(variables: impl Iterator<Item = (OsString, OsString)>) -> Result<Self, String> {
        let mut read = Self::default();
        let ours = variables.filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            name.starts_with(PREFIX).then_some((name, value))
        });
        for (name, value) in ours {
            let wrong = |error: String| format!("{name}={}: {error}", value.to_string_lossy());
            read.read(&name, &value).map_err(wrong)?;
        }
        let contradict = |one: &str, other: &str| {
            Err(format!(
                "{one} and {other} contradict each other: set one of them"
            ))
        };
        match &read {
            Self {
                seeds: Some(Seeds::Range(_)),
                count: Some(_),
                ..
            } => contradict(SEED_VARIABLE, COUNT_VARIABLE),
            Self {
                replay: Some(_),
                seeds: Some(_),
                ..
            } => contradict(REPLAY_VARIABLE, SEED_VARIABLE),
            Self {
                replay: Some(_),
                count: Some(_),
                ..
            } => contradict(REPLAY_VARIABLE, COUNT_VARIABLE),
            _ => Ok(read),
        }
    }

    fn read(&mut self, name: &str, value: &OsString) -> Result<(), String> {
        if name == REPLAY_VARIABLE {
            self.replay = Some(value.into());
            return Ok(());
        }
        let text = value.to_str().ok_or("this is not Unicode")?.trim();
        match name {
            SEED_VARIABLE => {
                self.seeds = Some(match text.split_once("..") {
                    None => Seeds::One(number(text)?),
                    Some((start, end)) => {
                        let seeds = number(start.trim())?..number(end.trim())?;
                        if seeds.is_empty() {
                            return Err("there is no seed in that range".into());
                        }
                        Seeds::Range(seeds)
                    }
                });
            }
            COUNT_VARIABLE => match number(text)? {
                0 => return Err("a search runs one seed at least".into()),
                count => self.count = Some(count),
            },
            THREADS_VARIABLE => self.threads = Some(number(text)?),
            CHECK_VARIABLE => {
                self.check = match text {
                    "0" => false,
                    "1" => true,
                    _ => return Err("neither `0` nor `1`".into()),
                };
            }
            TIME_LIMIT_VARIABLE => {
                let limit = duration(text).ok_or("not a time, such as `90s` or `300ms`")?;
                if limit == Duration::ZERO {
                    return Err("no run takes no time".into());
                }
                self.time_limit = Some(nanos(limit));
                self.of_runs += &format!("{name}={text} ");
            }
            CONFIG_VARIABLE => {
                let text = fs::read_to_string(value).map_err(|error| format!("{error}"))?;
                self.config = text.parse()?;
                // Whoever repeats a run may be in another folder.
                let path = path::absolute(value).unwrap_or_else(|_| value.into());
                self.of_runs += &format!("{name}={} ", quoted(&path.to_string_lossy()));
            }
            _ => {
                let all = ALL.join(", ");
                return Err(format!("there is no such variable; there are {all}"));
            }
        }
        Ok(())
    }

    /// The one seed that is to be run, if there is one.
    pub(crate) fn seed(&self) -> Option<u64> {
        match (&self.seeds, self.count) {
            (Some(Seeds::One(seed)), None) => Some(*seed),
            _ => None,
        }
    }

    /// The seeds to search, in the place of the test's.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    #[track_caller]
    pub(crate) fn seeds(&self, of_test: Range<u64>) -> Range<u64> {
        let (seeds, start) = match &self.seeds {
            None => (of_test.clone(), of_test.start),
            Some(Seeds::One(seed)) => (*seed..*seed, *seed),
            Some(Seeds::Range(seeds)) => (seeds.clone(), seeds.start),
        };
        match self.count.map(|count| (count, start.checked_add(count))) {
            None => seeds,
            Some((_, Some(end))) => start..end,
            Some((count, None)) => {
                panic!("{COUNT_VARIABLE}={count}: there are not so many seeds from {start} on")
            }
        }
    }

    /// Tells, once, that a simulation is in no search, if a single run of one is asked for: with another test, as one that has
    /// no search, that would not be run, and nobody would know.
    pub(crate) fn tell_of_no_use(&self, seed: u64) {
        static TOLD: Once = Once::new();
        let variable = match (&self.replay, self.seed()) {
            (Some(_), _) => REPLAY_VARIABLE,
            (None, Some(_)) => SEED_VARIABLE,
            (None, None) => return,
        };
        TOLD.call_once(|| {
            let test = thread::current();
            let test = test.name().unwrap_or("a test");
            say(&format!(
                "{variable} is for searches: {test} runs a simulation that is in none, with its own seed, {seed}"
            ));
        });
    }

    /// Sets what is set in the place of what a test says.
    pub(crate) fn apply(&self, settings: &mut Settings) {
        if let Some(limit) = self.time_limit {
            settings.time_limit = limit;
        }
        self.config.apply(settings);
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    let error = |_| format!("not a whole number, or too large a one: {text:?}");
    text.parse().map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn of(variables: &[(&str, &str)]) -> Result<Environment, String> {
        let pair = |(name, value): &(&str, &str)| (name.into(), value.into());
        Environment::of(variables.iter().map(pair))
    }

    fn seeds(variables: &[(&str, &str)]) -> Range<u64> {
        of(variables).unwrap().seeds(100..200)
    }

    #[test]
    fn seeds_are_those_of_the_test_unless_something_is_said() {
        assert_eq!(seeds(&[("PATH", "/"), ("POLLIWOG_SOAK", "1")]), 100..200);
        assert_eq!(seeds(&[(COUNT_VARIABLE, "5")]), 100..105);
        assert_eq!(seeds(&[(SEED_VARIABLE, " 3 .. 7 ")]), 3..7);
        assert_eq!(seeds(&[(SEED_VARIABLE, "7"), (COUNT_VARIABLE, "2")]), 7..9);
        let last = u64::MAX.to_string();
        assert_eq!(
            of(&[(SEED_VARIABLE, &last)]).unwrap().seed(),
            Some(u64::MAX)
        );
        assert_eq!(
            of(&[(SEED_VARIABLE, "7"), (COUNT_VARIABLE, "1")])
                .unwrap()
                .seed(),
            None
        );
    }

    #[test]
    #[should_panic(expected = "there are not so many seeds from 100 on")]
    fn there_are_so_many_seeds() {
        seeds(&[(COUNT_VARIABLE, &u64::MAX.to_string())]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (variables, error) in [
            (
                &[(SEED_VARIABLE, "")][..],
                "POLLIWOG_SIM_SEED=: not a whole number",
            ),
            (
                &[(SEED_VARIABLE, "x")],
                "POLLIWOG_SIM_SEED=x: not a whole number",
            ),
            (
                &[(SEED_VARIABLE, "-1")],
                "POLLIWOG_SIM_SEED=-1: not a whole number",
            ),
            (
                &[(SEED_VARIABLE, "1..")],
                "POLLIWOG_SIM_SEED=1..: not a whole number",
            ),
            (
                &[(SEED_VARIABLE, "7..7")],
                "POLLIWOG_SIM_SEED=7..7: there is no seed in",
            ),
            (
                &[(SEED_VARIABLE, "9..7")],
                "POLLIWOG_SIM_SEED=9..7: there is no seed in",
            ),
            (
                &[(SEED_VARIABLE, "18446744073709551616")],
                "POLLIWOG_SIM_SEED=18446744073709551616: not",
            ),
            (
                &[(COUNT_VARIABLE, "0")],
                "POLLIWOG_SIM_COUNT=0: a search runs one seed at least",
            ),
            (
                &[(THREADS_VARIABLE, "many")],
                "POLLIWOG_SIM_THREADS=many: not a whole number",
            ),
            (
                &[(CHECK_VARIABLE, "yes")],
                "POLLIWOG_SIM_CHECK=yes: neither `0` nor `1`",
            ),
            (
                &[(TIME_LIMIT_VARIABLE, "90")],
                "POLLIWOG_SIM_TIME_LIMIT=90: not a time",
            ),
            (
                &[(TIME_LIMIT_VARIABLE, "0s")],
                "POLLIWOG_SIM_TIME_LIMIT=0s: no run takes no time",
            ),
            (
                &[(CONFIG_VARIABLE, "/no/such/file")],
                "POLLIWOG_SIM_CONFIG=/no/such/file: ",
            ),
            (
                &[("POLLIWOG_SIM_SEDE", "7")],
                "POLLIWOG_SIM_SEDE=7: there is no such variable",
            ),
            (
                &[(SEED_VARIABLE, "1..2"), (COUNT_VARIABLE, "1")],
                "POLLIWOG_SIM_SEED and POLLIWOG_SIM_COUNT contradict each other",
            ),
            (
                &[(SEED_VARIABLE, "1"), (REPLAY_VARIABLE, "/a")],
                "POLLIWOG_SIM_REPLAY and POLLIWOG_SIM_SEED contradict each other",
            ),
            (
                &[(COUNT_VARIABLE, "1"), (REPLAY_VARIABLE, "/a")],
                "POLLIWOG_SIM_REPLAY and POLLIWOG_SIM_COUNT contradict each other",
            ),
        ] {
            let told = of(variables).unwrap_err();
            assert!(told.starts_with(error), "{variables:?}: {told}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_text_is_told() {
        use std::os::unix::ffi::OsStringExt;
        let value = OsString::from_vec([b'7', 0xff].into());
        let error = Environment::of([(SEED_VARIABLE.into(), value)].into_iter()).unwrap_err();
        assert!(
            error.contains("POLLIWOG_SIM_SEED=7") && error.contains("not Unicode"),
            "{error}"
        );
    }
}
