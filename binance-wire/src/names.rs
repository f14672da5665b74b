//! The words of the venue. Each set keeps a word that it does not know in `Other`, so that the live
//! adapter survives a new one; the simulated venue never makes an `Other`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! words {
    ($($(#[$meta:meta])* $name:ident { $($(#[$word_meta:meta])* $word:ident = $text:literal,)+ })+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$word_meta])* #[doc = concat!("`", $text, "`.")] $word,)+
            /// A word that we do not know.
            Other(Box<str>),
        }

        impl $name {
            /// All words that we know.
            pub const ALL: &[$name] = &[$($name::$word),+];

            /// As Binance writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $($name::$word => $text,)+
                    $name::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> $name {
                match text {
                    $($text => $name::$word,)+
                    _ => $name::Other(text.into()),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Ok($name::from(text.as_ref()))
            }
        }

        #[cfg(test)]
        #[test]
        #[allow(non_snake_case, reason = "named after its type")]
        fn $name() {
            for word in $name::ALL {
                assert_eq!(&$name::from(word.as_str()), word);
            }
            assert_eq!($name::from("?"), $name::Other("?".into()));
        }
    )+};
}

words! {
    /// `side`.
    Side { Buy = "BUY", Sell = "SELL", }

    /// `positionSide`: `BOTH` in one-way mode, the others in hedge mode.
    PositionSide { Both = "BOTH", Long = "LONG", Short = "SHORT", }

    /// `type` and `origType` of an order.
    OrderType {
        Limit = "LIMIT",
        Market = "MARKET",
        Stop = "STOP",
        StopMarket = "STOP_MARKET",
        TakeProfit = "TAKE_PROFIT",
        TakeProfitMarket = "TAKE_PROFIT_MARKET",
        TrailingStopMarket = "TRAILING_STOP_MARKET",
        /// In streams only; REST shows the same order as LIMIT.
        Liquidation = "LIQUIDATION",
    }

    /// `timeInForce`.
    TimeInForce {
        Gtc = "GTC",
        Ioc = "IOC",
        Fok = "FOK",
        /// Post only.
        Gtx = "GTX",
        Gtd = "GTD",
        /// Post only, hidden from the books.
        Rpi = "RPI",
        /// Bound to a position: a conditional order that ends with it.
        GteGtc = "GTE_GTC",
    }

    /// `status` of an order.
    OrderStatus {
        New = "NEW",
        PartiallyFilled = "PARTIALLY_FILLED",
        Filled = "FILLED",
        Canceled = "CANCELED",
        /// In the enumeration only: a refused order answers with an error.
        Rejected = "REJECTED",
        Expired = "EXPIRED",
        /// Ended by self-trade prevention.
        ExpiredInMatch = "EXPIRED_IN_MATCH",
        /// Of older documentation: read, never sent.
        NewInsurance = "NEW_INSURANCE",
        /// Of older documentation: read, never sent.
        NewAdl = "NEW_ADL",
    }

    /// `x` of ORDER_TRADE_UPDATE.
    ExecutionType {
        New = "NEW",
        Trade = "TRADE",
        Canceled = "CANCELED",
        Expired = "EXPIRED",
        /// Liquidation by the fund, or deleveraging.
        Calculated = "CALCULATED",
        Amendment = "AMENDMENT",
    }

    /// `er` of ORDER_TRADE_UPDATE: why an order expired.
    ExpiryReason {
        /// It did not.
        None = "0",
        /// Self-trade prevention.
        SelfTrade = "1",
        /// The rest of an IOC order.
        IocRest = "2",
        /// Both.
        IocSelfTrade = "3",
        /// Knocked out by a reduce-only order of higher priority, or it would reverse the position.
        ReduceOnly = "4",
        /// The account is liquidated.
        Liquidation = "5",
        /// The position that a GTE order was bound to is gone.
        GteGone = "6",
        /// The symbol is delisted.
        Delisted = "7",
        /// Replaced by the order that its trigger made.
        Triggered = "8",
        /// The rest of a market order.
        MarketRest = "9",
    }

    /// `workingType`: which price triggers a conditional order.
    WorkingType { ContractPrice = "CONTRACT_PRICE", MarkPrice = "MARK_PRICE", }

    /// `priceMatch`.
    PriceMatch {
        None = "NONE",
        Opponent = "OPPONENT",
        Opponent5 = "OPPONENT_5",
        Opponent10 = "OPPONENT_10",
        Opponent20 = "OPPONENT_20",
        Queue = "QUEUE",
        Queue5 = "QUEUE_5",
        Queue10 = "QUEUE_10",
        Queue20 = "QUEUE_20",
    }

    /// `selfTradePreventionMode`.
    SelfTradePrevention {
        None = "NONE",
        ExpireTaker = "EXPIRE_TAKER",
        ExpireMaker = "EXPIRE_MAKER",
        ExpireBoth = "EXPIRE_BOTH",
    }

    /// `algoType`.
    AlgoType { Conditional = "CONDITIONAL", }

    /// `algoStatus`.
    AlgoStatus {
        New = "NEW",
        Triggering = "TRIGGERING",
        Triggered = "TRIGGERED",
        Finished = "FINISHED",
        Canceled = "CANCELED",
        Expired = "EXPIRED",
        Rejected = "REJECTED",
    }

    /// `marginType` as requests, symbolConfig and MARGIN_CALL write it.
    MarginType { Crossed = "CROSSED", Isolated = "ISOLATED", }

    /// `marginType` as positionRisk and ACCOUNT_UPDATE write it.
    MarginTypeLower { Cross = "cross", Isolated = "isolated", }

    /// `m` of ACCOUNT_UPDATE.
    UpdateReason {
        Deposit = "DEPOSIT",
        Withdraw = "WITHDRAW",
        Order = "ORDER",
        FundingFee = "FUNDING_FEE",
        WithdrawReject = "WITHDRAW_REJECT",
        Adjustment = "ADJUSTMENT",
        InsuranceClear = "INSURANCE_CLEAR",
        AdminDeposit = "ADMIN_DEPOSIT",
        AdminWithdraw = "ADMIN_WITHDRAW",
        MarginTransfer = "MARGIN_TRANSFER",
        MarginTypeChange = "MARGIN_TYPE_CHANGE",
        AssetTransfer = "ASSET_TRANSFER",
        OptionsPremiumFee = "OPTIONS_PREMIUM_FEE",
        OptionsSettleProfit = "OPTIONS_SETTLE_PROFIT",
        AutoExchange = "AUTO_EXCHANGE",
        CoinSwapDeposit = "COIN_SWAP_DEPOSIT",
        CoinSwapWithdraw = "COIN_SWAP_WITHDRAW",
    }

    /// `rateLimitType`.
    RateLimitType { RequestWeight = "REQUEST_WEIGHT", Orders = "ORDERS", }

    /// `interval` of a rate limit.
    RateLimitInterval { Second = "SECOND", Minute = "MINUTE", Hour = "HOUR", Day = "DAY", }

    /// `adlRisk` of a symbol.
    AdlRisk { Low = "low", Medium = "medium", High = "high", }

    /// `contractType`.
    ContractType {
        Perpetual = "PERPETUAL",
        CurrentMonth = "CURRENT_MONTH",
        NextMonth = "NEXT_MONTH",
        CurrentQuarter = "CURRENT_QUARTER",
        NextQuarter = "NEXT_QUARTER",
    }

    /// `status` of a symbol.
    SymbolStatus {
        PendingTrading = "PENDING_TRADING",
        Trading = "TRADING",
        PreDelivering = "PRE_DELIVERING",
        Delivering = "DELIVERING",
        Delivered = "DELIVERED",
        PreSettle = "PRE_SETTLE",
        Settling = "SETTLING",
        Close = "CLOSE",
    }
}
