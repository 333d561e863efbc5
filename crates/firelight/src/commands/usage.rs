//! `firelight usage`: what was metered in a month, and what it would have cost on AWS.

use serde::Deserialize;
use serde_json::{Value, json};

use super::list::size;
use crate::args::UsageArgs;
use crate::billing::{FunctionUsage, MonthUsage, PRICES, UsageRow, by_function, total};
use crate::client::Client;
use crate::failure::{Exit, Failure, Outcome};
use crate::terminal::{Terminal, table};

pub async fn run(client: &Client, args: &UsageArgs, terminal: &Terminal) -> Outcome {
    let month = month(args)?;
    let answer = client
        .usage(&month)
        .await
        .map_err(|error| error.while_doing(format!("could not read the usage of {month}")))?;
    let functions = by_function(&rows(&answer)?, &PRICES);
    let total = total(&functions, &PRICES);
    terminal.result(&document(&month, &functions, &total), || {
        text(&month, &functions, &total)
    })?;
    Ok(Exit::Success)
}

fn month(args: &UsageArgs) -> Result<String, Failure> {
    let Some(month) = &args.month else {
        return Ok(jiff::Zoned::now()
            .with_time_zone(jiff::tz::TimeZone::UTC)
            .strftime("%Y-%m")
            .to_string());
    };
    let is_month = jiff::civil::Date::strptime("%Y-%m-%d", format!("{month}-01")).is_ok();
    is_month.then(|| month.clone()).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("{month:?} is not a month"))
            .with_remedy("write it like 2026-11")
    })
}

fn rows(answer: &Value) -> Result<Vec<UsageRow>, Failure> {
    Vec::<UsageRow>::deserialize(answer)
        .map_err(|error| Failure::because(Exit::Failure, "could not read the meter's rows", &error))
}

fn document(month: &str, functions: &[FunctionUsage], total: &MonthUsage) -> Value {
    json!({
        "month": month,
        "functions": functions,
        "total": total,
        "prices": { "region": PRICES.region, "date": PRICES.date },
    })
}

fn text(month: &str, functions: &[FunctionUsage], total: &MonthUsage) -> String {
    if functions.is_empty() {
        return format!("nothing was invoked in {month}\n");
    }
    let rows: Vec<_> = functions.iter().map(row).collect();
    let heading = [
        "FUNCTION",
        "ARCHITECTURE",
        "REQUESTS",
        "ERRORS",
        "COLD STARTS",
        "BILLED MS",
        "INIT MS",
        "GB-S",
        "SENT",
        "RECEIVED",
        "ON AWS",
    ];
    format!(
        "{}\n{month}: {} requests, {} ms billed, {:.3} GB-s. On AWS ({}, prices of {}): {}, \
         after the free tier {}\n",
        table(heading, &rows),
        total.requests,
        total.billed_ms,
        total.gb_seconds,
        PRICES.region,
        PRICES.date,
        usd(total.aws_usd),
        usd(total.aws_usd_after_free_tier),
    )
}

fn row(usage: &FunctionUsage) -> [String; 11] {
    [
        usage.function.clone(),
        usage.architecture.clone(),
        usage.requests.to_string(),
        usage.errors.to_string(),
        usage.cold_starts.to_string(),
        usage.billed_ms.to_string(),
        usage.init_ms.to_string(),
        format!("{:.3}", usage.gb_seconds),
        size(usage.sent_bytes),
        size(usage.received_bytes),
        usd(usage.aws_usd),
    ]
}

/// Small sums get the digits that make them visible.
fn usd(amount: f64) -> String {
    if amount > 0.0 && amount < 0.01 {
        format!("${amount:.8}")
    } else {
        format!("${amount:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(month: &str) -> UsageArgs {
        UsageArgs {
            month: Some(month.to_owned()),
        }
    }

    #[test]
    fn a_month_is_checked_before_anyone_is_asked() {
        assert_eq!(month(&args("2026-11")).unwrap(), "2026-11");
        assert_eq!(month(&args("2026-13")).unwrap_err().exit, Exit::Usage);
        assert_eq!(month(&args("November")).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn small_sums_stay_visible() {
        assert_eq!(
            [usd(0.0), usd(0.000_000_4), usd(16.867)],
            ["$0.00", "$0.00000040", "$16.87"]
        );
    }
}
