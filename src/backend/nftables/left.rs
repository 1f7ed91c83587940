//! How much time a ban has left, as the kernel is told.

use crate::model::Time;

/// The kernel refuses timeouts whose nanoseconds do not fit into 64 bits (`nf_msecs_to_jiffies64`);
/// that is 584 years, and so is as good as forever.
const LONGEST_MILLIS: u64 = u64::MAX / 1_000_000 - 1;

/// How much time a ban has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    Millis(u64),
    Forever,
}

impl Left {
    /// Rounded up, so that a ban never ends in the kernel before it ends for us.
    pub fn of(until: Option<Time>, now: Time) -> Self {
        let Some(until) = until else {
            return Self::Forever;
        };
        match until
            .as_micros()
            .saturating_sub(now.as_micros())
            .div_ceil(1000)
        {
            0 => Self::Nothing,
            millis if millis > LONGEST_MILLIS => Self::Forever,
            millis => Self::Millis(millis),
        }
    }

    /// The timeout of an element, if there is to be one.
    #[expect(
        clippy::option_option,
        reason = "the inner one is the kernel's: an element without a timeout stays"
    )]
    pub fn timeout(self) -> Option<Option<u64>> {
        match self {
            Self::Nothing => None,
            Self::Millis(millis) => Some(Some(millis)),
            Self::Forever => Some(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_rounded_up_and_fits_the_kernel() {
        let left = |micros| Left::of(Some(Time::from_micros(micros)), Time::EPOCH);
        assert_eq!(left(0), Left::Nothing);
        assert_eq!(left(1), Left::Millis(1));
        assert_eq!(left(1_000_001), Left::Millis(1001));
        assert_eq!(left(u64::MAX), Left::Forever);
    }
}
