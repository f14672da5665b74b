//! Binance's words for orders, positions and accounts, spelled as on the wire.

use serde::{Deserialize, Serialize};

/// Gives each word of an enum its text on the wire.
macro_rules! words {
    ($($(#[$meta:meta])* $name:ident { $($(#[$word_meta:meta])* $word:ident = $text:literal,)* })*) => {$(
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            schemars::JsonSchema,
        )]
        pub enum $name {
            $($(#[$word_meta])* #[serde(rename = $text)] $word,)*
        }

        impl $name {
            /// All words, in the order of their definition.
            pub const ALL: &'static [$name] = &[$($name::$word),*];

            /// As Binance spells it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$word => $text,)*
                }
            }

            /// The word that is spelled so.
            pub fn parse(text: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }
    )*};
}

words! {
    /// `side`.
    Side {
        /// Buys the base asset.
        Buy = "BUY",
        /// Sells the base asset.
        Sell = "SELL",
    }

    /// `positionSide`.
    PositionSide {
        /// The one position of one-way mode.
        Both = "BOTH",
        /// The long position of hedge mode.
        Long = "LONG",
        /// The short position of hedge mode.
        Short = "SHORT",
    }

    /// `type` of an order.
    OrderType {
        /// At the market.
        Market = "MARKET",
        /// With a limit price.
        Limit = "LIMIT",
        /// A limit order that waits for its trigger, in the direction of the order.
        Stop = "STOP",
        /// A market order that waits for its trigger, in the direction of the order.
        StopMarket = "STOP_MARKET",
        /// A limit order that waits for its trigger, against the direction of the order.
        TakeProfit = "TAKE_PROFIT",
        /// A market order that waits for its trigger, against the direction of the order.
        TakeProfitMarket = "TAKE_PROFIT_MARKET",
        /// A market order whose trigger follows the best price since its activation.
        TrailingStopMarket = "TRAILING_STOP_MARKET",
    }

    /// `timeInForce`.
    TimeInForce {
        /// Good till cancelled.
        Gtc = "GTC",
        /// Immediate or cancel.
        Ioc = "IOC",
        /// Fill or kill.
        Fok = "FOK",
        /// Good till crossing: post only.
        Gtx = "GTX",
        /// Good till date.
        Gtd = "GTD",
        /// Good till cancelled, or till the position is gone that the order is bound to: of conditional orders.
        GteGtc = "GTE_GTC",
    }

    /// `status` of an order.
    OrderStatus {
        /// Accepted, nothing filled.
        New = "NEW",
        /// Some of it filled.
        PartiallyFilled = "PARTIALLY_FILLED",
        /// All of it filled.
        Filled = "FILLED",
        /// Cancelled by its owner.
        Canceled = "CANCELED",
        /// Ended by the exchange.
        Expired = "EXPIRED",
        /// Ended by self-trade prevention.
        ExpiredInMatch = "EXPIRED_IN_MATCH",
    }

    /// `x` of ORDER_TRADE_UPDATE: what has just happened to the order.
    ExecutionType {
        /// It was accepted.
        New = "NEW",
        /// It was filled, in part or whole.
        Trade = "TRADE",
        /// Its owner cancelled it.
        Canceled = "CANCELED",
        /// The exchange ended it.
        Expired = "EXPIRED",
        /// Insurance fund or deleveraging took it over.
        Calculated = "CALCULATED",
        /// Its owner changed it.
        Amendment = "AMENDMENT",
    }

    /// `workingType`: which price a trigger looks at.
    WorkingType {
        /// Last trade.
        ContractPrice = "CONTRACT_PRICE",
        /// Mark price.
        MarkPrice = "MARK_PRICE",
    }

    /// `priceMatch`: the level from which an order takes its price at arrival.
    PriceMatch {
        /// None: the order states its price.
        None = "NONE",
        /// Best price of the other side.
        Opponent = "OPPONENT",
        /// Its fifth level.
        Opponent5 = "OPPONENT_5",
        /// Its tenth level.
        Opponent10 = "OPPONENT_10",
        /// Its twentieth level.
        Opponent20 = "OPPONENT_20",
        /// Best price of the own side.
        Queue = "QUEUE",
        /// Its fifth level.
        Queue5 = "QUEUE_5",
        /// Its tenth level.
        Queue10 = "QUEUE_10",
        /// Its twentieth level.
        Queue20 = "QUEUE_20",
    }

    /// `selfTradePreventionMode`; the taker's decides.
    SelfTradePrevention {
        /// Both may trade.
        None = "NONE",
        /// What is left of the taker ends.
        ExpireTaker = "EXPIRE_TAKER",
        /// The maker ends.
        ExpireMaker = "EXPIRE_MAKER",
        /// Both end.
        ExpireBoth = "EXPIRE_BOTH",
    }

    /// `marginType`.
    MarginType {
        /// All cross positions share the wallet.
        Crossed = "CROSSED",
        /// A position has a wallet of its own.
        Isolated = "ISOLATED",
    }

    /// `algoStatus` of a conditional order.
    AlgoStatus {
        /// It waits for its trigger.
        New = "NEW",
        /// The trigger was reached.
        Triggering = "TRIGGERING",
        /// Its order has been placed.
        Triggered = "TRIGGERED",
        /// Its order is over.
        Finished = "FINISHED",
        /// Its owner cancelled it.
        Canceled = "CANCELED",
        /// The exchange ended it.
        Expired = "EXPIRED",
        /// Its order was refused.
        Rejected = "REJECTED",
    }

    /// `m` of ACCOUNT_UPDATE.
    AccountUpdateReason {
        /// A fill.
        Order = "ORDER",
        /// Funding.
        FundingFee = "FUNDING_FEE",
        /// A transfer in.
        Deposit = "DEPOSIT",
        /// A transfer out.
        Withdraw = "WITHDRAW",
        /// Liquidation fee and top-up.
        InsuranceClear = "INSURANCE_CLEAR",
        /// Margin went into an isolated position or out of it.
        MarginTransfer = "MARGIN_TRANSFER",
        /// A symbol's margin type was changed.
        MarginTypeChange = "MARGIN_TYPE_CHANGE",
        /// The venue changed a balance, as a testnet reset does.
        Adjustment = "ADJUSTMENT",
        /// Collateral was exchanged in multi-assets mode.
        AutoExchange = "AUTO_EXCHANGE",
    }
}

impl Side {
    /// +1 for a buy, -1 for a sell.
    pub const fn sign(self) -> i64 {
        match self {
            Side::Buy => 1,
            Side::Sell => -1,
        }
    }

    /// The other side.
    pub const fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }
}

impl OrderType {
    /// It waits for a trigger.
    pub const fn is_conditional(self) -> bool {
        !matches!(self, OrderType::Market | OrderType::Limit)
    }

    /// It has a limit price, before or after its trigger.
    pub const fn has_price(self) -> bool {
        matches!(self, OrderType::Limit | OrderType::Stop | OrderType::TakeProfit)
    }
}

impl OrderStatus {
    /// Nothing more will happen to the order.
    pub const fn is_terminal(self) -> bool {
        !matches!(self, OrderStatus::New | OrderStatus::PartiallyFilled)
    }
}

impl AlgoStatus {
    /// It still waits for its trigger.
    pub const fn is_open(self) -> bool {
        matches!(self, AlgoStatus::New)
    }
}

/// `er` of ORDER_TRADE_UPDATE: why the exchange ended an order.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[repr(u8)]
pub enum ExpiryReason {
    /// It did not.
    #[default]
    None = 0,
    /// Self-trade prevention.
    SelfTrade = 1,
    /// An IOC order is not filled completely.
    IocRest = 2,
    /// Self-trade prevention ended an IOC order.
    IocSelfTrade = 3,
    /// A reduce-only order of higher priority has closed the position, or this one would reverse it.
    ReduceOnlyKnockedOut = 4,
    /// The account is being liquidated.
    Liquidation = 5,
    /// The position that it was bound to is gone.
    ConditionGone = 6,
    /// The symbol was delisted.
    Delisted = 7,
    /// The order that its trigger placed has replaced it.
    Triggered = 8,
    /// A market order is not filled completely.
    MarketRest = 9,
}
