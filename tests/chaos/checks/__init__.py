"""The promises, one room each."""

from tests.chaos.checks.calls import Calls
from tests.chaos.checks.into_3cx import IntoThreecx
from tests.chaos.checks.journey import Journey
from tests.chaos.checks.keeping import Keeping
from tests.chaos.checks.limits import Limits
from tests.chaos.checks.notices import Notices
from tests.chaos.checks.opt_outs import OptOuts
from tests.chaos.checks.order import Order
from tests.chaos.checks.receipts import Receipts
from tests.chaos.checks.settling import Settling

CHECKS = (Keeping, Receipts, Order, Journey, Settling, Limits, OptOuts, IntoThreecx, Notices, Calls)
