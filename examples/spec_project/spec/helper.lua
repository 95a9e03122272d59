-- Runs before all specs: none of them may take longer than this.
require("neap.testing").deadline(5)
