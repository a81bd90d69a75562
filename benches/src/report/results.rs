//! What has been measured.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::meter::median;

/// Values by benchmark, runtime and figure; one value per round.
#[derive(Default)]
pub struct Results(BTreeMap<(String, String, String), Vec<f64>>);

/// A figure over all rounds.
#[derive(Clone, Copy)]
pub struct Summary {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Results {
    pub fn add(&mut self, benchmark: &str, runtime: &str, figures: BTreeMap<String, f64>) {
        for (figure, value) in figures {
            let key = (benchmark.to_string(), runtime.to_string(), figure);
            self.0.entry(key).or_default().push(value);
        }
    }

    pub fn get(&self, benchmark: &str, runtime: &str, figure: &str) -> Option<Summary> {
        let key = (
            benchmark.to_string(),
            runtime.to_string(),
            figure.to_string(),
        );
        summary(self.0.get(&key)?)
    }

    /// What [`Self::to_tsv`] has written, as far as that goes: of all rounds the median, the least and the most.
    pub fn from_tsv(text: &str) -> Option<Self> {
        let mut results = Self::default();
        for line in text.lines().skip(1) {
            let [benchmark, runtime, figure, _, median, least, most] =
                line.split('\t').collect::<Vec<_>>().try_into().ok()?;
            let values = [least, median, most].map(|value| value.parse().ok());
            let [Some(least), Some(median), Some(most)] = values else {
                return None;
            };
            let key = [benchmark, runtime, figure].map(str::to_string);
            results.0.insert(key.into(), vec![least, median, most]);
        }
        Some(results)
    }

    /// All of it, for other programs.
    pub fn to_tsv(&self) -> String {
        let mut text = "benchmark\truntime\tfigure\trounds\tmedian\tleast\tmost\n".to_string();
        for ((benchmark, runtime, figure), values) in &self.0 {
            if let Some(s) = summary(values) {
                let _ = writeln!(
                    text,
                    "{benchmark}\t{runtime}\t{figure}\t{}\t{:.3}\t{:.3}\t{:.3}",
                    values.len(),
                    s.median,
                    s.least,
                    s.most
                );
            }
        }
        text
    }
}

fn summary(values: &[f64]) -> Option<Summary> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(Summary {
        median: median(&sorted),
        least: *sorted.first()?,
        most: *sorted.last()?,
    })
}

impl Summary {
    /// Whether single rounds were so far off that their distance says nothing about the others.
    pub fn is_lopsided(self) -> bool {
        self.spread() > 0.25
    }

    /// Half the way from the least to the most, as a share of the median.
    pub fn spread(self) -> f64 {
        if self.median == 0.0 {
            0.0
        } else {
            (self.most - self.least) / 2.0 / self.median
        }
    }
}
