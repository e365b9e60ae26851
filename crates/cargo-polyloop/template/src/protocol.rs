//! What goes over the wire: a line `NUMBER AMOUNT` for each order, and a line with the sum
//! so far as its answer.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use polyloop_framing::Lines;

/// No line of this protocol is longer.
const LONGEST_LINE: usize = 64;

/// Cuts the stream into lines.
pub(crate) fn lines() -> Lines {
    Lines::lf_or_crlf().limit(LONGEST_LINE)
}

/// Something to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Who sends an order again says by this that it is the same one.
    pub number: u64,
    /// How much is added.
    pub amount: u32,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.amount)
    }
}

/// A line that is no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnOrder {
    /// The line.
    pub line: String,
}

impl fmt::Display for NotAnOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a number and an amount, got {:?}", self.line)
    }
}

impl Error for NotAnOrder {}

impl FromStr for Order {
    type Err = NotAnOrder;

    fn from_str(line: &str) -> Result<Self, NotAnOrder> {
        let parse = || {
            let (number, amount) = line.split_once(' ')?;
            Some(Self {
                number: number.parse().ok()?,
                amount: amount.parse().ok()?,
            })
        };
        parse().ok_or_else(|| NotAnOrder {
            line: line.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Order;

    #[test]
    fn an_order_is_read_as_it_is_written() {
        let order = Order {
            number: 7,
            amount: 5,
        };
        assert_eq!(order.to_string().parse(), Ok(order));
        for wrong in ["", "7", "7 ", "7 x", "7 5 1", "-1 5"] {
            assert!(wrong.parse::<Order>().is_err(), "{wrong:?}");
        }
    }
}
