//! Binance's codes, texts and statuses: the documentation's, or the live ones where they are known and
//! differ. A text that no public page completes is not here.

use super::ErrorRow;

macro_rules! venue_errors {
    ($($name:ident $code:literal $http:literal $text:literal;)+) => {
        /// Every refusal of the venue, by what it is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum VenueError {
            $(#[doc = concat!("`", stringify!($code), "` ", $text)] $name,)+
        }

        impl VenueError {
            /// All of them, by code.
            pub const ALL: &[VenueError] = &[$(VenueError::$name),+];

            /// Its code, status and text.
            pub const fn row(self) -> ErrorRow {
                match self {
                    $(VenueError::$name => ErrorRow { code: $code, http: $http, text: $text },)+
                }
            }
        }
    };
}

venue_errors! {
    Unknown -1000 400 "An unknown error occured while processing the request.";
    Disconnected -1001 400 "Internal error; unable to process your request. Please try again.";
    TooManyRequests -1003 429 "Too many requests; current limit is %s requests per minute. Please use the websocket for live updates to avoid polling the API.";
    IpBanned -1003 418 "Way too many requests; IP banned until %s.";
    Timeout -1007 408 "Timeout waiting for response from backend server. Send status unknown; execution status unknown.";
    Throttled -1008 503 "Request throttled by system-level protection. Reduce-only/close-position orders are exempt. Please try again.";
    InvalidMessage -1013 400 "INVALID_MESSAGE";
    UnknownOrderComposition -1014 400 "Unsupported order combination.";
    TooManyOrders -1015 429 "Too many new orders; current limit is %s orders per %s.";
    OutsideRecvWindow -1021 400 "Timestamp for this request is outside of the recvWindow.";
    AheadOfServer -1021 400 "Timestamp for this request was 1000ms ahead of the server's time.";
    InvalidSignature -1022 400 "Signature for this request is not valid.";
    IllegalChars -1100 400 "Illegal characters found in parameter '%s'; legal range is '%s'.";
    TooManyParameters -1101 400 "Too many parameters sent for this endpoint.";
    TooManyParametersCounted -1101 400 "Too many parameters; expected '%s' and received '%s'.";
    DuplicateParameter -1101 400 "Duplicate values for a parameter detected.";
    MandatoryParameter -1102 400 "Mandatory parameter '%s' was not sent, was empty/null, or malformed.";
    EitherParameter -1102 400 "Param '%s' or '%s' must be sent, but both were empty/null!";
    UnreadParameters -1104 400 "Not all sent parameters were read.";
    UnreadParametersCounted -1104 400 "Not all sent parameters were read; read '%s' parameter(s) but was sent '%s'.";
    ParameterEmpty -1105 400 "Parameter '%s' was empty.";
    ParameterNotRequired -1106 400 "Parameter '%s' sent when not required.";
    BadPrecision -1111 400 "Precision is over the maximum defined for this asset.";
    NoDepth -1112 400 "No orders on book for symbol.";
    InvalidTimeInForce -1115 400 "Invalid timeInForce.";
    InvalidOrderType -1116 400 "Invalid orderType.";
    InvalidSide -1117 400 "Invalid side.";
    InvalidInterval -1120 400 "Invalid interval.";
    InvalidSymbol -1121 400 "Invalid symbol.";
    InvalidSymbolStatus -1122 400 "Invalid symbol status.";
    NoListenKey -1125 400 "This listenKey does not exist.";
    MoreThanHours -1127 400 "More than %s hours between startTime and endTime.";
    BadCombination -1128 400 "Combination of optional parameters invalid.";
    InvalidParameter -1130 400 "Data sent for parameter '%s' is not valid.";
    InvalidNewOrderRespType -1136 400 "Invalid newOrderRespType.";

    NewOrderRejected -2010 400 "NEW_ORDER_REJECTED";
    UnknownOrder -2011 400 "Unknown order sent.";
    BatchCancelFailure -2012 400 "Batch cancel failure.";
    NoSuchOrder -2013 400 "Order does not exist.";
    BadApiKeyFormat -2014 401 "API-key format invalid.";
    RejectedApiKey -2015 401 "Invalid API-key, IP, or permissions for action.";
    BalanceNotSufficient -2018 400 "Balance is insufficient.";
    MarginNotSufficient -2019 400 "Margin is insufficient.";
    UnableToFill -2020 400 "Unable to fill.";
    WouldImmediatelyTrigger -2021 400 "Order would immediately trigger.";
    ReduceOnlyRejected -2022 400 "ReduceOnly Order is rejected.";
    UserInLiquidation -2023 400 "User in liquidation mode now.";
    PositionNotSufficient -2024 400 "Position is not sufficient.";
    MaxOpenOrders -2025 400 "Reach max open order limit.";
    ReduceOnlyOrderType -2026 400 "This OrderType is not supported when reduceOnly.";
    MaxPositionAtLeverage -2027 400 "Exceeded the maximum allowable position at current leverage.";
    LeverageTooSmall -2028 400 "Leverage is smaller than permitted: insufficient margin balance.";

    PriceLessThanZero -4001 400 "Price less than 0.";
    PriceAboveMax -4002 400 "Price greater than max price.";
    QuantityLessThanZero -4003 400 "Quantity less than zero.";
    QuantityNotPositive -4003 400 "Quantity less than or equal to zero.";
    QuantityBelowMin -4004 400 "Quantity less than min quantity.";
    QuantityAboveMax -4005 400 "Quantity greater than max quantity.";
    PriceBelowMin -4013 400 "Price less than min price.";
    PriceOffTick -4014 400 "Price not increased by tick size.";
    InvalidClientOrderId -4015 400 "Client order id is not valid.";
    ClientOrderIdTooLong -4015 400 "Client order id length should not be more than 36 chars";
    PriceAboveMultiplierUp -4016 400 "Price is higher than mark price multiplier cap.";
    InvalidDepthLimit -4021 400 "%s is not valid depth limit";
    QuantityOffStep -4023 400 "Qty not increased by step size.";
    PriceBelowMultiplierDown -4024 400 "Price is lower than mark price multiplier floor.";
    InvalidLeverage -4028 400 "Leverage %s is not valid";
    ExceedMaxCancelOrders -4032 400 "Exceed maximum cancel order size.";
    MaxStopOrders -4045 400 "Reach max stop order limit.";
    SameMarginType -4046 400 "No need to change margin type.";
    MarginTypeWithOrders -4047 400 "Margin type cannot be changed if there exists open orders.";
    MarginTypeWithPosition -4048 400 "Margin type cannot be changed if there exists position.";
    AddMarginToCross -4049 400 "Add margin only support for isolated position.";
    CrossBalanceInsufficient -4050 400 "Cross balance insufficient.";
    IsolatedBalanceInsufficient -4051 400 "Isolated balance insufficient.";
    AddMarginWithoutPosition -4054 400 "Cannot add position margin: position is 0.";
    AmountNotPositive -4055 400 "Amount must be positive.";
    SamePositionMode -4059 400 "No need to change position side.";
    InvalidPositionSide -4060 400 "Invalid position side.";
    PositionSideNotMatch -4061 400 "Order's position side does not match user's setting.";
    ReduceOnlyConflict -4062 400 "Invalid or improper reduceOnly value.";
    PositionModeWithOrders -4067 400 "Position side cannot be changed if there exists open orders.";
    PositionModeWithPosition -4068 400 "Position side cannot be changed if there exists position.";
    InvalidBatchSize -4082 400 "Invalid number of batch place orders.";
    ReduceOnlyPermission -4087 400 "User can only place reduce only order";
    NoOrderPermission -4088 400 "User can not place order currently";
    InactiveAccount -4109 400 "Inactive account";
    DuplicateClientOrderId -4116 400 "clientOrderId is duplicated";
    StopOrderTriggering -4117 400 "stop order is triggering";
    ReduceOnlyFailed -4118 400 "ReduceOnly Order Failed. Please check your existing position and open orders";
    UseAlgoService -4120 400 "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.";
    ClosePositionExists -4130 400 "An open stop or take profit order with GTE and closePosition in the direction is existing.";
    MarketOrderRejected -4131 400 "The counterparty's best price does not meet the PERCENT_PRICE filter limit";
    InvalidActivationPrice -4135 400 "Invalid activation price";
    QuantityWithClosePosition -4137 400 "Quantity must be zero with closePosition equals true";
    ReduceOnlyMustBeTrue -4138 400 "Reduce only must be true with closePosition equals true";
    StatusForbidsOpening -4140 400 "Invalid symbol status for opening position";
    SymbolClosed -4141 400 "Symbol is closed";
    StrategyTriggersImmediately -4142 400 "REJECT: take profit or stop order will be triggered immediately";
    IsolatedLeverageReduction -4161 400 "Leverage reduction is not supported in Isolated Margin Mode with open positions";
    MinNotional -4164 400 "Order's notional must be no smaller than %s (unless you choose reduce only)";
    MaxTimeInterval -4165 400 "Maximum time interval is %s days";
    MultiAssetsWithIsolated -4167 400 "Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures under isolated-margin mode.";
    IsolatedUnderMultiAssets -4168 400 "Unable to adjust to isolated-margin mode under the Multi-Assets mode.";
    MultiAssetsMarginShort -4169 400 "Unable to adjust Multi-Assets Mode with insufficient margin balance in USDⓈ-M Futures.";
    MultiAssetsWithOrders -4170 400 "Unable to adjust Multi-Assets Mode with open orders in USDⓈ-M Futures.";
    SameMultiAssetsMode -4171 400 "Adjusted asset mode is currently set and does not need to be adjusted repeatedly.";
    MultiAssetsNegativeBalance -4172 400 "Unable to adjust Multi-Assets Mode with a negative wallet balance of margin available asset in USDⓈ-M Futures account.";
    LimitAboveStopMultiplier -4183 400 "Limit price can't be higher than %s.";
    LimitBelowStopMultiplier -4184 400 "Limit price can't be lower than %s.";
    StopAboveMultiplier -4210 400 "Stop price can't be higher than %s";
    StopBelowMultiplier -4211 400 "Stop price can't be lower than %s";
    QuantitativeRules -4400 400 "Futures Trading Quantitative Rules violated, only reduceOnly order is allowed, please try again later.";
    LargePositionRules -4401 400 "Futures Trading Risk Control Rules of large position holding violated, only reduceOnly order is allowed, please reduce the position.";

    UnknownPath -5000 404 "Path %s, Method %s is invalid";
    FokRejected -5021 400 "Due to the order could not be filled immediately, the FOK order has been rejected.";
    GtxRejected -5022 400 "Due to the order could not be executed as maker, the Post Only order will be rejected.";
    AmendNotTrading -5024 400 "Symbol is not in trading status. Order amendment is not permitted.";
    AmendLimitOnly -5025 400 "Only limit order is supported.";
    AmendTooOften -5026 400 "Exceed maximum modify order limit.";
    AmendSame -5027 400 "No need to modify the order.";
    OutsideEngineRecvWindow -5028 400 "Timestamp for this request is outside of the ME recvWindow.";
    AmendMinNotional -5029 400 "Order's notional must be no smaller than %s";
    InvalidPriceMatch -5037 400 "Invalid price match";
    PriceMatchOrderType -5038 400 "Price match only supports order type: LIMIT, STOP AND TAKE_PROFIT";
    InvalidSelfTradePrevention -5039 400 "Invalid self trade prevention mode";
    BadGoodTillDate -5040 400 "The goodTillDate timestamp must be greater than the current time plus 600 seconds and smaller than 253402300799000";
    NoPriceMatchDepth -5041 400 "No depth matches this BBO order";
    AmendPending -5043 400 "A pending modification already exists for this order.";
}
