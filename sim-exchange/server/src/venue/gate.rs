//! The limits as a server keeps them: weight, refusals and bans per IP, orders per account. The rules are the
//! exchange's own (`sim_exchange::LimitUsage`); the exchange itself only counts from then on.
//!
//! Invariant: of an account only its orders are kept, so that who is refused or banned is always an IP.

use std::collections::BTreeMap;
use std::net::IpAddr;

use engine::{AccountId, Nanos};
use sim_exchange::{ForcedLimit, LimitUsage, LimitsConfig, RequestCost, UsedLimits};

use crate::http::Failure;

/// More IPs than these are not remembered at once.
const IPS_MAX: usize = 10_000;

/// Who has used how much.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    pub(crate) limits: LimitsConfig,
    ips: BTreeMap<IpAddr, LimitUsage>,
    accounts: Vec<LimitUsage>,
}

impl Gate {
    pub(crate) fn new(limits: LimitsConfig, accounts: usize) -> Gate {
        Gate { limits, ips: BTreeMap::new(), accounts: vec![LimitUsage::default(); accounts] }
    }

    fn ip(&mut self, ip: IpAddr, now: Nanos) -> (&mut LimitUsage, &LimitsConfig) {
        if self.ips.len() >= IPS_MAX && !self.ips.contains_key(&ip) {
            self.ips.retain(|_, usage| usage.retry_after_s(now).is_some());
        }
        (self.ips.entry(ip).or_default(), &self.limits)
    }

    /// Charges an IP; refuses with 429 or 418.
    pub(crate) fn weigh(&mut self, ip: IpAddr, weight: u32, now: Nanos) -> Result<(), Failure> {
        let (usage, limits) = self.ip(ip, now);
        Ok(usage.weigh(RequestCost::weight(weight), now, limits)?)
    }

    /// Counts a request of `fundingRate` or `fundingInfo`; refuses with 429 or 418.
    pub(crate) fn count_funding(&mut self, ip: IpAddr, now: Nanos) -> Result<(), Failure> {
        let (usage, limits) = self.ip(ip, now);
        Ok(usage.count_funding(now, limits)?)
    }

    /// Counts orders of an account; refuses its IP with 429 or 418.
    pub(crate) fn count_orders(
        &mut self,
        ip: IpAddr,
        account: AccountId,
        cost: RequestCost,
        now: Nanos,
    ) -> Result<(), Failure> {
        let Some(usage) = self.accounts.get_mut(usize::from(account.0)) else { return Ok(()) };
        match usage.take_orders(cost, now, &self.limits) {
            None => Ok(()),
            Some(limit) => Err(self.force(ip, limit, now)),
        }
    }

    /// Refuses a request of an IP that is over a limit, or as if it were.
    pub(crate) fn force(&mut self, ip: IpAddr, limit: ForcedLimit, now: Nanos) -> Failure {
        let (usage, limits) = self.ip(ip, now);
        usage.force(limit, now, limits).into()
    }

    /// Bans an IP, until an instant or for the length of its next ban.
    pub(crate) fn ban(&mut self, ip: IpAddr, until: Option<Nanos>, now: Nanos) {
        let (usage, limits) = self.ip(ip, now);
        usage.ban(now, until, limits);
    }

    /// Everybody begins anew.
    pub(crate) fn forgive(&mut self) {
        self.ips.clear();
        self.accounts.iter_mut().for_each(|usage| *usage = LimitUsage::default());
    }

    /// Weight of an IP, and orders of an account.
    pub(crate) fn used(&self, ip: IpAddr, account: Option<AccountId>, now: Nanos) -> UsedLimits {
        let weight_1m = self.ips.get(&ip).map_or(0, |usage| usage.used(now).weight_1m);
        let account = account.and_then(|account| self.accounts.get(usize::from(account.0)));
        let orders = account.map(|usage| usage.used(now)).unwrap_or_default();
        UsedLimits { weight_1m, ..orders }
    }

    /// Seconds after which an IP may try again.
    pub(crate) fn retry_after_s(&self, ip: IpAddr, now: Nanos) -> Option<i64> {
        self.ips.get(&ip)?.retry_after_s(now)
    }
}
