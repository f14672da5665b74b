//! Answers and refusals.

use engine::ExchangeError;
use sim_exchange::wire::VenueError;

/// The JSON of a good answer.
pub type Reply = Vec<u8>;

/// A request that is refused: Binance's code and text, with the status of HTTP.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{http}: {error}")]
pub struct Failure {
    /// The status of HTTP.
    pub http: u16,
    /// Code and text.
    pub error: ExchangeError,
}

impl Failure {
    /// A refusal that needs no names.
    pub fn of(error: VenueError) -> Failure {
        Failure { http: error.row().http, error: error.error() }
    }

    /// -1102 of a parameter.
    pub fn missing(name: &str) -> Failure {
        VenueError::MandatoryParameter.naming(&[&name]).into()
    }
}

impl From<ExchangeError> for Failure {
    /// With the status that the table has for the code and its text.
    fn from(error: ExchangeError) -> Failure {
        let first = |text: &str| text.split("%s").next().unwrap_or_default().to_owned();
        let rows = VenueError::ALL.iter().map(|known| known.row());
        let of_code = rows.filter(|row| row.code == error.code);
        let mut http = None;
        for row in of_code {
            // -1003 has two texts, and two statuses.
            if http.is_none() || error.msg.starts_with(&first(row.text)) {
                http = Some(row.http);
            }
        }
        Failure { http: http.unwrap_or(400), error }
    }
}

impl From<VenueError> for Failure {
    fn from(error: VenueError) -> Failure {
        Failure::of(error)
    }
}
