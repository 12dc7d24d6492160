//! Points and spans of time, `datetime64` and `timedelta64`.

use crate::dtype::DType;

/// NumPy's unit numbers, as in the low 8 bits of [`DType::detail`].
mod unit {
    pub const YEAR: u8 = 0;
    pub const MONTH: u8 = 1;
    pub const WEEK: u8 = 2;
    pub const DAY: u8 = 4;
    pub const HOUR: u8 = 5;
    pub const MINUTE: u8 = 6;
    pub const SECOND: u8 = 7;
    pub const ATTOSECOND: u8 = 13;
}

/// One word for each value of the type `dtype`, a datetime or timedelta.
pub fn words(dtype: DType, values: &[i64]) -> Vec<String> {
    let text = |&value: &i64| match value {
        i64::MIN => "'NaT'".into(),
        _ if dtype.kind == b'm' => value.to_string(),
        _ => point(value, dtype.detail as u8, dtype.detail >> 8),
    };
    super::items::align_right(values.iter().map(text).collect())
}

/// A point in time in ISO 8601, as far as its unit goes; a plain integer without a unit.
fn point(value: i64, base: u8, count: u64) -> String {
    let ticks = i128::from(value) * i128::from(count);
    let iso = match base {
        unit::YEAR => format!("{:04}", 1970 + ticks),
        unit::MONTH => format!("{:04}-{:02}", 1970 + ticks.div_euclid(12), ticks.rem_euclid(12) + 1),
        unit::WEEK => date(ticks * 7),
        unit::DAY => date(ticks),
        unit::HOUR..=unit::ATTOSECOND => date_and_time(ticks, base),
        _ => return value.to_string(),
    };
    format!("'{iso}'")
}

fn date_and_time(ticks: i128, base: u8) -> String {
    let fraction_digits = 3 * u32::from(base.saturating_sub(unit::SECOND));
    let per_second = 10i128.pow(fraction_digits);
    let (seconds, fraction) = match base {
        unit::HOUR => (ticks * 3600, 0),
        unit::MINUTE => (ticks * 60, 0),
        _ => (ticks.div_euclid(per_second), ticks.rem_euclid(per_second)),
    };
    let (day, second) = (seconds.div_euclid(86400), seconds.rem_euclid(86400));
    let mut text = format!("{}T{:02}", date(day), second / 3600);
    if base >= unit::MINUTE {
        text += &format!(":{:02}", second / 60 % 60);
    }
    if base >= unit::SECOND {
        text += &format!(":{:02}", second % 60);
    }
    if base > unit::SECOND {
        text += &format!(".{fraction:00$}", fraction_digits as usize);
    }
    text
}

/// The day so many days after 1 January 1970, in the Gregorian calendar extended both ways.
fn date(days: i128) -> String {
    // Years from March on, so that the leap day comes last; eras of 400 years, which all have the same days.
    let day = days + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + next_year)
}
