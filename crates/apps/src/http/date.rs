//! Dates as HTTP writes them (RFC 9110 5.6.7).

use std::time::Duration;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The time so long after the Unix epoch, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn imf_fixdate(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs();
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        DAYS[(days % 7) as usize],
        MONTHS[month as usize - 1],
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

/// The same to the minute, for people: `1994-11-06 08:49`.
pub(super) fn iso_minutes(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let of_day = seconds % 86_400;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", of_day / 3600, of_day / 60 % 60)
}

/// Year, month (1 to 12) and day of the Gregorian calendar, `days` after 1 January 1970.
///
/// Years are counted from March, so that the leap day is the last of its year: day 0 of an era of 400 years
/// (146,097 days) is 1 March. Day 719,468 after 1 March of year 0 is the Unix epoch.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_example_of_the_rfc() {
        assert_eq!(imf_fixdate(Duration::from_secs(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(iso_minutes(Duration::from_secs(784_111_777)), "1994-11-06 08:49");
    }

    #[test]
    fn knows_leap_days_and_the_epoch() {
        assert_eq!(imf_fixdate(Duration::ZERO), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(imf_fixdate(Duration::from_secs(951_782_400)), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(imf_fixdate(Duration::from_secs(4_107_542_400)), "Mon, 01 Mar 2100 00:00:00 GMT");
    }
}
