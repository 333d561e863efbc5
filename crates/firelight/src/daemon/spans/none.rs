//! What stands for the export in a build that sends no spans.

use firelight_api::deliver::NoTls;
use firelight_invoke::SpanSink;

use crate::config::TracesConfig;
use crate::daemon::admin::SpanTotals;

pub struct Spans;

impl Spans {
    #[expect(clippy::unnecessary_wraps, reason = "the other build may lack TLS")]
    pub fn start(_config: Option<&TracesConfig>) -> Result<Self, NoTls> {
        Ok(Self)
    }

    #[expect(clippy::unused_self, reason = "the other build has one")]
    pub fn sink(&self) -> Option<SpanSink> {
        None
    }

    #[expect(clippy::unused_self, reason = "the other build has some")]
    pub fn totals(&self) -> Option<SpanTotals> {
        None
    }

    #[expect(clippy::unused_async, reason = "the other build sends the last ones")]
    pub async fn close(self) {}
}
