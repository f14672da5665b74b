//! Whether a signed request arrives in time.
//!
//! Requests carry no timestamp in the port: it is the client's clock at `submit`, which is ours plus a
//! stated offset. The exchange's time is that of the arrival.

use engine::{AccountId, ExchangeError, Nanos, Request};

use crate::exchange::SimExchange;
use crate::wire::VenueError;

/// The largest recvWindow.
pub(crate) const RECV_WINDOW_MAX_MS: i64 = 60_000;
/// A client's clock may be ahead by less than this.
const AHEAD_MAX_MS: i64 = 1_000;

impl SimExchange {
    /// -1021, in both its texts. The matching engine repeats the test for orders with -5028; here a
    /// request reaches the gateway and the engine at the same instant, so that it is the gateway who
    /// refuses, and -5028 does not occur.
    pub(crate) fn check_timestamp(
        &self,
        account: AccountId,
        sent: Nanos,
        request: &Request,
    ) -> Result<(), ExchangeError> {
        // Nobody signs this one.
        if matches!(request, Request::ExchangeInfo) {
            return Ok(());
        }
        let timestamp = sent.millis().saturating_add(self.config.client_clock_offset_ms);
        let skew = self.clock_skew_ms(account, request);
        let late = self.now.millis().saturating_add(skew).saturating_sub(timestamp);
        if late <= -AHEAD_MAX_MS {
            return Err(VenueError::AheadOfServer.error());
        }
        if late > self.config.recv_window_ms {
            return Err(VenueError::OutsideRecvWindow.error());
        }
        Ok(())
    }
}
