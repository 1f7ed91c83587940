//! "Did you mean": the nearest word that would have been right.

/// `; did you mean "WORD"?` with the candidate next to `word`, or nothing if none is near.
pub(super) fn did_you_mean<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> String {
    // A third of the letters may be wrong: "maxretyr", "bantmie", but not "foo" for "mode".
    let allowed = (word.chars().count() / 3).max(1);
    let word = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| format!("; did you mean \"{candidate}\"?"))
        .unwrap_or_default()
}

/// How many letters have to be changed, with two swapped ones as a single change.
fn distance(word: &str, candidate: &str) -> usize {
    strsim::osa_distance(word, &candidate.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_meant_if_it_is_near_enough() {
        let keys = ["maxretry", "findtime", "bantime", "ports", "mode"];
        for (word, meant) in [
            ("maxretyr", "; did you mean \"maxretry\"?"),
            ("MaxRetry", "; did you mean \"maxretry\"?"),
            ("bantme", "; did you mean \"bantime\"?"),
            ("port", "; did you mean \"ports\"?"),
            ("colour", ""),
            ("", ""),
        ] {
            assert_eq!(did_you_mean(word, keys), meant, "{word}");
        }
    }
}
